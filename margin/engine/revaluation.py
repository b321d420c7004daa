"""What one lot of each series gains when every underlying moves in its own way, rounded once.

Full revaluation: no Greek is used. The moves are instantaneous, as a grid's are: no time passes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from margin.engine import pricing, risk_array, scenarios
from margin.engine.aggregate import check_exact
from margin.engine.checks import check_market, check_values
from margin.engine.risk_array import ArrayRefused
from margin.engine.shapes import Flags, Floats, Ints, Kind, Market

_ROWS_AT_ONCE = 64
UNMOVED = -1  # in place of a factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """Which factor moves an underlying's prices and which its volatilities, (U,), or UNMOVED."""

    spot: Ints
    vol: Ints

    def of(self, factors: Floats) -> tuple[Floats, Floats]:
        """(U, S) multiples of prices and of volatilities, from those of the factors, (F, S)."""
        every = np.vstack([factors, np.ones(factors.shape[1])])  # the last row stands still
        return every[self.spot], every[self.vol]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revaluation:
    """A market ready to be moved.

    unit     (U,) what one unit of a gain is worth, a power of two, money
    reach    (N,) units that no gain of a lot exceeds, whatever the moves
    ratio    (N,) units of the smallest kind in one of the series' own; whole
    """

    market: Market
    window_seconds: float
    base: Floats
    unit: Floats
    reach: Ints
    ratio: Ints

    @property
    def smallest_unit(self) -> float:
        return float(self.unit.min(initial=np.inf))


def ready(market: Market, *, largest_factor: float, window_seconds: float) -> Revaluation:
    """Price everything unmoved, and choose units that hold any move up to `largest_factor`.

    The unit is known before the first move is, so no scenario decides how another is rounded.
    Raises MarketRefused naming a price that nothing can be computed from.
    """
    check_market(market)
    check_values(market)
    series, count = market.series, len(market.underlyings.spot)
    is_option = series.kind == Kind.OPTION
    forward = np.zeros(len(series.kind))
    forward[is_option] = market.expiries.forward[series.expiry[is_option]]
    highest = np.where(is_option, np.maximum(forward * largest_factor, series.strike), series.mark)
    bound = series.size * highest * np.where(is_option, 1.0, largest_factor)
    bound[series.kind == Kind.INVERSE] = 0.0
    unit = risk_array.units(bound[:, None], underlying=series.underlying, count=count)
    still = np.ones((count, 1))
    return Revaluation(
        market=market,
        window_seconds=window_seconds,
        base=_values(market, spot=still, vol=still, window_seconds=window_seconds)[:, 0],
        unit=unit,
        reach=np.ceil(bound / unit[series.underlying]).astype(np.int64) + 1,
        ratio=(unit[series.underlying] / unit.min(initial=np.inf)).astype(np.int64),
    )


def gains(it: Revaluation, *, spot: Floats, vol: Floats) -> Ints:
    """(N, S) units of each series' underlying that one long lot gains, each rounded to the nearest.

    spot  (U, S) what spot, forwards and marks of an underlying are multiplied by
    vol   (U, S) what its volatilities are multiplied by

    An inverse contract gains nothing here: it owes money that never moves and pays coin, and the
    coin is a position of its own.

    Raises ArrayRefused for a move beyond the largest that the units were chosen for.
    """
    moved = _values(it.market, spot=spot, vol=vol, window_seconds=it.window_seconds)
    unit = it.unit[it.market.series.underlying]
    whole: Ints = np.rint((moved - it.base[:, None]) / unit[:, None]).astype(np.int64)
    beyond = np.abs(whole).max(axis=1, initial=0) > it.reach
    if beyond.any():
        raise ArrayRefused(f"series {int(beyond.argmax())} moves further than was prepared for")
    return whole


def scaled_positions(positions: csr_array, it: Revaluation) -> csr_array:
    """(A, N) lots times the smallest units in one of the series', so that sums over underlyings are
    whole: positions @ gains is then in `smallest_unit`.

    Raises SumOverflow naming an account whose sums could leave exact integers in some move.
    """
    assert positions.has_canonical_format
    check_exact(positions, (it.reach * it.ratio)[:, None])  # before the product, which could wrap
    scaled = positions.copy()
    scaled.data = positions.data * it.ratio[positions.indices]
    return scaled


def _values(market: Market, *, spot: Floats, vol: Floats, window_seconds: float) -> Floats:
    series = market.series
    values = np.zeros((len(series.kind), spot.shape[1]))
    linear = series.kind == Kind.LINEAR
    values[linear] = (series.size * series.mark)[linear, None] * spot[series.underlying[linear]]
    options = np.flatnonzero(series.kind == Kind.OPTION)
    for first in range(0, len(options), _ROWS_AT_ONCE):
        rows = options[first : first + _ROWS_AT_ONCE]
        values[rows] = _options(market, rows, spot=spot, vol=vol, window_seconds=window_seconds)
    return values


def _options(
    market: Market, rows: Ints, *, spot: Floats, vol: Floats, window_seconds: float
) -> Floats:
    series, expiries = market.series, market.expiries
    expiry, underlying = series.expiry[rows], series.underlying[rows]
    seconds = expiries.seconds[expiry]
    fixed, variable = pricing.averaged_forward(
        forward=expiries.forward[expiry], seconds=seconds, window_seconds=window_seconds
    )
    is_call: Flags = series.is_call[rows]
    worth = pricing.black_76(
        forward=fixed[:, None] + variable[:, None] * spot[underlying],
        strike=series.strike[rows][:, None],
        vol=series.vol[rows][:, None] * vol[underlying],
        years=scenarios.years_left(seconds)[:, None],
        is_call=is_call[:, None],
        discount=scenarios.discount_to_expiry(seconds, expiries.rate[expiry])[:, None],
    )
    found: Floats = worth * series.size[rows][:, None]
    return found
