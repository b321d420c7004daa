"""The middle of what several said, exactly, and who is too far from the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal

SEALED_DIGITS = 12
EXACT = Context(prec=80)  # thirty digits each side of the point, and room to add and halve them
TWO = Decimal(2)


def median(values: Iterable[Decimal]) -> Decimal:
    """The middle one, or exactly half-way between the middle two."""
    return weighted_median([(value, 1) for value in values])


def weighted_median(values: Iterable[tuple[Decimal, int]]) -> Decimal:
    """The value at which half the weight lies on either side; half-way between two where the
    weight splits exactly there. Exact; the same in any order."""
    ordered = sorted(values)
    assert ordered, "a median of nothing"
    total, below = sum(weight for _, weight in ordered), 0
    for place, (value, weight) in enumerate(ordered):
        below += weight
        if 2 * below == total:
            return EXACT.divide(EXACT.add(value, ordered[place + 1][0]), TWO)
        if 2 * below > total:
            return value
    raise AssertionError("weights are positive")


def sealed(value: Decimal) -> str:
    """Half-even to twelve digits, spelled without exponent or idle zeros."""
    rounded = value.quantize(Decimal(1).scaleb(-SEALED_DIGITS), ROUND_HALF_EVEN, context=EXACT)
    return format(rounded.normalize(EXACT), "f")


def outlying(
    values: Mapping[str, Decimal], *, band: Decimal, floor: Decimal, mads: int
) -> dict[str, str]:
    """Who is too far from the median of the others, and how far in words; nobody is when alone."""
    found: dict[str, str] = {}
    for name, value in values.items():
        others = [it for other, it in values.items() if other != name]
        if not others:
            break
        centre = median(others)
        spread = median([abs(EXACT.subtract(it, centre)) for it in others])
        limit = max(EXACT.multiply(band, abs(centre)), floor, EXACT.multiply(spread, mads))
        if abs(EXACT.subtract(value, centre)) > limit:
            found[name] = f"{value:f}, the others' median {centre:f}, limit {limit:f}"
    return found
