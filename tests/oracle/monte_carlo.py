"""Draws of a t copula by hand: the generator's own rounds in whole numbers, the rest in mpmath."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mpmath import betainc, findroot, gammainc, log, mp, mpf, sqrt
from mpmath import erfinv as inverse_error

mp.dps = 30
WORD, MASK = 2**64, 2**64 - 1
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)


def philox(key: int, counter: int) -> Iterator[int]:
    """Philox 4x64 with ten rounds (Salmon and others 2011), counting up before each four words."""
    while True:
        counter = (counter + 1) % 2**256
        words = [(counter >> (64 * place)) & MASK for place in range(4)]
        keys = [key & MASK, (key >> 64) & MASK]
        for _ in range(10):
            high0, low0 = divmod(MULTIPLIERS[0] * words[0], WORD)
            high1, low1 = divmod(MULTIPLIERS[1] * words[2], WORD)
            words = [high1 ^ words[1] ^ keys[0], low1, high0 ^ words[3] ^ keys[1], low0]
            keys = [(keys[place] + WEYL[place]) & MASK for place in range(2)]
        yield from words


def uniform(word: int) -> mpf:
    return (mpf(word >> 12) + mpf(1) / 2) / 2**52


def normal_quantile(p: mpf) -> mpf:
    return sqrt(2) * inverse_error(2 * p - 1)


def chi_squared_exceeded(freedom: float, p: mpf) -> mpf:
    """The value that is exceeded with probability p."""
    half = mpf(freedom) / 2

    def off(x: mpf) -> mpf:
        return gammainc(half, x / 2, regularized=True) - p

    return findroot(off, (mpf(10) ** -12, mpf(1000)), solver="anderson", tol=mpf(10) ** -24)


def t_below(freedom: float, x: mpf) -> mpf:
    """Probability of less than x, x not positive."""
    nu = mpf(freedom)
    return betainc(nu / 2, mpf(1) / 2, 0, nu / (nu + x * x), regularized=True) / 2


def drawn(
    words: Iterator[int], *, factor: Sequence[Sequence[float]], freedom: float, count: int
) -> list[list[tuple[mpf, bool]]]:
    """Factor by factor, scenario by scenario: the smaller side's probability, and is it the upper."""
    factors = len(factor)
    normals = [
        [normal_quantile(uniform(next(words))) for _ in range(count)] for _ in range(factors)
    ]
    mixing = [
        sqrt(mpf(freedom) / chi_squared_exceeded(freedom, uniform(next(words))))
        for _ in range(count)
    ]
    found = []
    for row in range(factors):
        t = [
            mixing[s] * sum(mpf(factor[row][of]) * normals[of][s] for of in range(row + 1))
            for s in range(count)
        ]
        found.append([(t_below(freedom, -abs(it)), it > 0) for it in t])
    return found


def kendall(one: Sequence[float], other: Sequence[float]) -> mpf:
    """Pairs that agree less pairs that do not, over all pairs."""
    score = pairs = 0
    for first in range(len(one)):
        for second in range(first):
            product = (one[first] - one[second]) * (other[first] - other[second])
            score += (product > 0) - (product < 0)
            pairs += 1
    return mpf(score) / pairs


def pareto_log_likelihood(excess: Sequence[float], *, shape: float, scale: float) -> float:
    """Of a generalised Pareto, to see that a fit is near the likeliest."""
    inside = [1 + shape * it / scale for it in excess]
    if min(inside) <= 0:
        return float("-inf")
    return float(
        -len(excess) * log(scale) - (1 + 1 / mpf(shape)) * sum(log(mpf(it)) for it in inside)
    )
