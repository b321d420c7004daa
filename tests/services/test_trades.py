"""A trade, from report to margin."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from clearing import selectors, store
from clearing.domain.account import AccountNotOpen
from clearing.domain.instrument import InstrumentUnknown, PriceOffTick
from clearing.domain.trade import SelfTrade
from clearing.services import pricing, timekeeping, trades, verification
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


def each_of(*reported):
    return trades.novate_each(list(reported), at=timekeeping.now(), cause=CAUSE)


def test_of_each_that_is_asked_for_the_others_are_taken():
    a_house()

    first, refused, last = each_of(
        a_trade(trade_id="t-1"),
        a_trade(trade_id="t-2", symbol="NONE"),
        a_trade(trade_id="t-3", buyer="SOUTH-1", seller="NORTH-1", quantity="0.4"),
    )

    assert isinstance(refused, InstrumentUnknown)
    assert refused.place == 1
    assert first < last
    assert selectors.account("NORTH-1").lots("BTC-PERP") == 600
    assert verification.verify() == []


@pytest.mark.parametrize(
    ("but", "refusal"),
    [
        ({"buyer": "NOBODY-1"}, AccountNotOpen),
        ({"buyer": "SOUTH-1"}, SelfTrade),
        ({"price": "90000.3"}, PriceOffTick),
        ({"trade_id": "t-1", "quantity": "2"}, KeyReused),
    ],
)
def test_a_refused_one_of_many_leaves_no_trace(but, refusal):
    a_house()

    taken, refused = each_of(a_trade(trade_id="t-1"), a_trade(**({"trade_id": "t-2"} | but)))

    assert isinstance(taken, int)
    assert isinstance(refused, refusal)
    assert selectors.account("SOUTH-1").lots("BTC-PERP") == -1_000
    assert store.led_to(scope="venue:XDER", key="t-2") is None


def test_each_asked_again_is_answered_as_before():
    a_house()
    reported = [a_trade(trade_id=f"t-{each}") for each in range(3)]

    assert each_of(*reported) == each_of(*reported) == novate(*reported)
    assert each_of(reported[0], reported[0])[0] == novate(reported[0])[0]


def test_many_trades_between_the_same_accounts_are_each_decided_on_the_ones_before():
    """One at a time and all at once, the same book: costs are released pro rata, so order tells."""
    a_house()
    sides = ("NORTH-1", "SOUTH-1")
    reported = [
        a_trade(
            trade_id=f"t-{each}",
            quantity=str(1 + each % 3),
            price=str(90_000 + 7 * each),
            buyer=sides[each % 5 < 2],
            seller=sides[each % 5 >= 2],
        )
        for each in range(25)
    ]
    with transaction.atomic():
        for trade in reported:
            novate(trade)
        one_by_one = [selectors.account(side) for side in sides]
        transaction.set_rollback(True)

    novate(*reported)

    assert [selectors.account(side) for side in sides] == one_by_one


def test_a_trade_leads_from_its_key_to_both_legs():
    a_house()

    (last,) = novate(a_trade())

    kept = store.led_to(scope="venue:XDER", key="t-1")
    legs = [selectors.recorded(sequence).fact for sequence in (kept.first, kept.last)]
    assert kept.last == last
    assert [(leg.account_id, leg.trade_id) for leg in legs] == [
        ("NORTH-1", "t-1"),
        ("SOUTH-1", "t-1"),
    ]


def test_however_many_trades_it_is_as_many_statements():
    """Locking and reading is one round trip, recording is one, and so is the register of trades; the
    rest is BEGIN and COMMIT."""
    a_house()

    def asked(*reported) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            novate(*reported)
        return [it["sql"] for it in captured if "SAVEPOINT" not in it["sql"]]

    one = asked(a_trade())
    many = asked(*[a_trade(trade_id=f"m-{each}", quantity="0.001") for each in range(300)])

    now = [it for it in one if "clearing_clock" in it]  # the test's own question
    assert len(one) - len(now) == len(many) - len(now) == 3
