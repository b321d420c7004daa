"""Cash expiry: at the first sealed set after it, from prices that are there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clearing import selectors
from clearing.services import pricing, timekeeping, trades
from tests.builders import (
    CALL,
    CAUSE,
    EXPIRY,
    FUTURE,
    PUT,
    a_house,
    a_price_set,
    a_trade,
    run_due_jobs,
)

pytestmark = pytest.mark.django_db


def a_traded_house() -> None:
    a_house()
    pricing.seal(a_price_set("90000"), cause=CAUSE)
    for number, (symbol, quantity, price) in enumerate(
        [(FUTURE, "1", "90000"), (CALL, "0.5", "0.0123"), (PUT, "0.3", "0.0101")]
    ):
        trade = a_trade(trade_id=f"t-{number}", symbol=symbol, quantity=quantity, price=price)
        trades.novate(trade, at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()


def seal_after_expiry(index: str, *, hours: int = 1, without: str = "") -> None:
    """A set past the expiry quotes only what has none."""
    at = EXPIRY + timedelta(hours=hours)
    usual = a_price_set(index, at=at)
    quotes = {symbol: usual.quotes[symbol] for symbol in ("BTC-PERP", "BTC-PERPETUAL", "BTC-USDC")}
    found = replace(usual, quotes=quotes, forwards={})
    if without:
        found = replace(found, indices={"ETH": "3000"}, quotes={})
    pricing.seal(found, cause=CAUSE)
    run_due_jobs()


def test_holders_are_paid_what_the_contracts_are_worth_at_the_index():
    a_traded_house()

    seal_after_expiry("120000")

    north = selectors.account("NORTH-1")
    assert north.lots(FUTURE) == north.lots(CALL) == north.lots(PUT) == 0
    assert north.cost(FUTURE) == 0
    assert north.cash("USDC") == 1_000_000_000_000 + 30_000_000_000
    # half a call: (120,000 - 100,000) / 120,000 of a coin, rounded on the whole; premiums paid
    assert north.cash("BTC") == 8_333_333 - 5 * 123_000 - 3 * 101_000
    assert all(members + house == 0 for _, members, house in selectors.trial_balance())


def test_settling_again_pays_nobody_twice():
    a_traded_house()
    seal_after_expiry("120000")
    before = selectors.holdings("NORTH-1")

    seal_after_expiry("60000", hours=2)

    assert selectors.holdings("NORTH-1") == before


def test_a_set_without_the_index_leaves_the_contract_for_the_next_one():
    a_traded_house()

    seal_after_expiry("0", without="BTC")
    assert selectors.account("NORTH-1").lots(FUTURE) == 1_000
    assert selectors.latest_prices().settled

    seal_after_expiry("120000", hours=2)
    assert selectors.account("NORTH-1").lots(FUTURE) == 0
