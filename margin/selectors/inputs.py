"""The border where integers become arrays.

`resolved` and `arrays` are the only places where ticks, lots and minor units turn into floats for
the engine; `margin/services/runs.py` turns its results back. Names are looked up once for each
distinct asset, never for each holding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import numpy as np
from scipy.sparse import coo_array, csr_array

from clearing import selectors as record
from clearing.domain.instrument import Instrument, Kind, Payoff
from clearing.domain.prices import PriceSet, forward_key
from clearing.selectors import BookColumns, SealedPrices
from margin.engine import risk_array, shapes
from margin.engine.parameters import Parameters
from margin.engine.risk_array import RiskArray
from margin.engine.shapes import Book, Floats, Ints, Market
from margin.selectors.rules import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A sealed set as the engine sees it, and which row or column is what."""

    prices: SealedPrices
    rules: Rules
    market: Market
    array: RiskArray
    series: Mapping[str, int]  # symbol -> row
    underlyings: tuple[str, ...]
    collateral: tuple[str, ...]
    instruments: Mapping[str, Instrument]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """The accounts that can be priced, in the book's order, and why each of the others cannot."""

    book: Book
    rows: list[int]  # places in the book's columns
    refused: dict[int, str]


class _Into(IntEnum):
    """Which array a holding belongs in."""

    NOWHERE = 0
    POSITIONS = 1
    COST = 2
    COIN_COST = 3
    CASH = 4
    COLLATERAL = 5
    OWNED = 6  # has no price: worth nothing to who owns it, and a debt of it cannot be priced


@dataclass(frozen=True, slots=True)
class _Place:
    into: _Into
    column: int = 0
    digits: int = 0
    reason: str = ""


MOST_ASIDE = 4

_markets: dict[tuple[str, str], Resolved] = {}
_aside: dict[tuple[str, str], Resolved] = {}


def resolved(prices: SealedPrices, in_force: Rules) -> Resolved:
    """The set's market and its risk array; kept while it is the latest, since both are named."""
    key = (prices.name, in_force.name)
    found = _markets.get(key)
    if found is None:
        found = _resolve(prices, in_force)
        _markets.clear()
        _markets[key] = found
    return found


def resolved_aside(prices: SealedPrices, in_force: Rules) -> Resolved:
    """The same for a set that is asked about beside the latest, which stays kept."""
    key = (prices.name, in_force.name)
    if key in _markets:
        return _markets[key]
    if key not in _aside:
        while len(_aside) >= MOST_ASIDE:
            _aside.pop(next(iter(_aside)))
        _aside[key] = _resolve(prices, in_force)
    return _aside[key]


def _resolve(prices: SealedPrices, in_force: Rules) -> Resolved:
    found = prices.prices
    instruments = record.instruments(found.quotes)
    priced = sorted(
        (it for it in instruments.values() if it.kind is not Kind.SPOT),
        key=lambda it: (it.underlying, it.expiry_at or found.at, it.symbol),
    )
    underlyings = tuple(sorted(found.indices))
    collateral = tuple(asset for asset in underlyings if asset != in_force.reporting)
    market = Market(
        underlyings=_underlyings(found, underlyings),
        expiries=_expiries(found, priced, underlyings),
        series=_series(found, priced, underlyings),
        collateral=_collateral(found, collateral, underlyings, in_force.parameters),
    )
    return Resolved(
        prices=prices,
        rules=in_force,
        market=market,
        array=risk_array.build(market, in_force.parameters),
        series={it.symbol: row for row, it in enumerate(priced)},
        underlyings=underlyings,
        collateral=collateral,
        instruments=instruments,
    )


def _underlyings(found: PriceSet, names: Sequence[str]) -> shapes.Underlyings:
    spot = np.array([float(found.indices[name]) for name in names])
    ones = np.ones(len(names))
    return shapes.Underlyings(
        spot=spot, spot_confidence=ones, perpetual_confidence=ones, stable=ones
    )


def _dated(priced: Sequence[Instrument]) -> list[tuple[str, datetime]]:
    """(underlying, expiry) of every option, in the order of first appearance."""
    keys = [(it.underlying, it.expiry_at) for it in priced if it.kind is Kind.OPTION]
    return [(name, at) for name, at in dict.fromkeys(keys) if at is not None]


def _expiries(
    found: PriceSet, priced: Sequence[Instrument], names: Sequence[str]
) -> shapes.Expiries:
    dated = _dated(priced)
    first = {(it.underlying, it.expiry_at): it for it in priced if it.kind is Kind.OPTION}
    forwards = [float(found.forwards[forward_key(first[key])]) for key in dated]
    ones = np.ones(len(dated))
    return shapes.Expiries(
        underlying=np.array([names.index(name) for name, _ in dated], dtype=np.int64),
        seconds=np.array([(at - found.at).total_seconds() for _, at in dated], dtype=np.float64),
        forward=np.array(forwards, dtype=np.float64),
        forward_confidence=ones,
        rate=np.zeros(len(dated)),  # venues that publish none: 0, and confidence 1
        rate_confidence=ones,
        vol_confidence=ones,
    )


def _series(found: PriceSet, priced: Sequence[Instrument], names: Sequence[str]) -> shapes.Series:
    place = {key: row for row, key in enumerate(_dated(priced))}
    quotes = [found.quotes[it.symbol] for it in priced]
    options = [it.kind is Kind.OPTION for it in priced]
    return shapes.Series(
        kind=np.array([_engine_kind(it) for it in priced], dtype=np.int64),
        underlying=np.array([names.index(it.underlying) for it in priced], dtype=np.int64),
        expiry=np.array(
            [place[it.underlying, it.expiry_at] if it.kind is Kind.OPTION else -1 for it in priced],  # type: ignore[index]
            dtype=np.int64,
        ),
        strike=np.array([float(it.strike or 0) for it in priced]),
        is_call=np.array([bool(it.is_call) for it in priced], dtype=np.bool_),
        vol=np.array([float(q.vol) if o else 0.0 for q, o in zip(quotes, options, strict=True)]),
        mark=np.array([0.0 if o else float(q.mark) for q, o in zip(quotes, options, strict=True)]),
        size=np.array([float(it.lot_size) for it in priced]),
    )


def _engine_kind(it: Instrument) -> shapes.Kind:
    if it.kind is Kind.OPTION:
        return shapes.Kind.OPTION
    return shapes.Kind.INVERSE if it.payoff is Payoff.INVERSE else shapes.Kind.LINEAR


def _collateral(
    found: PriceSet, assets: Sequence[str], names: Sequence[str], terms: Parameters
) -> shapes.Collateral:
    of = [terms.collateral.get(asset, terms.default_collateral) for asset in assets]
    return shapes.Collateral(
        underlying=np.array([names.index(asset) for asset in assets], dtype=np.int64),
        price=np.array([float(found.indices[asset]) for asset in assets]),
        confidence=np.ones(len(assets)),
        initial_haircut=np.array([it.initial_haircut for it in of]),
        maintenance_haircut=np.array([it.maintenance_haircut for it in of]),
        risk_cancelling=np.array([it.risk_cancelling for it in of], dtype=np.bool_),
    )


# --- the book ---------------------------------------------------------------------------------


def arrays(columns: BookColumns, on: Resolved) -> Arrays:
    """The book's columns as the engine wants them. An account that cannot be priced is left out
    with its reason; the others do not notice.

    Minor units are summed as integers and divided once, so no order of holdings shows in a float.
    """
    names = list(dict.fromkeys(columns.asset))
    places = _places(names, on)
    number = {name: at for at, name in enumerate(names)}
    code = np.fromiter((number[name] for name in columns.asset), np.int64, len(columns.asset))
    row = np.array(columns.row, dtype=np.int64)
    amount = np.array(columns.amount, dtype=np.int64)
    into = np.array([it.into for it in places], dtype=np.int64)[code]

    # What is owned and nobody prices counts for nothing, so that a speck of it shields nobody.
    worthless = np.array([it.into is _Into.OWNED for it in places], dtype=np.bool_)[code]
    nowhere = (into == _Into.NOWHERE) | (worthless & (amount < 0))
    refused: dict[int, str] = {}
    for bad in np.flatnonzero(nowhere):
        refused.setdefault(int(row[bad]), places[code[bad]].reason)
    priced = np.ones(len(columns.accounts), dtype=np.bool_)
    priced[list(refused)] = False
    kept = priced[row]
    cells = _Cells(
        row=(np.cumsum(priced) - 1)[row[kept]],
        column=np.array([it.column for it in places], dtype=np.int64)[code[kept]],
        digits=np.array([it.digits for it in places], dtype=np.int64)[code[kept]],
        amount=amount[kept],
        into=into[kept],
        accounts=int(priced.sum()),
    )
    return Arrays(book=_book(cells, on), rows=np.flatnonzero(priced).tolist(), refused=refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Holdings of the accounts that can be priced: where each goes, and how much; all (H,)."""

    row: Ints
    column: Ints
    digits: Ints
    amount: Ints
    into: Ints
    accounts: int

    def summed(self, into: _Into, columns: int) -> Floats:
        """(accounts, columns) in units, from exact sums of minor units."""
        mine = self.into == into
        minor = np.zeros((self.accounts, columns), dtype=object)  # exact at any size
        np.add.at(minor, (self.row[mine], self.column[mine]), self.amount[mine].astype(object))
        digits = np.zeros(columns, dtype=np.int64)
        digits[self.column[mine]] = self.digits[mine]
        units: Floats = minor.astype(np.float64) / 10.0**digits
        return units


def _book(cells: _Cells, on: Resolved) -> Book:
    groups = len(on.underlyings)
    return Book(
        positions=_positions(cells, series=len(on.series)),
        collateral=cells.summed(_Into.COLLATERAL, len(on.collateral)),
        cash=cells.summed(_Into.CASH, 1)[:, 0],
        cost=cells.summed(_Into.COST, groups),
        coin_cost=cells.summed(_Into.COIN_COST, groups),
    )


def _positions(cells: _Cells, *, series: int) -> csr_array:
    mine = cells.into == _Into.POSITIONS
    where = (cells.row[mine], cells.column[mine])
    positions = coo_array((cells.amount[mine], where), shape=(cells.accounts, series)).tocsr()
    positions.sort_indices()
    return positions


def _places(names: Sequence[str], on: Resolved) -> list[_Place]:
    digits = record.scales()
    unquoted = record.instruments(
        name.partition(":")[2]
        for name in names
        if name.startswith("lots:") and name.partition(":")[2] not in on.series
    )
    options = {it.symbol for it in unquoted.values() if it.kind is Kind.OPTION}
    return [_place(name, on, digits, options) for name in names]


def _place(
    asset: str, on: Resolved, digits: Mapping[str, int], unquoted_options: set[str]
) -> _Place:
    what, _, name = asset.partition(":")
    if what == "cash":
        if name == on.rules.reporting:
            return _Place(_Into.CASH, 0, digits[name])
        if name in on.collateral:
            return _Place(_Into.COLLATERAL, on.collateral.index(name), digits[name])
        return _missing(name, into=_Into.OWNED)
    if name not in on.series:
        return _missing(name, into=_Into.OWNED if name in unquoted_options else _Into.NOWHERE)
    if what == "lots":
        return _Place(_Into.POSITIONS, on.series[name])
    it = on.instruments[name]
    if it.payoff is Payoff.INVERSE:
        return _Place(_Into.COIN_COST, on.underlyings.index(it.underlying), it.scale)
    if it.settlement != on.rules.reporting:
        reason = f"settles in {it.settlement}, and results are in {on.rules.reporting}"
        return _Place(_Into.NOWHERE, reason=f"currency-unsupported: {name} {reason}")
    return _Place(_Into.COST, on.underlyings.index(it.underlying), it.scale)


def _missing(name: str, *, into: _Into) -> _Place:
    return _Place(into, reason=f"price-missing: {name} is not in the price set")
