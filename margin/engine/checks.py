"""What the engine relies on.

Shapes and indices are ours to get right, so they are asserted; prices come from outside, so a bad
one is refused by its place.
"""

from __future__ import annotations

import numpy as np

from margin.engine.shapes import (
    Book,
    Collateral,
    Expiries,
    Flags,
    Ints,
    Kind,
    Market,
    Series,
    Underlyings,
)


class MarketRefused(ValueError):
    """A market with a price that nothing can be computed from."""


def check_market(market: Market) -> None:
    """Every table is rectangular and points into the others."""
    count = len(market.underlyings.spot)
    for table in (market.underlyings, market.expiries, market.series, market.collateral):
        _check_rectangular(table)
    series, expiries = market.series, market.expiries
    for owner in (expiries.underlying, series.underlying, market.collateral.underlying):
        assert _all_between(owner, 0, count)
    is_option = series.kind == Kind.OPTION
    assert np.isin(series.kind, list(Kind)).all()
    assert _all_between(series.expiry[is_option], 0, len(expiries.seconds))
    assert (series.expiry[~is_option] == -1).all()
    assert (expiries.underlying[series.expiry[is_option]] == series.underlying[is_option]).all()


def check_values(market: Market) -> None:
    """Prices that exist and can be shocked. Raises MarketRefused naming the first that cannot."""
    series = market.series
    is_option = series.kind == Kind.OPTION
    for place in ("underlyings", "expiries", "series", "collateral"):
        table = getattr(market, place)
        for name in table.__slots__:
            _refuse(~np.isfinite(getattr(table, name)), f"{place}.{name}", "is not finite")
    for place, unusable in {
        "underlyings.spot": market.underlyings.spot <= 0.0,
        "underlyings.stable": market.underlyings.stable <= 0.0,
        "expiries.forward": market.expiries.forward <= 0.0,
        "series.strike": is_option & (series.strike <= 0.0),
        "series.mark": ~is_option & (series.mark <= 0.0),
        "series.size": series.size <= 0.0,
    }.items():
        _refuse(unusable, place, "is not positive")
    _refuse(is_option & (series.vol < 0.0), "series.vol", "is negative")


def check_book(book: Book, market: Market) -> None:
    """One row per account everywhere, one column per series, asset or underlying."""
    accounts, series = book.positions.shape
    assert series == len(market.series.kind)
    assert book.positions.dtype == np.int64
    assert book.positions.has_canonical_format
    assert book.collateral.shape == (accounts, len(market.collateral.price))
    assert book.cash.shape == (accounts,)
    assert book.cost.shape == book.coin_cost.shape == (accounts, len(market.underlyings.spot))
    for amounts in (book.collateral, book.cash, book.cost, book.coin_cost):
        assert np.isfinite(amounts).all()


def _refuse(unusable: Flags, place: str, reason: str) -> None:
    if unusable.any():
        raise MarketRefused(f"{place}[{int(unusable.argmax())}] {reason}")


def _check_rectangular(table: Underlyings | Expiries | Series | Collateral) -> None:
    columns = [getattr(table, name) for name in table.__slots__]
    assert all(column.ndim == 1 for column in columns)
    assert len({len(column) for column in columns}) == 1


def _all_between(rows: Ints, first: int, end: int) -> bool:
    return bool(((rows >= first) & (rows < end)).all())
