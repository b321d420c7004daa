"""Deribit's contracts by name: BTC-27MAR26-90000-C, BTC-27MAR26, BTC-PERPETUAL, BTC-USDC.

Options pay in coin (inverse), one lot is 0.1 BTC or 1 ETH. Dated futures and perpetuals are inverse
too: a lot is 10 USD of BTC or 1 USD of ETH. Spot stands for the index. Everything dated expires at
08:00 UTC. Strikes and indices are in USD; the house quotes them in USDC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from clearing.domain import clock
from clearing.domain.events import InstrumentListed
from clearing.domain.instrument import TermsNotValid

QUOTE = "USDC"
EXPIRY_HOUR = 8
MONTHS = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}
_OPTION = re.compile(r"([A-Z]{2,6})-([1-9]\d?)([A-Z]{3})(\d\d)-([1-9]\d{0,8})-([CP])")
_FUTURE = re.compile(r"([A-Z]{2,6})-([1-9]\d?)([A-Z]{3})(\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    scale: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Lots and ticks as listed here; a tick of each is a whole number of minor units."""

    option_lot: str
    option_tick: str
    future_lot: str
    future_tick: str
    spot_lot: str
    spot_tick: str


ASSETS = {
    "BTC": Asset(scale=8, title="Bitcoin"),
    "ETH": Asset(scale=9, title="Ether"),
    QUOTE: Asset(scale=6, title="USD Coin"),
}
SIZES = {
    "BTC": Sizes(
        option_lot="0.1",
        option_tick="0.0001",
        future_lot="10",
        future_tick="0.5",
        spot_lot="0.0001",
        spot_tick="0.01",
    ),
    "ETH": Sizes(
        option_lot="1",
        option_tick="0.0001",
        future_lot="1",
        future_tick="0.05",
        spot_lot="0.001",
        spot_tick="0.01",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionName:
    symbol: str
    currency: str
    expiry_at: datetime
    strike: Decimal
    is_call: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureName:
    symbol: str
    currency: str
    expiry_at: datetime


@lru_cache(maxsize=20_000)
def option_name(symbol: str) -> OptionName:
    """Raises TermsNotValid."""
    found = _OPTION.fullmatch(symbol)
    if found is None:
        raise TermsNotValid(field="symbol", got=symbol[:60], form="BTC-27MAR26-90000-C")
    currency, day, month, year, strike, right = found.groups()
    return OptionName(
        symbol=symbol,
        currency=_known(currency),
        expiry_at=_expiry(symbol, day=day, month=month, year=year),
        strike=Decimal(strike),
        is_call=right == "C",
    )


@lru_cache(maxsize=2_000)
def future_name(symbol: str) -> FutureName | None:
    """None for a synthetic future (SYN.), the index, or none. Raises TermsNotValid."""
    if symbol in ("", "index_price") or symbol.startswith("SYN."):
        return None
    found = _FUTURE.fullmatch(symbol)
    if found is None:
        raise TermsNotValid(field="underlying", got=symbol[:60], form="BTC-27MAR26")
    currency, day, month, year = found.groups()
    return FutureName(
        symbol=symbol,
        currency=_known(currency),
        expiry_at=_expiry(symbol, day=day, month=month, year=year),
    )


def _known(currency: str) -> str:
    if currency not in SIZES:
        raise TermsNotValid(field="currency", got=currency, known=" ".join(SIZES))
    return currency


def _expiry(symbol: str, *, day: str, month: str, year: str) -> datetime:
    try:
        return datetime(2000 + int(year), MONTHS[month], int(day), EXPIRY_HOUR, tzinfo=UTC)
    except (KeyError, ValueError):
        raise TermsNotValid(field="expiry_at", got=symbol) from None


def perpetual_symbol(currency: str) -> str:
    return f"{currency}-PERPETUAL"


def spot_symbol(currency: str) -> str:
    return f"{currency}-{QUOTE}"


def option(name: OptionName) -> InstrumentListed:
    sizes = SIZES[name.currency]
    return InstrumentListed(
        symbol=name.symbol,
        kind="option",
        payoff="inverse",
        underlying=name.currency,
        quote=QUOTE,
        settlement=name.currency,
        lot_size=sizes.option_lot,
        tick_size=sizes.option_tick,
        expiry_at=clock.text(name.expiry_at),
        strike=str(name.strike),
        option_type="call" if name.is_call else "put",
    )


def future(name: FutureName) -> InstrumentListed:
    return _inverse(name.currency, symbol=name.symbol, expiry_at=clock.text(name.expiry_at))


def perpetual(currency: str) -> InstrumentListed:
    return _inverse(currency, symbol=perpetual_symbol(currency), expiry_at="")


def _inverse(currency: str, *, symbol: str, expiry_at: str) -> InstrumentListed:
    return InstrumentListed(
        symbol=symbol,
        kind="future" if expiry_at else "perpetual",
        payoff="inverse",
        underlying=currency,
        quote=QUOTE,
        settlement=currency,
        lot_size=SIZES[currency].future_lot,
        tick_size=SIZES[currency].future_tick,
        expiry_at=expiry_at,
        strike="",
        option_type="",
    )


def spot(currency: str) -> InstrumentListed:
    return InstrumentListed(
        symbol=spot_symbol(currency),
        kind="spot",
        payoff="linear",
        underlying=currency,
        quote=QUOTE,
        settlement=QUOTE,
        lot_size=SIZES[currency].spot_lot,
        tick_size=SIZES[currency].spot_tick,
        expiry_at="",
        strike="",
        option_type="",
    )
