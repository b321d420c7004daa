"""A matched trade becomes two legs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain.amounts import AmountOutOfRange, NotANumber
from clearing.domain.instrument import PriceOffTick, QuantityOffLot
from clearing.domain.trade import SelfTrade, TradeIdNotValid, leg_value, legs_of
from tests.builders import a_trade
from tests.domain.instruments import ALL, INVERSE, PERPETUAL, an_instrument


def test_both_sides_carry_the_same_lots_with_opposite_sign():
    first, second = legs_of(a_trade(quantity="1.5", price="90000.5"), PERPETUAL)

    assert (first.account_id, first.side, first.lots) == ("NORTH-1", "buyer", 1_500)
    assert (second.account_id, second.side, second.lots) == ("SOUTH-1", "seller", -1_500)
    assert first.price_ticks == second.price_ticks == 180_001


@pytest.mark.parametrize(("buyer", "seller"), [("A", "B"), ("B", "A"), ("a", "B"), ("A-10", "A-2")])
def test_legs_come_in_the_order_streams_are_claimed_in(buyer, seller):
    legs = legs_of(a_trade(buyer=buyer, seller=seller), PERPETUAL)

    assert [leg.account_id for leg in legs] == sorted([buyer, seller])


@pytest.mark.parametrize(("length", "venue"), [(89, "XDER"), (73, "A" * 20)])
def test_an_id_is_as_long_as_the_name_of_what_follows_may_be(length, venue):
    longest = a_trade(trade_id="x" * length, venue=venue)
    legs_of(longest, PERPETUAL)

    for refused in ("x" * (length + 1), ""):
        with pytest.raises(TradeIdNotValid) as why:
            legs_of(replace(longest, trade_id=refused), PERPETUAL)
        assert (why.value.field, why.value.facts["longest"]) == ("trade_id", str(length))


def test_nobody_trades_with_himself():
    with pytest.raises(SelfTrade):
        legs_of(a_trade(buyer="NORTH-1", seller="NORTH-1"), PERPETUAL)


@pytest.mark.parametrize(
    ("but", "refusal"),
    [
        ({"quantity": "much"}, NotANumber),
        ({"price": "NaN"}, NotANumber),
        ({"quantity": "0.0001"}, QuantityOffLot),
        ({"price": "90000.1"}, PriceOffTick),
    ],
)
def test_a_report_is_exact_or_refused(but, refusal):
    with pytest.raises(refusal) as caught:
        legs_of(a_trade(**but), PERPETUAL)

    assert caught.value.field == next(iter(but))


@given(st.sampled_from(ALL), st.integers(1, 10**6), st.integers(1, 10**6))
def test_what_the_buyer_pays_the_seller_gets(it, lots, ticks):
    bought = leg_value(it, lots=lots, ticks=ticks)

    assert bought == -leg_value(it, lots=-lots, ticks=ticks)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_linear_leg_is_exact(lots, ticks):
    value = lots * PERPETUAL.lot_size * ticks * PERPETUAL.tick_size

    assert leg_value(PERPETUAL, lots=lots, ticks=ticks) == value.scaleb(6)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_an_inverse_leg_is_rounded_once(lots, ticks):
    """Coin is money over price; the whole leg is off by half a minor unit at most."""
    coin = lots * INVERSE.lot_size / (ticks * INVERSE.tick_size)

    value = leg_value(INVERSE, lots=lots, ticks=ticks)

    assert value <= 0
    assert abs(-value - coin.scaleb(8)) <= Decimal("0.5000001")


def test_a_value_no_column_holds_is_refused():
    dear = an_instrument(lot_size=Decimal(1_000))

    with pytest.raises(AmountOutOfRange):
        leg_value(dear, lots=10**9, ticks=10**9)
