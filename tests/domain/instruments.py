"""Resolved terms, one of each kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clearing.domain.instrument import Instrument, Kind, Payoff
from clearing.domain.trade import Leg

EXPIRY = datetime(2026, 1, 30, 8, tzinfo=UTC)


def an_instrument(**but: Any) -> Instrument:
    """A linear perpetual, unless said otherwise."""
    usual = Instrument(
        symbol="BTC-PERP",
        kind=Kind.PERPETUAL,
        payoff=Payoff.LINEAR,
        underlying="BTC",
        quote="USDC",
        settlement="USDC",
        scale=6,
        underlying_scale=8,
        lot_size=Decimal("0.001"),
        tick_size=Decimal("0.5"),
    )
    return replace(usual, **but)


def an_option(**but: Any) -> Instrument:
    """A call settled in coin, unless said otherwise."""
    usual = {
        "symbol": "BTC-C",
        "kind": Kind.OPTION,
        "payoff": Payoff.INVERSE,
        "settlement": "BTC",
        "scale": 8,
        "lot_size": Decimal("0.1"),
        "tick_size": Decimal("0.0001"),
        "expiry_at": EXPIRY,
        "strike": Decimal(100_000),
        "is_call": True,
    }
    return an_instrument(**(usual | but))


PERPETUAL = an_instrument()
FUTURE = an_instrument(symbol="BTC-FUT", kind=Kind.FUTURE, expiry_at=EXPIRY)
SPOT = an_instrument(symbol="BTC-SPOT", kind=Kind.SPOT)
CALL = an_option()
PUT = an_option(symbol="BTC-P", is_call=False, strike=Decimal(80_000))
LINEAR_CALL = an_option(
    symbol="BTC-LC",
    payoff=Payoff.LINEAR,
    settlement="USDC",
    scale=6,
    tick_size=Decimal("0.5"),
)
INVERSE = an_instrument(
    symbol="BTC-INV", payoff=Payoff.INVERSE, settlement="BTC", scale=8, lot_size=Decimal(10)
)
ALL = (PERPETUAL, FUTURE, SPOT, CALL, PUT, LINEAR_CALL, INVERSE)


def a_leg(**but: Any) -> Leg:
    usual = {
        "account_id": "NORTH-1",
        "side": "buyer",
        "trade_id": "t-1",
        "venue": "XDER",
        "lots": 5,
        "price_ticks": 180_000,
    }
    return Leg(**(usual | but))
