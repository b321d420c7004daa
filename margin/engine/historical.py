"""Margin by historical simulation: scenarios from a history, and the measure of outcomes in them.

Scenarios are what prices are multiplied by; whoever holds the positions re-prices them and rounds
the outcomes once, to whole units. From there on everything is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from margin.engine import exact, histories, quantiles
from margin.engine.exact import Exact
from margin.engine.histories import HistoryRefused
from margin.engine.shapes import Floats, Ints
from margin.engine.simulation import Measure, Sampling, Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """Equally likely, or weighed, futures of the risk factors.

    factors  (S, F) what each multiplies a price by
    weight   (S,) whole, or None where all weigh the same
    sample   (S,) sub-sample of each, counted from 0
    """

    factors: Floats
    weight: Ints | None
    sample: Ints


def known_variance(daily: Floats, method: Simulation) -> Floats | None:
    """(T - seed + 1, F) what was known of each day's variance before it, once the seed is over.

    A day looks only at days before it, so those of a part are the first ones of the whole. None
    where the method does not scale, or the seed has not been seen.
    """
    filtering = method.filter
    if filtering is None or len(daily) < filtering.seed_days:
        return None
    return histories.ewma_variance(
        daily[filtering.seed_days :],
        decay=filtering.decay,
        seed=(daily[: filtering.seed_days] ** 2).mean(axis=0),
    )


def current(daily: Floats, method: Simulation, *, known: Floats | None = None) -> Scenarios:
    """What the method makes of the returns so far, (T, F), oldest first: the newest of them.

    known  as `known_variance` gives it for these days, where it is at hand

    Raises HistoryRefused where they are too few, or cannot be scaled.
    """
    terms, filtering = method.history, method.filter
    seed_days = filtering.seed_days if filtering else 0
    count = len(daily) - seed_days - terms.days + 1
    if count < terms.least:
        raise HistoryRefused(f"{len(daily)} days are too few: {terms.least} scenarios are wanted")
    newest = max(0, count - terms.window)
    moves = histories.over_days(daily[seed_days + newest :], days=terms.days, kind=terms.returns)
    if filtering:
        known = known_variance(daily, method) if known is None else known
        assert known is not None
        assert len(known) == len(daily) - seed_days + 1
        moves = histories.scaled(moves, known=known[newest:], scaling=filtering.scaling)
    return _newest(moves, method, window=terms.window)


def long_run(daily: Floats, method: Simulation, *, window: int) -> Scenarios:
    """The newest returns as they were: unscaled, whatever the method does to current ones.

    Raises HistoryRefused where there is none.
    """
    terms = method.history
    enough = window + terms.days - 1
    moves = histories.over_days(daily[-enough:], days=terms.days, kind=terms.returns)
    return _newest(moves, method, window=window)


def _newest(moves: Floats, method: Simulation, *, window: int) -> Scenarios:
    terms, moves = method.history, moves[-window:]
    interleaved = terms.sampling is Sampling.INTERLEAVED
    decay = method.age_decay
    return Scenarios(
        factors=histories.price_factors(moves, kind=terms.returns),
        weight=quantiles.age_weights(len(moves), decay=decay) if decay else None,
        sample=histories.sub_samples(len(moves), days=terms.days if interleaved else 1),
    )


def measured(pnl: Ints, scenarios: Scenarios, measure: Measure, *, of: str) -> Exact:
    """The quantile or the shortfall of outcomes in scenarios, averaged over sub-samples.

    pnl     (A, S) whole units, profit positive
    of      "quantile" or "shortfall"
    return  (A,) losses
    """
    convention = {"quantile": measure.quantile, "shortfall": measure.shortfall}[of]
    found = []
    for number in range(int(scenarios.sample.max()) + 1):
        chosen = scenarios.sample == number
        weight = None if scenarios.weight is None else scenarios.weight[chosen]
        found.append(
            quantiles.measure(
                pnl[:, chosen], level=measure.level, convention=convention, weight=weight
            )
        )
    return exact.mean(found)


def worst_stretch(pnl: Ints, scenarios: Scenarios, method: Simulation) -> Exact:
    """Each account's largest measure over any stretch of consecutive scenarios; one if all is short.

    The stress period of an account is its own: what hurts the long of a pair helps the short.
    """
    assert method.stress
    window, count = method.stress.window, pnl.shape[1]
    found = None
    for first in range(max(count - window, 0) + 1):
        some = slice(first, first + window)
        stretch = Scenarios(
            factors=scenarios.factors[some],
            weight=None,
            sample=scenarios.sample[some] - scenarios.sample[some].min(),
        )
        one = measured(pnl[:, some], stretch, method.measure, of=method.measure.margin)
        found = one if found is None else exact.larger(found, one)
    assert found is not None
    return found


def requirement(
    measured_now: Exact,
    method: Simulation,
    *,
    stressed: Exact | None,
    long_run: Exact | None,
    held: Exact | None = None,
) -> Exact:
    """The measure after the guards against margin that falls in calm and jumps in storm.

    They are those of the technical standards on clearing houses (EU 153/2013, article 28): a share
    of stressed observations, a buffer that is let go while margin rises, a floor from a long
    look-back. They come in that order, and nothing is ever asked of who only gains.

    held    what was required before; the buffer is let go down to the measure, but no further than
            is needed to keep what is required where it was. Not given: the buffer is whole.
    """
    wanted = measured_now
    if method.stress:
        assert stressed is not None
        wanted = blend(wanted, stressed, share=method.stress.share)
    if method.buffer:
        wanted = buffered(wanted, share=method.buffer, held=held)
    if method.floor_window:
        assert long_run is not None
        wanted = exact.larger(wanted, long_run)
    return exact.not_negative(wanted)


def blend(current_one: Exact, stressed: Exact, *, share: Fraction) -> Exact:
    """(1 - share) of the one and `share` of the other."""
    return exact.total([current_one.times(1 - share), stressed.times(share)])


def buffered(amount: Exact, *, share: Fraction, held: Exact | None) -> Exact:
    """The amount with its buffer, of which a rise uses what it needs, down to the bare amount."""
    whole = amount.times(1 + share)
    return whole if held is None else exact.larger(amount, exact.smaller(whole, held))


def outcomes(lots: Ints, *, price: Floats, factors: Floats, unit: float) -> Ints:
    """(A, S) what books of linear positions gain, in whole units: one lot is rounded, sums are exact.

    lots   (A, F) whole, short negative
    price  (F,) money for one lot of each factor
    unit   what one unit is worth, a power of two

    Raises HistoryRefused where sums would leave the integers that a double holds.
    """
    gained = (price * (factors - 1.0) / unit).T
    reach = np.abs(lots).astype(np.float64) @ np.abs(gained).max(axis=1, initial=0.0)
    if not (reach < 2.0**52).all():
        raise HistoryRefused("outcomes leave 2^52 units; choose a larger unit")
    one: Ints = np.rint(gained).astype(np.int64)
    return lots @ one
