"""Tiered margin, liquidation, open interest and payoffs in fractions: slow, exact and obvious.

Charges are added up tier by tier, liquidation prices are found by halving an interval, and the
worst payoff by looking at very many prices. Nothing here is the engine's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

Tier = tuple[Fraction, Fraction]  # upper limit, rate; the last rate goes on above its limit


def charge(exposure: Fraction, tiers: Sequence[Tier]) -> Fraction:
    """Each tier's rate on the part of the exposure that lies in it."""
    total, below = Fraction(0), Fraction(0)
    for place, (limit, rate) in enumerate(tiers):
        last = place == len(tiers) - 1
        part = exposure - below if last else min(exposure, limit) - below
        if part <= 0:
            break
        total += part * rate
        below = limit
    return total


def spare(
    price: Fraction,
    *,
    inverse: bool,
    amount: Fraction,
    entry: Fraction,
    margin: Fraction,
    tiers: Sequence[Tier],
) -> Fraction:
    """Equity less maintenance at a price; `amount` is signed units, or money if inverse."""
    if inverse:
        gain, exposure = amount * (1 / entry - 1 / price), abs(amount) / price
    else:
        gain, exposure = amount * (price - entry), abs(amount) * price
    return margin + gain - charge(exposure, tiers)


def halved(of: Callable[[Fraction], Fraction], low: Fraction, high: Fraction) -> Fraction:
    """Where a function changes its sign between two points, to a part in 10^24 of their distance."""
    short_below = of(low) < 0
    assert (of(high) < 0) != short_below
    for _ in range(80):
        middle = (low + high) / 2
        if (of(middle) < 0) == short_below:
            low = middle
        else:
            high = middle
    return low


def scaled_initial(notional: int, *, base_ppm: int, lower: int, upper: int, interest: int) -> int:
    """Initial margin in quanta, rounded up."""
    share = Fraction(0)
    if upper:
        if interest >= upper:
            share = Fraction(1)
        elif interest > lower:
            share = Fraction(interest - lower, upper - lower)
    base = Fraction(base_ppm, 10**6)
    return math.ceil(notional * (base + share * (1 - base)))


def worst_payoff(
    legs: Sequence[tuple[int, bool, Fraction, Fraction]], *, beyond: Fraction
) -> Fraction:
    """Largest loss over a sweep of prices up to `beyond`; legs are lots, call, strike, size."""
    strikes = sorted({strike for _, _, strike, _ in legs})
    prices = {Fraction(0), beyond, *strikes}
    prices |= {beyond * step / 97 for step in range(98)}
    worst = Fraction(0)
    for price in prices:
        paid = sum(
            (
                lots * size * max(price - strike if call else strike - price, Fraction(0))
                for lots, call, strike, size in legs
            ),
            Fraction(0),
        )
        worst = max(worst, -paid)
    return worst
