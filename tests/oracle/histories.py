"""Filtered historical simulation by hand: one factor, one day at a time, plain lists."""

from __future__ import annotations

from math import exp, log, pi, sin, sqrt
from statistics import NormalDist


def filtered_moves(
    daily: list[float], *, decay: float, seed_days: int, days: int, never_down: bool
) -> list[float]:
    """Logarithmic returns over some days, each at the volatility known for tomorrow."""
    seed, later = daily[:seed_days], daily[seed_days:]

    def variance_before(day: int) -> float:
        """Unrolled: every squared return by its age, then the seed by what is left."""
        ages = range(day)
        known = sum((1 - decay) * decay**age * later[day - 1 - age] ** 2 for age in ages)
        return known + decay**day * sum(it * it for it in seed) / seed_days

    tomorrow = variance_before(len(later))
    found = []
    for first in range(len(later) - days + 1):
        ratio = sqrt(tomorrow / variance_before(first))
        ratio = max(1.0, ratio) if never_down else ratio
        found.append(sum(later[first : first + days]) * ratio)
    return found


def worst_of(moves: list[float], *, count: int) -> float:
    """Mean loss of who holds one of money, over the worst moves."""
    losses = sorted((1.0 - exp(it) for it in moves), reverse=True)
    return sum(losses[:count]) / count


def known_series(count: int) -> list[float]:
    """Returns anybody can write down: .02 (1 + .5 sin(2 pi i / 125)) times the normal quantile of
    the van der Corput number of i, i from 1."""

    def corput(i: int) -> float:
        whole, place = 0.0, 0.5
        while i:
            whole, place, i = whole + place * (i % 2), place / 2, i // 2
        return whole

    normal = NormalDist()
    return [
        0.02 * (1 + 0.5 * sin(2 * pi * i / 125)) * normal.inv_cdf(corput(i))
        for i in range(1, count + 1)
    ]


def logarithmic(simple: list[float]) -> list[float]:
    return [log(1.0 + it) for it in simple]
