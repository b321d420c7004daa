"""Terms, ticks, lots and what is paid at the end."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import instrument
from clearing.domain.amounts import AmountNotExact
from clearing.domain.instrument import (
    InstrumentNotTrading,
    Kind,
    LotsOutOfRange,
    PriceNotPositive,
    PriceOffTick,
    QuantityOffLot,
    Status,
    TermsNotValid,
)
from tests.domain.instruments import (
    ALL,
    CALL,
    EXPIRY,
    FUTURE,
    INVERSE,
    LINEAR_CALL,
    PERPETUAL,
    PUT,
    SPOT,
    an_instrument,
    an_option,
)


@pytest.mark.parametrize("it", ALL, ids=lambda it: it.symbol)
def test_one_of_each_kind_has_valid_terms(it):
    instrument.check_terms(it)


@pytest.mark.parametrize(
    ("it", "field"),
    [
        (an_instrument(symbol=""), "symbol"),
        (an_instrument(symbol="X" * 41), "symbol"),
        (an_instrument(symbol="₿"), "symbol"),
        (an_instrument(lot_size=Decimal(0)), "lot_size"),
        (an_instrument(tick_size=Decimal("-0.5")), "tick_size"),
        (an_instrument(expiry_at=EXPIRY), "expiry_at"),
        (an_instrument(kind=Kind.FUTURE), "expiry_at"),
        (an_instrument(strike=Decimal(1)), "strike"),
        (an_option(strike=None), "strike"),
        (an_option(strike=Decimal(0)), "strike"),
        (an_option(is_call=None), "is_call"),
        (an_instrument(settlement="BTC"), "settlement"),
        (an_option(settlement="USDC"), "settlement"),
        (an_instrument(kind=Kind.SPOT, payoff="inverse", settlement="BTC"), None),
    ],
)
def test_terms_that_make_no_instrument_name_the_field(it, field):
    if field is None:
        it = an_instrument(
            kind=Kind.SPOT, payoff=instrument.Payoff.INVERSE, settlement="BTC", scale=8
        )
        field = "payoff"

    with pytest.raises(TermsNotValid) as caught:
        instrument.check_terms(it)

    assert caught.value.field == field


def test_a_tick_that_cannot_be_paid_exactly_is_refused():
    with pytest.raises(AmountNotExact):
        instrument.check_terms(an_instrument(tick_size=Decimal("0.0000001")))
    with pytest.raises(AmountNotExact):
        instrument.check_terms(
            an_instrument(kind=Kind.SPOT, lot_size=Decimal("0.000000001"), tick_size=Decimal(1000))
        )


@given(st.integers(1, instrument.MOST_LOTS))
def test_whole_lots_are_counted(lots):
    assert instrument.lots_of(PERPETUAL, lots * PERPETUAL.lot_size) == lots


@pytest.mark.parametrize("quantity", ["0.0005", "0.0011", "1.00000000001"])
def test_broken_lots_are_refused(quantity):
    with pytest.raises(QuantityOffLot):
        instrument.lots_of(PERPETUAL, Decimal(quantity))


@pytest.mark.parametrize("quantity", ["0", "-1", "1000000.001"])
def test_no_lots_and_too_many_are_refused(quantity):
    with pytest.raises(LotsOutOfRange):
        instrument.lots_of(PERPETUAL, Decimal(quantity))


@given(st.integers(1, 10**9))
def test_whole_ticks_are_counted_and_priced_back(ticks):
    price = instrument.price_of(PERPETUAL, ticks)

    assert instrument.ticks_of(PERPETUAL, price) == ticks
    assert instrument.nearest_ticks(PERPETUAL, price + Decimal("0.2")) == ticks


def test_a_price_between_ticks_is_refused():
    with pytest.raises(PriceOffTick):
        instrument.ticks_of(PERPETUAL, Decimal("90000.25"))


def test_only_an_option_trades_at_nothing():
    assert instrument.ticks_of(CALL, Decimal(0)) == 0
    for it, price in ((PERPETUAL, "0"), (SPOT, "-0.5"), (CALL, "-0.0001")):
        with pytest.raises(PriceNotPositive):
            instrument.ticks_of(it, Decimal(price))


def test_it_trades_until_its_expiry_and_not_at_it():
    instrument.check_trading(FUTURE, at=EXPIRY - timedelta(microseconds=1))
    with pytest.raises(InstrumentNotTrading):
        instrument.check_trading(FUTURE, at=EXPIRY)


@pytest.mark.parametrize("status", [Status.HALTED, Status.EXPIRED])
def test_what_is_not_listed_does_not_trade(status):
    with pytest.raises(InstrumentNotTrading):
        instrument.check_trading(an_instrument(status=status), at=EXPIRY)


# --- what is paid -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("it", "index", "paid"),
    [
        (FUTURE, "95000", 95_000_000),
        (CALL, "125000", 2_000_000),  # a fifth of a tenth of a coin
        (CALL, "100000", 0),
        (CALL, "99999.99", 0),
        (PUT, "64000", 2_500_000),
        (PUT, "80000.01", 0),
        (LINEAR_CALL, "100000.5", 50_000),
    ],
)
def test_one_long_lot_is_paid_by_the_final_index(it, index, paid):
    assert instrument.payout(it, Decimal(index)) == paid


@given(st.decimals("1", "10000000", places=2), st.decimals("1", "10000000", places=2))
def test_a_call_and_a_put_are_worth_the_forward(index, strike):
    call, put, future = (
        instrument.payout(it, index)
        for it in (
            an_option(**LINEAR, strike=strike, is_call=True),
            an_option(**LINEAR, strike=strike, is_call=False),
            an_instrument(kind=Kind.FUTURE, expiry_at=EXPIRY),
        )
    )
    at_strike = instrument.lot_value(PERPETUAL, strike)

    assert call >= 0
    assert put >= 0
    assert call - put == future - at_strike


LINEAR = {
    "payoff": instrument.Payoff.LINEAR,
    "settlement": "USDC",
    "scale": 6,
    "lot_size": PERPETUAL.lot_size,
    "tick_size": PERPETUAL.tick_size,
}


@given(st.decimals("0.01", "10000000", places=2))
def test_a_call_in_coin_never_pays_more_than_the_coin(index):
    assert 0 <= instrument.payout(CALL, index) <= 10_000_000


def test_an_inverse_lot_gains_for_the_long_side_when_the_price_rises():
    low, high = (instrument.lot_value(INVERSE, Decimal(price)) for price in ("50000", "100000"))

    assert (low, high) == (-20_000, -10_000)
