"""Value at risk and expected shortfall by hand: sort all losses, then count, in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def of_equal(outcomes: Sequence[int], *, level: Fraction, convention: str) -> Fraction:
    """The outcomes' measure when each counts the same."""
    losses = sorted((-it for it in outcomes), reverse=True)
    n = len(losses)
    tail = (1 - level) * n
    rank = 1  # the first whose count reaches the tail
    while rank < tail:
        rank += 1
    match convention:
        case "upper.v1":
            return Fraction(losses[rank - 1])
        case "lower.v1":
            return Fraction(losses[rank if rank == tail else rank - 1])
        case "next-rank.v1":
            return Fraction(losses[rank])
        case "linear.v1":
            rising = losses[::-1]
            at = int((n - 1) * level)
            share = (n - 1) * level - at
            above = rising[min(at + 1, n - 1)]
            return rising[at] + share * (above - rising[at])
        case "tail-mean.v1":
            return _filled([(loss, Fraction(1)) for loss in losses], tail) / tail
        case "worst-mean.v1":
            return Fraction(sum(losses[:rank]), rank)
        case "beyond-mean.v1":
            before = losses[: rank - 1] or losses[:1]
            return Fraction(sum(before), len(before))
    raise AssertionError(convention)


def of_weighted(
    outcomes: Sequence[int], weights: Sequence[int], *, level: Fraction, convention: str
) -> Fraction:
    """The same when outcomes have weights; what weighs nothing is not there."""
    pairs = sorted(
        ((-it, Fraction(w)) for it, w in zip(outcomes, weights, strict=True) if w), reverse=True
    )
    tail = (1 - level) * sum(w for _, w in pairs)
    if convention == "tail-mean.v1":
        return _filled(pairs, tail) / tail
    mass = Fraction(0)
    for loss, weight in pairs:
        mass += weight
        if mass > tail or (mass == tail and convention == "upper.v1"):
            return Fraction(loss)
    raise AssertionError("the tail is smaller than everything")


def _filled(pairs: Sequence[tuple[int, Fraction]], tail: Fraction) -> Fraction:
    """Pour losses, worst first, into a tail of this size; the last goes in by what has room."""
    inside, left = Fraction(0), tail
    for loss, weight in pairs:
        poured = min(weight, left)
        inside += poured * loss
        left -= poured
    return inside
