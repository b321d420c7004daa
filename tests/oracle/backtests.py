"""Exceedance tests by hand: likelihoods multiplied up day by day, binomials in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import comb

from mpmath import mp, mpf

mp.dps = 40


def unconditional(exceeded: Sequence[bool], share: str) -> mpf:
    """Twice the log of how much likelier the days are at their own frequency."""
    promised, seen = mpf(share), mpf(sum(exceeded)) / len(exceeded)
    likelier = mpf(1)
    for it in exceeded:
        likelier *= (seen if it else 1 - seen) / (promised if it else 1 - promised)
    return 2 * mp.log(likelier)


def independence(exceeded: Sequence[bool]) -> mpf:
    """Twice the log of how much likelier they are if a day may depend on the one before it."""
    days = list(pairwise(exceeded))
    alone = mpf(sum(after for _, after in days)) / len(days)
    likelier = mpf(1)
    for before, after in days:
        alike = [it for prior, it in days if prior == before]
        depends = mpf(sum(alike)) / len(alike)
        likelier *= (depends if after else 1 - depends) / (alone if after else 1 - alone)
    return 2 * mp.log(likelier)


def at_most(count: int, *, days: int, share: Fraction) -> Fraction:
    """Probability of so many exceedances or fewer."""
    return sum(
        comb(days, it) * share**it * (1 - share) ** (days - it) for it in range(count + 1)
    ) + Fraction(0)
