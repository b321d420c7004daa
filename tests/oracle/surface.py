"""A surface by hand: one number at a time, from the definitions, with nothing of ours.

Prices are of one unit of forward, undiscounted. Densities are second differences of prices, so no
derivative of a smile is written down here.
"""

from __future__ import annotations

from itertools import pairwise
from math import erf, exp, log, sqrt

Numbers = tuple[float, float, float, float, float]  # a, b, rho, m, sigma
Expiry = tuple[float, float, Numbers]  # years, forward, smile


def variance(numbers: Numbers, k: float) -> float:
    a, b, rho, m, sigma = numbers
    return a + b * (rho * (k - m) + sqrt((k - m) ** 2 + sigma**2))


def interpolated(expiries: list[Expiry], *, years: float, strike: float) -> float:
    """Volatility at any time and strike: total variance straight in time at equal moneyness."""
    first, last = expiries[0], expiries[-1]
    if years <= first[0]:
        k = log(strike / first[1])
        return sqrt(variance(first[2], k) / first[0])
    if years >= last[0]:
        k = log(strike / last[1])
        return sqrt(variance(last[2], k) / last[0])
    for one, two in pairwise(expiries):
        if one[0] <= years <= two[0]:
            share = (years - one[0]) / (two[0] - one[0])
            forward = exp(log(one[1]) + share * (log(two[1]) - log(one[1])))
            k = log(strike / forward)
            total = variance(one[2], k) + share * (variance(two[2], k) - variance(one[2], k))
            return sqrt(total / years)
    raise AssertionError("expiries are in order of time")


def call(moneyness: float, total_variance: float) -> float:
    deviation = sqrt(total_variance)
    upper = -log(moneyness) / deviation + 0.5 * deviation
    return _normal(upper) - moneyness * _normal(upper - deviation)


def put(moneyness: float, total_variance: float) -> float:
    return call(moneyness, total_variance) - 1.0 + moneyness


def density(numbers: Numbers, k: float, *, step: float = 1e-3) -> float:
    """Of the price at expiry over the forward: how convex calls are in their strike."""
    middle = exp(k)
    prices = [
        call(strike, variance(numbers, log(strike)))
        for strike in (middle - step, middle, middle + step)
    ]
    return (prices[0] - 2.0 * prices[1] + prices[2]) / step**2


def _normal(x: float) -> float:
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))
