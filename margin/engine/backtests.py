"""Did margin cover what happened as often as it said: tests on counts of exceedances.

An exceedance is a day that lost more than was required the day before. `share` is the share of days
that may exceed, such as 0.01 for a level of 99 %. Statistics are likelihood ratios, zero at best;
`probability` is how often a right model does worse by chance, so a small one speaks against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import bdtr, bdtrc, chdtrc, xlogy

from margin.engine.shapes import Flags, Floats

GREEN, YELLOW, RED = "green", "yellow", "red"
BASEL_ADDITIONS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.40, 0.50, 0.65, 0.75, 0.85, 1.0)
BASEL_DAYS, BASEL_SHARE = 250, 0.01
_YELLOW_FROM, _RED_FROM = 0.95, 0.9999  # cumulative probability, Basel Committee 1996


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One test's statistic, and how often chance alone does worse."""

    statistic: float
    probability: float

    def rejects(self, *, at: float = 0.05) -> bool:
        return self.probability < at


@dataclass(frozen=True, slots=True, kw_only=True)
class Transitions:
    """How many days of each sort followed which: from calm (0) or exceedance (1), to either."""

    n00: int
    n01: int
    n10: int
    n11: int

    @classmethod
    def of(cls, exceeded: Flags) -> Transitions:
        before, after = exceeded[:-1], exceeded[1:]
        return cls(
            n00=int((~before & ~after).sum()),
            n01=int((~before & after).sum()),
            n10=int((before & ~after).sum()),
            n11=int((before & after).sum()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Traffic light of a count.

    cumulative  probability of at most so many, if the model is right
    probability of so many or more
    addition    to the Basel multiplier of 3; None where its table says nothing
    """

    colour: str
    cumulative: float
    probability: float
    addition: float | None


def exceedances(losses: Floats, required: Floats) -> Flags:
    """(T,) days that lost more than was required; a loss of exactly that much was covered."""
    assert losses.shape == required.shape
    over: Flags = np.greater(losses, required)
    return over


def unconditional(exceedances: int, *, days: int, share: float) -> Verdict:
    """Are there as many as promised? Proportion of failures (Kupiec 1995), chi-squared of one."""
    assert 0 <= exceedances <= days
    assert days > 0
    assert 0.0 < share < 1.0
    calm, seen = days - exceedances, exceedances / days
    promised = xlogy(calm, 1.0 - share) + xlogy(exceedances, share)
    observed = xlogy(calm, 1.0 - seen) + xlogy(exceedances, seen)
    return _ratio(float(promised), float(observed), freedom=1)


def independence(found: Transitions) -> Verdict:
    """Do they come one by one? First-order Markov (Christoffersen 1998), chi-squared of one.

    A sort of day that was never left makes no difference: 0 log 0 counts as 0.
    """
    to_calm, to_exceed = found.n00 + found.n10, found.n01 + found.n11
    from_calm, from_exceed = found.n00 + found.n01, found.n10 + found.n11
    one = _bernoulli(to_exceed, to_calm)
    two = _bernoulli(found.n01, found.n00) + _bernoulli(found.n11, found.n10)
    assert from_calm + from_exceed == to_calm + to_exceed
    return _ratio(one, two, freedom=1)


def conditional(exceeded: Flags, *, share: float) -> Verdict:
    """Both at once: the sum of the two statistics, chi-squared of two (Christoffersen 1998)."""
    count = unconditional(int(exceeded.sum()), days=len(exceeded), share=share)
    statistic = count.statistic + independence(Transitions.of(exceeded)).statistic
    return Verdict(statistic=statistic, probability=float(chdtrc(2, statistic)))


def accepted(*, days: int, share: float, at: float = 0.05) -> tuple[int, int]:
    """The fewest and the most exceedances that the proportion of failures does not reject."""
    kept = [
        count
        for count in range(days + 1)
        if not unconditional(count, days=days, share=share).rejects(at=at)
    ]
    return kept[0], kept[-1]


def traffic_light(exceedances: int, *, days: int, share: float) -> Zone:
    """Basel's three zones, by the cumulative binomial for any number of days and any share.

    Its table of additions is published for 250 days at 99 % alone, so only there is one given.
    """
    assert 0 <= exceedances <= days
    cumulative = float(bdtr(exceedances, days, share))
    colour = RED
    if cumulative < _YELLOW_FROM:
        colour = GREEN
    elif cumulative < _RED_FROM:
        colour = YELLOW
    published = days == BASEL_DAYS and share == BASEL_SHARE
    return Zone(
        colour=colour,
        cumulative=cumulative,
        probability=float(bdtrc(exceedances - 1, days, share)) if exceedances else 1.0,
        addition=BASEL_ADDITIONS[min(exceedances, 10)] if published else None,
    )


def scaled_addition(exceedances: int, *, days: int, share: float) -> float:
    """What to add to a multiplier of 3 beyond Basel's table, by normal quantiles.

    3 (z(promised) / z(observed) - 1), as MathWorks reads the supplement of 1996; nothing where fewer
    exceeded than promised. Infinite once half of all days exceed.
    """
    if exceedances <= share * days:
        return 0.0
    if 2 * exceedances >= days:
        return float("inf")
    normal = NormalDist()
    return 3.0 * (normal.inv_cdf(1.0 - share) / normal.inv_cdf(1.0 - exceedances / days) - 1.0)


def shortfall_ratio(losses: Floats, *, quantile: Floats, shortfall: Floats, share: float) -> float:
    """Were exceedances as large as promised? Acerbi and Szekely 2014, their second statistic.

    losses, quantile, shortfall  (T,) realised loss, and what was promised for the day, positive

    1 - sum over exceedances of loss / shortfall, over share * T. Zero if the model is right, negative
    if it promised too little; -0.7 is about the 5 % point for the distributions that they tried.
    """
    assert losses.shape == quantile.shape == shortfall.shape
    exceeded = losses > quantile
    return float(1.0 - (losses[exceeded] / shortfall[exceeded]).sum() / (share * len(losses)))


def steepest_rise(required: Floats, *, days: int) -> float:
    """The largest relative increase of a requirement over so many days: procyclicality in a number."""
    assert 1 <= days < len(required)
    return float((required[days:] / required[:-days]).max() - 1.0)


def peak_to_trough(required: Floats) -> float:
    """The largest requirement over the smallest."""
    return float(required.max() / required.min())


def _bernoulli(hits: int, misses: int) -> float:
    """Log-likelihood of the count at its own frequency."""
    of = hits + misses
    if not of:
        return 0.0
    return float(xlogy(hits, hits / of) + xlogy(misses, misses / of))


def _ratio(narrow: float, wide: float, *, freedom: int) -> Verdict:
    # The wider model can only be likelier; what is less than nothing is rounding.
    statistic = max(0.0, 2.0 * (wide - narrow))
    return Verdict(statistic=statistic, probability=float(chdtrc(freedom, statistic)))
