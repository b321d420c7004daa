"""Histories of prices as scenarios: returns, their volatility, and what they would be today.

Axes: T days, oldest first; F risk factors; S scenarios, oldest first. A return is a fraction of the
price before it, or its logarithm; both are profit to who is long when positive.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from margin.engine.shapes import Floats, Ints


class HistoryRefused(ValueError):
    """A history that no scenario can be made of, and the place that is to blame."""


class Returns(StrEnum):
    """What is scaled and added up over days."""

    SIMPLE = "simple"  # p1 / p0 - 1; scaled up, it may fall below everything
    LOG = "log"  # log(p1 / p0)


class Scaling(StrEnum):
    """Which way today's volatility may move an old return."""

    BOTH = "both"  # Hull and White 1998
    UP = "up"  # never down: history does not become calmer than it was


def returns(prices: Floats, *, kind: Returns) -> Floats:
    """(T - 1, F) returns from one day to the next of prices (T, F).

    Raises HistoryRefused naming the first price that is not positive and finite.
    """
    unusable = ~(np.isfinite(prices) & (prices > 0.0))
    if unusable.any():
        day, factor = np.unravel_index(int(unusable.argmax()), prices.shape)
        raise HistoryRefused(f"price[{day}, {factor}] is not positive")
    ratio = prices[1:] / prices[:-1]
    found: Floats = ratio - 1.0 if kind is Returns.SIMPLE else np.log(ratio)
    return found


def over_days(daily: Floats, *, days: int, kind: Returns) -> Floats:
    """(T - days + 1, F) overlapping returns over `days`, a row for each first day.

    They share days, so they are no independent sample; `sub_samples` parts them into those that are.
    """
    assert days >= 1
    if len(daily) < days:
        raise HistoryRefused(f"{len(daily)} days are too few for returns over {days}")
    windows = np.lib.stride_tricks.sliding_window_view(daily, days, axis=0)
    if kind is Returns.LOG:
        added: Floats = windows.sum(axis=-1)
        return added
    compounded: Floats = (1.0 + windows).prod(axis=-1) - 1.0
    return compounded


def sub_samples(count: int, *, days: int) -> Ints:
    """(count,) to which of `days` interleaved sub-samples each overlapping return belongs.

    Within one no two share a day. The newest return is in the first, whatever the length.
    """
    numbers: Ints = np.arange(count)[::-1] % days
    return numbers


def ewma_variance(daily: Floats, *, decay: float, seed: Floats) -> Floats:
    """(T + 1, F) variance of each day as it was known before the day; the last is of tomorrow.

    seed  (F,) variance known before the first day

    variance[t + 1] = decay * variance[t] + (1 - decay) * return[t]^2 (RiskMetrics 1996).
    """
    assert 0.0 < decay < 1.0
    known = np.empty((len(daily) + 1, daily.shape[1]))
    known[0] = seed
    for day, move in enumerate(daily):
        known[day + 1] = decay * known[day] + (1.0 - decay) * move * move
    return known


def scaled(moves: Floats, *, known: Floats, scaling: Scaling) -> Floats:
    """(S, F) old returns at tomorrow's volatility: r[i] * sigma[tomorrow] / sigma[i].

    known  (T + 1, F) variances as `ewma_variance` gives them. A return over several days is scaled
           by what was known before its first one.

    A factor that never moved before a day has no volatility then; HistoryRefused names the day.
    """
    before, tomorrow = known[: len(moves)], known[-1]
    if (before <= 0.0).any():
        day, factor = np.unravel_index(int((before <= 0.0).argmax()), before.shape)
        raise HistoryRefused(f"factor {factor} has no volatility before day {day}")
    ratio = np.sqrt(tomorrow / before)
    if scaling is Scaling.UP:
        ratio = np.maximum(ratio, 1.0)
    found: Floats = moves * ratio
    return found


def price_factors(moves: Floats, *, kind: Returns) -> Floats:
    """(S, F) what each scenario multiplies a price by.

    Raises HistoryRefused naming the first that is not positive: a simple return that was scaled
    until it lost more than everything. Logarithmic ones cannot.
    """
    factors: Floats = np.exp(moves) if kind is Returns.LOG else 1.0 + moves
    if not (factors > 0.0).all():
        scenario, factor = np.unravel_index(int((~(factors > 0.0)).argmax()), factors.shape)
        raise HistoryRefused(
            f"scenario {scenario} takes factor {factor} to {factors[scenario, factor]:.3g} of its price"
        )
    return factors
