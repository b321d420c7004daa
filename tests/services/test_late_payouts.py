"""Lots of an expired contract that a bust brings back, and an expiry price that is corrected: in
either order, everybody ends as if the trade had never been and the price had been right."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from clearing import selectors
from clearing.services import pricing, resettlement, settlement, timekeeping
from tests.builders import CALL, CAUSE, EXPIRY, FUTURE, a_price_set
from tests.services.posttrade import (
    ACCOUNTS,
    a_busy_house,
    assert_sound,
    bust,
    claim,
    correct,
    give_up,
    trade,
)

pytestmark = pytest.mark.django_db
PRICES = {FUTURE: "90000", CALL: "0.0123"}
ROUNDING = 2  # minor units: each payout of an account is rounded on its own


def everything() -> dict[str, dict[str, int]]:
    return {account_id: dict(selectors.holdings(account_id)) for account_id in ACCOUNTS}


def expire(index: str) -> int:
    sequence = pricing.seal(a_price_set(index, at=EXPIRY), cause=CAUSE)
    settlement.settle_expiries(sequence, cause=CAUSE)
    timekeeping.advance(EXPIRY + timedelta(hours=1), cause=CAUSE)
    return sequence


def correct_price(wrong: int, index: str) -> int:
    """Corrected and settled again; the sequence of the correction."""
    found = a_price_set(index, at=EXPIRY)
    correction = pricing.correct(wrong, found, reason="a digit", cause=CAUSE)
    resettlement.resettle(correction, cause=CAUSE)
    assert resettlement.resettle(correction, cause=CAUSE) == []
    return correction


def some_trades(symbol: str, *, mistaken: bool) -> None:
    """EAST is in both; `t-1` is the one that is busted, some of it given up before."""
    trade("t-0", symbol=symbol, price=PRICES[symbol], quantity="0.7", buyer="EAST-1")
    if mistaken:
        trade("t-1", symbol=symbol, price=PRICES[symbol], quantity="0.5")
        claim(give_up(quantity="0.2"))


def as_if_never(symbol: str, index: str) -> dict[str, dict[str, int]]:
    """The history without mistakes, in a savepoint that is taken back."""
    from django.db import transaction

    with transaction.atomic():
        a_busy_house()
        some_trades(symbol, mistaken=False)
        expire(index)
        found = everything()
        transaction.set_rollback(True)
    return found


def assert_alike(found: dict[str, dict[str, int]], wanted: dict[str, dict[str, int]]) -> None:
    for account_id, held in wanted.items():
        mine = found[account_id]
        assert mine.keys() == held.keys()
        assert all(abs(mine[asset] - held[asset]) <= ROUNDING for asset in held), account_id


@pytest.mark.parametrize("order", list(permutations(["bust", "price"])), ids="-".join)
@pytest.mark.parametrize("right", ["91000.37", "120000.01", "40000"])
@pytest.mark.parametrize("symbol", [FUTURE, CALL])
def test_a_bust_and_a_corrected_price_lead_to_the_history_without_both(symbol, right, order):
    wanted = as_if_never(symbol, right)
    a_busy_house()
    some_trades(symbol, mistaken=True)
    wrong = expire("95000")

    for step in order:
        if step == "bust":
            bust()
        else:
            correct_price(wrong, right)

    assert_alike(everything(), wanted)
    assert_sound()


def test_a_price_that_is_corrected_before_and_after_a_bust_is_paid_once():
    wanted = as_if_never(FUTURE, "93000")
    a_busy_house()
    some_trades(FUTURE, mistaken=True)
    first = correct_price(expire("95000"), "91000")
    bust()
    correct_price(first, "93000")

    assert_alike(everything(), wanted)
    assert_sound()


def test_lots_that_come_back_to_who_held_none_at_expiry_are_settled_again_too():
    """NORTH had sold on what it bought; the bust leaves it short of it, and nobody else is left."""
    a_busy_house()
    trade("t-1", symbol=FUTURE, price="90000")
    trade("t-2", symbol=FUTURE, price="90500", buyer="SOUTH-1", seller="NORTH-1")
    before = everything()["NORTH-1"]["cash:USDC"]
    wrong = expire("95000")
    bust("t-1")
    assert everything()["NORTH-1"]["cash:USDC"] != before

    correct_price(wrong, "90500")

    # only the sale at 90,500 ever was, and it expired at 90,500
    assert everything()["NORTH-1"]["cash:USDC"] == 1_000_000_000_000
    assert everything()["SOUTH-1"]["cash:USDC"] == 1_000_000_000_000
    assert_sound()


def test_a_trade_that_is_corrected_after_expiry_is_paid_at_the_price_that_stands():
    a_busy_house()
    trade("t-1", symbol=FUTURE, price="90000")
    correct_price(expire("95000"), "91000")

    correct("t-1", by="t-1c", symbol=FUTURE, price="90400")

    assert everything()["NORTH-1"]["cash:USDC"] == 1_000_600_000_000
    assert_sound()
