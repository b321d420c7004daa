"""A trade, from report to margin."""

from __future__ import annotations

import pytest

from clearing import selectors
from clearing.services import pricing, timekeeping, trades
from clearing.store import KeyReused
from margin import selectors as margin
from tests.builders import CALL, CAUSE, a_house, a_price_set, a_trade, run_due_jobs

pytestmark = pytest.mark.django_db


def novate(*reported):
    return trades.novate_all(list(reported), at=timekeeping.now(), cause=CAUSE)


def test_a_trade_puts_the_house_between_buyer_and_seller():
    a_house()

    novate(a_trade(quantity="1", price="90000"))

    assert selectors.account("NORTH-1").lots("BTC-PERP") == 1_000
    assert selectors.account("SOUTH-1").lots("BTC-PERP") == -1_000
    assert selectors.account("NORTH-1").cost("BTC-PERP") == 90_000_000_000
    assert all(members + house == 0 for _, members, house in selectors.trial_balance())


def test_an_option_premium_is_paid_at_the_trade():
    a_house()

    novate(a_trade(symbol=CALL, quantity="0.5", price="0.0123"))

    assert selectors.account("NORTH-1").cash("BTC") == -615_000
    assert selectors.account("SOUTH-1").cash("BTC") == 615_000


def test_the_same_report_twice_is_one_trade():
    a_house()

    first, again = novate(a_trade()), novate(a_trade())

    assert first == again
    assert selectors.account("NORTH-1").lots("BTC-PERP") == 1_000


def test_the_same_id_with_other_content_is_refused():
    a_house()
    novate(a_trade())

    with pytest.raises(KeyReused):
        novate(a_trade(quantity="2"))


def test_both_accounts_are_margined_on_the_sealed_set():
    a_house()
    pricing.seal(a_price_set(), cause=CAUSE)

    novate(a_trade())
    run_due_jobs()

    for account in ("NORTH-1", "SOUTH-1"):
        row = margin.latest_requirement(account)
        assert row.reason == ""
        assert row.equity == 1_000_000_000_000
        assert row.maintenance > 0
