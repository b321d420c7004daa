"""The rows of one moment become one price set and the terms of what it quotes.

Within a snapshot the index is not one number and neither is a forward: each row was asked for a
little later than the one before. So both are medians over the snapshot's good rows: the index over
a currency's rows, a forward over the options of one expiry, a dated future over the rows that name
it. All are medians of decimals: exact, and the same in any order of rows.

The end-of-day file has neither index nor mark. Its index is the median forward of the nearest
expiry of the snapshot. Its mark is a model value, derived here: Black-76 of the published
volatility on the snapshot's forward, in coin, rounded to eight digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal

import numpy as np

from clearing.domain import clock
from clearing.domain.errors import Refusal
from clearing.domain.events import InstrumentListed
from clearing.domain.prices import PriceSet, Quote
from config.feeds import deribit, layouts, tables
from config.feeds.candles import Candles
from config.feeds.layouts import Layout, OptionRow
from config.feeds.tables import Cells, RowRefused, Table
from margin.engine.pricing import YEAR_SECONDS, black_76

MODEL_DIGITS = 8
_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class RawRow:
    at: datetime
    table: Table
    number: int
    cells: Cells


@dataclass(frozen=True, slots=True)
class Place:
    file: str
    row: int

    def __str__(self) -> str:
        return f"{self.file}:{self.row}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of a chain, ready to seal.

    terms    symbol -> how it would be listed, for every quoted symbol
    places   symbol -> the row an option came from
    rows     how many rows were read for it
    missing  perpetuals without a candle near enough; they are not in the set
    refused  rows that are not in it, each with its reason
    options  the good rows as they were read, each with its own time
    """

    at: datetime
    rows: int
    prices: PriceSet
    terms: Mapping[str, InstrumentListed]
    places: Mapping[str, Place]
    missing: tuple[str, ...]
    refused: tuple[RowRefused, ...]
    options: tuple[tuple[datetime, OptionRow], ...] = ()


def snapshot(
    raws: Sequence[RawRow], *, layout: Layout, candles: Candles, currency: str | None = None
) -> Snapshot:
    """Rows that belong together, in their order; the latest row's time is the snapshot's."""
    at = max(raw.at for raw in raws)
    good, places, said_at, refused = _sorted_out(raws, layout=layout, at=at)
    if currency is not None:
        good = [row for row in good if row.name.currency == currency]
        refused = [it for it in refused if _may_be(it.instrument, currency)]
    currencies = sorted({row.name.currency for row in good})
    forwards = _forwards(good)
    indices = _indices(good, forwards)
    quotes = _option_quotes(good, forwards, at=at)
    terms = {row.name.symbol: deribit.option(row.name) for row in good}
    missing: list[str] = []
    for symbol, price, listed in _futures(good):
        quotes[symbol], terms[symbol] = Quote(spelled(price)), listed
    for coin in currencies:
        spot = deribit.spot(coin)
        quotes[spot.symbol], terms[spot.symbol] = Quote(spelled(indices[coin])), spot
        perpetual, candle = deribit.perpetual(coin), candles.nearest(coin, at=at)
        if candle is None:
            missing.append(perpetual.symbol)
            continue
        quotes[perpetual.symbol], terms[perpetual.symbol] = Quote(spelled(candle)), perpetual
    return Snapshot(
        at=at,
        rows=len(raws),
        prices=PriceSet(
            at=at,
            source=layout.source,
            simulated=False,
            indices={coin: spelled(index) for coin, index in indices.items()},
            forwards={_key(*expiry): spelled(value) for expiry, value in forwards.items()},
            quotes=quotes,
        ),
        terms=terms,
        places={symbol: places[symbol] for symbol in terms if symbol in places},
        missing=tuple(missing),
        refused=tuple(refused),
        options=tuple((said_at[row.name.symbol], row) for row in good),
    )


def median(numbers: Iterable[Decimal]) -> Decimal:
    """The middle one, or half-way between the middle two; exact."""
    ordered = sorted(numbers)
    assert ordered, "a median of nothing"
    upper = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[upper]
    return _EXACT.divide(_EXACT.add(ordered[upper - 1], ordered[upper]), Decimal(2))


def spelled(number: Decimal) -> str:
    """One spelling of each number: no exponent, no idle zeros."""
    return format(number.normalize(_EXACT), "f")


def _sorted_out(
    raws: Sequence[RawRow], *, layout: Layout, at: datetime
) -> tuple[list[OptionRow], dict[str, Place], dict[str, datetime], list[RowRefused]]:
    """Good rows, where and when each came from, and the refused.

    A row that another file repeats to the letter is no fault and is dropped; any other second row
    of an instrument is refused.
    """
    good: dict[str, OptionRow] = {}
    first: dict[str, RawRow] = {}
    refused: list[RowRefused] = []
    for raw in raws:
        try:
            row = layout.read(raw.cells)
            layouts.check_not_expired(row.name, at=at)
            symbol = row.name.symbol
            if symbol in good:
                if first[symbol].table is not raw.table and good[symbol] == row:
                    continue
                raise tables.RowRepeated(
                    field="symbol", symbol=symbol, earlier=_place(first[symbol])
                )
        except Refusal as refusal:
            refused.append(raw.table.refused(raw.number, refusal, raw.cells))
            continue
        good[symbol] = row
        first[symbol] = raw
    places = {symbol: _place(raw) for symbol, raw in first.items()}
    said_at = {symbol: raw.at for symbol, raw in first.items()}
    return list(good.values()), places, said_at, refused


def _place(raw: RawRow) -> Place:
    return Place(raw.table.file, raw.number)


Expiry = tuple[str, datetime]


def _forwards(rows: Sequence[OptionRow]) -> dict[Expiry, Decimal]:
    found: dict[Expiry, list[Decimal]] = {}
    for row in rows:
        found.setdefault((row.name.currency, row.name.expiry_at), []).append(row.forward)
    return {expiry: median(forwards) for expiry, forwards in sorted(found.items())}


def _indices(rows: Sequence[OptionRow], forwards: Mapping[Expiry, Decimal]) -> dict[str, Decimal]:
    found: dict[str, list[Decimal]] = {}
    for row in rows:
        if row.index is not None:
            found.setdefault(row.name.currency, []).append(row.index)
    indices = {coin: median(published) for coin, published in found.items()}
    for (coin, _), forward in forwards.items():  # in order of expiry: the nearest is the first
        indices.setdefault(coin, forward)
    return indices


def _futures(rows: Sequence[OptionRow]) -> Iterable[tuple[str, Decimal, InstrumentListed]]:
    found: dict[str, list[Decimal]] = {}
    terms: dict[str, InstrumentListed] = {}
    for row in rows:
        if row.future is not None and row.future_price is not None:
            found.setdefault(row.future.symbol, []).append(row.future_price)
            if row.future.symbol not in terms:
                terms[row.future.symbol] = deribit.future(row.future)
    for symbol, prices in sorted(found.items()):
        yield symbol, median(prices), terms[symbol]


def _option_quotes(
    rows: Sequence[OptionRow], forwards: Mapping[Expiry, Decimal], *, at: datetime
) -> dict[str, Quote]:
    modelled = iter(_model_marks([row for row in rows if row.mark is None], forwards, at=at))
    quotes = {}
    for row in rows:
        mark = row.mark if row.mark is not None else next(modelled)
        quotes[row.name.symbol] = Quote(spelled(mark), spelled(row.vol))
    return quotes


def _model_marks(
    rows: Sequence[OptionRow], forwards: Mapping[Expiry, Decimal], *, at: datetime
) -> list[Decimal]:
    forward = np.array(
        [float(forwards[row.name.currency, row.name.expiry_at]) for row in rows], dtype=float
    )
    value = black_76(
        forward=forward,
        strike=np.array([float(row.name.strike) for row in rows], dtype=float),
        vol=np.array([float(row.vol) for row in rows], dtype=float),
        years=np.array([(row.name.expiry_at - at).total_seconds() for row in rows], dtype=float)
        / YEAR_SECONDS,
        is_call=np.array([row.name.is_call for row in rows], dtype=bool),
    )
    return [Decimal(f"{mark:.{MODEL_DIGITS}f}") for mark in value / forward]


def _key(currency: str, expiry_at: datetime) -> str:
    return f"{currency} {clock.text(expiry_at)}"


def _may_be(instrument: str, currency: str) -> bool:
    """Whether a refused row concerns the currency: also when its name does not tell."""
    return instrument.partition("-")[0] not in deribit.SIZES or instrument.startswith(
        f"{currency}-"
    )
