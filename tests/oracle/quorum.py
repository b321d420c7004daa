"""One price of many, slowly: exact fractions and the library's own median, and nothing of ours."""

from __future__ import annotations

from fractions import Fraction
from statistics import median


def outlying(
    values: dict[str, Fraction], *, band: Fraction, floor: Fraction, mads: int
) -> set[str]:
    """Each held against all the others, the others alone being the yardstick."""
    found = set()
    if len(values) < 2:
        return found
    for name, value in values.items():
        others = [values[other] for other in values if other != name]
        middle = median(others)
        deviation = median([abs(other - middle) for other in others])
        if abs(value - middle) > max(band * abs(middle), floor, mads * deviation):
            found.add(name)
    return found


def price(
    values: dict[str, Fraction],
    weights: dict[str, int],
    *,
    quorum: int,
    band: Fraction,
    mads: int,
    divergence: Fraction,
) -> str | None:
    """The sealed price as text of at most twelve decimals, or None. A weight is so many votes."""
    left = values.keys() - outlying(values, band=band, floor=Fraction(0), mads=mads)
    if len(left) < quorum:
        return None
    apart = max(values[name] for name in left) - min(values[name] for name in left)
    if apart > divergence * abs(median([values[name] for name in left])):
        return None
    votes = [values[name] for name in left for _ in range(weights[name])]
    whole, part = divmod(round(median(votes) * 10**12), 10**12)
    digits = f"{part:012d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
