"""A snapshot's options as arrays, for the surface: the border where decimals become floats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from config.feeds.layouts import OptionRow
from config.feeds.snapshots import Snapshot, median
from margin.engine.pricing import YEAR_SECONDS
from margin.engine.surface import Chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One currency's chain and what its rows are called.

    underlying  (E,) median of what the venue says each expiry's forward is, to compare with
    """

    currency: str
    chain: Chain
    symbols: tuple[str, ...]
    expiries: tuple[datetime, ...]
    underlying: tuple[float, ...]
    venue_vol: tuple[float, ...]  # (N,)


def boards(snapshot: Snapshot) -> list[Board]:
    """One for each currency of the snapshot, by name; forwards are left to be found."""
    found: dict[str, list[tuple[datetime, OptionRow]]] = {}
    for said_at, row in snapshot.options:
        found.setdefault(row.name.currency, []).append((said_at, row))
    return [_board(currency, rows, snapshot.at) for currency, rows in sorted(found.items())]


def _board(currency: str, rows: list[tuple[datetime, OptionRow]], at: datetime) -> Board:
    options = [row for _, row in rows]
    expiries = sorted({row.name.expiry_at for row in options})
    place = {expiry_at: number for number, expiry_at in enumerate(expiries)}
    said: dict[datetime, list[Decimal]] = {}
    for row in options:
        said.setdefault(row.name.expiry_at, []).append(row.forward)
    chain = Chain(
        years=np.array([(it - at).total_seconds() / YEAR_SECONDS for it in expiries]),
        forward=np.full(len(expiries), np.nan),
        expiry=np.array([place[row.name.expiry_at] for row in options], dtype=np.int64),
        strike=np.array([float(row.name.strike) for row in options]),
        is_call=np.array([row.name.is_call for row in options], dtype=np.bool_),
        bid=np.array([np.nan if row.bid is None else float(row.bid) for row in options]),
        ask=np.array([np.nan if row.ask is None else float(row.ask) for row in options]),
        age=np.array([(at - said_at).total_seconds() for said_at, _ in rows]),
        in_coin=True,
    )
    return Board(
        currency=currency,
        chain=chain,
        symbols=tuple(row.name.symbol for row in options),
        expiries=tuple(expiries),
        underlying=tuple(float(median(said[expiry_at])) for expiry_at in expiries),
        venue_vol=tuple(float(row.vol) for row in options),
    )
