"""Apple's options around the seven-for-one split of 9 June 2014, as quoted."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from clearing.domain import clock
from clearing.domain.adjustment import plain
from clearing.domain.events import InstrumentListed
from clearing.domain.instrument import Instrument, Kind, Payoff
from tests.feed_rows import DATA

AAPL = DATA / "listed" / "aapl_option_chain_2014-06-06_2014-06-09.csv.gz"
STOCK = DATA / "listed" / "equity_daily_spy_aapl_1998-01-02_2021-03-31.csv.gz"
QUOTED_AFTER = 2_180  # series with a quote on the first day after
CLOSE_HOUR = 20  # UTC, in summer

Key = tuple[str, Decimal, str]  # expiry, strike, call | put


@cache
def rows_of(date: str) -> dict[Key, dict[str, str]]:
    """A day's rows by series."""
    with gzip.open(AAPL, "rt") as file:
        return {
            (row["expiry"], Decimal(row["strike"]), row["option_type"]): row
            for row in csv.DictReader(file)
            if row["date"] == date
        }


def expiry_of(date: str) -> datetime:
    return datetime.fromisoformat(date).replace(hour=CLOSE_HOUR, tzinfo=UTC)


def symbol_of(expiry: str, strike: Decimal, option_type: str) -> str:
    return f"AAPL-{expiry.replace('-', '')}-{plain(strike)}-{option_type[0].upper()}"


def listing(expiry: str, strike: Decimal, option_type: str, **but: Any) -> InstrumentListed:
    """The series as this house lists it: European and paid in cash, 100 shares a lot."""
    usual = {
        "symbol": symbol_of(expiry, strike, option_type),
        "kind": "option",
        "payoff": "linear",
        "underlying": "AAPL",
        "quote": "USD",
        "settlement": "USD",
        "lot_size": "100",
        "tick_size": "0.01",
        "expiry_at": clock.text(expiry_of(expiry)),
        "strike": plain(strike),
        "option_type": option_type,
    }
    return InstrumentListed(**(usual | but))


def aapl(expiry: str, strike: Decimal, option_type: str) -> Instrument:
    """The same, resolved."""
    return Instrument(
        symbol=symbol_of(expiry, strike, option_type),
        kind=Kind.OPTION,
        payoff=Payoff.LINEAR,
        underlying="AAPL",
        quote="USD",
        settlement="USD",
        scale=2,
        underlying_scale=0,
        lot_size=Decimal(100),
        tick_size=Decimal("0.01"),
        expiry_at=expiry_of(expiry),
        strike=strike,
        is_call=option_type == "call",
    )
