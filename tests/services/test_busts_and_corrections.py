"""A bust and a corrected final price, in either order: afterwards the trade never was (I16)."""

from __future__ import annotations

import pytest

from clearing import selectors
from clearing.services import busts, pricing, resettlement, settlement, timekeeping
from tests.builders import CALL, CAUSE, EXPIRY, FUTURE, a_house, a_price_set
from tests.services.test_cycles import gained, nothing_is_lost, traded

pytestmark = pytest.mark.django_db

TERMS = {FUTURE: {"price": "90000"}, CALL: {"quantity": "1", "price": "0"}}


def expired_wrongly() -> int:
    a_house()
    for symbol, terms in TERMS.items():
        traded(f"stays-{symbol}", symbol=symbol, **terms)
        traded(f"goes-{symbol}", symbol=symbol, **terms)
    wrong = pricing.seal(a_price_set("125000", at=EXPIRY), cause=CAUSE)
    settlement.settle_expiries(wrong, cause=CAUSE)
    return wrong


def bust() -> None:
    for symbol in TERMS:
        busts.bust(
            "XDER", f"goes-{symbol}", key=symbol, reason="r", at=timekeeping.now(), cause=CAUSE
        )


def correct(wrong: int, index: str) -> int:
    right = a_price_set(index, at=EXPIRY)
    sequence = pricing.correct(wrong, right, reason="wrong", cause=CAUSE)
    resettlement.resettle(sequence, cause=CAUSE)
    assert resettlement.resettle(sequence, cause=CAUSE) == []
    return sequence


def as_if_one_trade_had_stood_at(index: int) -> None:
    in_coin = round((index - 100_000) / index * 10**8)
    assert (gained("NORTH-1"), gained("SOUTH-1")) == (
        (index - 90_000) * 10**6,
        (90_000 - index) * 10**6,
    )
    assert (gained("NORTH-1", "BTC"), gained("SOUTH-1", "BTC")) == (in_coin, -in_coin)
    for symbol in TERMS:
        assert selectors.account("NORTH-1").lots(symbol) == 0
    nothing_is_lost()


def test_a_bust_and_then_a_corrected_final_price():
    wrong = expired_wrongly()
    bust()

    correct(wrong, "110000")

    as_if_one_trade_had_stood_at(110_000)


def test_a_corrected_final_price_and_then_a_bust():
    wrong = expired_wrongly()
    correct(wrong, "110000")

    bust()

    as_if_one_trade_had_stood_at(110_000)


def test_a_bust_between_two_corrections():
    wrong = expired_wrongly()
    first = correct(wrong, "110000")
    bust()

    correct(first, "160000")

    as_if_one_trade_had_stood_at(160_000)


def test_a_trade_corrected_after_expiry_has_its_new_terms_at_the_corrected_price():
    from tests.builders import a_trade

    wrong = expired_wrongly()
    by = a_trade(trade_id="new", symbol=FUTURE, price="100000", quantity="2")
    busts.correct(
        "XDER", f"goes-{FUTURE}", by=by, key="k", reason="r", at=timekeeping.now(), cause=CAUSE
    )

    correct(wrong, "110000")

    assert gained("NORTH-1") == (20_000 + 2 * 10_000) * 10**6
    assert gained("SOUTH-1") == -gained("NORTH-1")
    nothing_is_lost()
