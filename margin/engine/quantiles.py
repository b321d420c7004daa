"""Quantiles and expected shortfalls of whole outcomes, exact, each by a convention with a name.

Two houses with the same 500 outcomes and the same 99 % publish different numbers, because one takes
the fifth worst and the other the sixth, or averages four where the other averages five. So a
parameter set names its convention, the name carries a version, and what a name means never changes.

Outcomes are profit and loss in whole units, profit positive; results are losses, positive where
something is lost and not clamped. Nothing is rounded: a result is a fraction of whole numbers, so
no order, chunk or algorithm of selection can move a bit of it.

With n outcomes at level c, t = (1 - c) n is the tail's size, a fraction, and L1 >= L2 >= ... are
the losses, worst first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np

from margin.engine.exact import Exact
from margin.engine.shapes import Floats, Ints

WEIGHT_ONE = 2**40  # what all weights of a sample add up to, about
_INT64 = 2**63


class TooFewOutcomes(ValueError):
    """A sample that a convention has no answer for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """Weights by rank: `each` on the first worst ones, `edge` and `beyond` on the two after them."""

    first: int
    each: int
    edge: int
    beyond: int = 0
    denominator: int = 1


def _single(rank: int) -> Ranks:
    return Ranks(first=rank - 1, each=0, edge=1)


def _mean(count: int) -> Ranks:
    return Ranks(first=count - 1, each=1, edge=1, denominator=count)


def _upper(n: int, level: Fraction) -> Ranks:
    return _single(ceil((1 - level) * n))


def _lower(n: int, level: Fraction) -> Ranks:
    return _single(floor((1 - level) * n) + 1)


def _next_rank(n: int, level: Fraction) -> Ranks:
    rank = ceil((1 - level) * n) + 1
    if rank > n:
        raise TooFewOutcomes(f"rank {rank} of {n} outcomes")
    return _single(rank)


def _linear(n: int, level: Fraction) -> Ranks:
    """Between the two losses around place (n - 1) c, counted from the smallest loss at zero."""
    if n == 1:
        return _single(1)
    place = (n - 1) * level
    below = floor(place)
    share = place - below
    return Ranks(
        first=n - 2 - below,
        each=0,
        edge=share.numerator,
        beyond=share.denominator - share.numerator,
        denominator=share.denominator,
    )


def _tail_mean(n: int, level: Fraction) -> Ranks:
    """The whole tail, the last outcome counting by the part of it that the tail still needs."""
    tail = (1 - level) * n
    whole = floor(tail)
    return Ranks(
        first=whole,
        each=tail.denominator,
        edge=tail.numerator - tail.denominator * whole,
        denominator=tail.numerator,
    )


def _worst_mean(n: int, level: Fraction) -> Ranks:
    return _mean(ceil((1 - level) * n))


def _beyond_mean(n: int, level: Fraction) -> Ranks:
    return _mean(max(ceil((1 - level) * n) - 1, 1))


Convention = Callable[[int, Fraction], Ranks]

QUANTILES: Mapping[str, Convention] = {
    "upper.v1": _upper,  # loss of rank ceil(t): the 5th worst of 500 at 99 %
    "lower.v1": _lower,  # rank floor(t) + 1: the least loss whose share of outcomes reaches c
    "next-rank.v1": _next_rank,  # rank ceil(t) + 1
    "linear.v1": _linear,  # interpolated, as spreadsheets do (Hyndman and Fan's type 7)
}
SHORTFALLS: Mapping[str, Convention] = {
    "tail-mean.v1": _tail_mean,  # (L1 + ... + L[t] + (t - [t]) L[t]+1) / t, [t] = floor(t)
    "worst-mean.v1": _worst_mean,  # mean of the ceil(t) worst
    "beyond-mean.v1": _beyond_mean,  # mean of the ceil(t) - 1 ranked before upper.v1, or the worst
}
# With weights the ones that need no rank: a tie between outcomes of different weight has none.
WEIGHTED = ("upper.v1", "lower.v1", "tail-mean.v1")


def measure(pnl: Ints, *, level: Fraction, convention: str, weight: Ints | None = None) -> Exact:
    """Each account's quantile or expected shortfall, as `convention` defines it.

    pnl      (A, S) whole units, profit positive
    level    between 0 and 1, such as 99/100; not a double, because 0.99 is none
    weight   (S,) whole, not negative, some positive; every outcome counts the same if not given
    return   (A,) losses in the same unit

    Weighted, with the tail's mass at (1 - level) of all: upper.v1 is the loss at which the mass of
    what is at least as bad first reaches the tail's, lower.v1 the one at which it first exceeds it,
    and tail-mean.v1 counts the outcome on the edge by the mass that is still missing (Boudoukh,
    Richardson and Whitelaw 1998 weigh so).

    Raises TooFewOutcomes, and KeyError for a convention that does not exist.
    """
    assert pnl.ndim == 2
    assert np.issubdtype(pnl.dtype, np.signedinteger)
    assert 0 < level < 1
    if not pnl.shape[1]:
        raise TooFewOutcomes("no outcome at all")
    if weight is not None:
        return _weighted(pnl, weight, level=level, convention=convention)
    return combine(pnl, ranks(convention, pnl.shape[1], level))


def ranks(convention: str, count: int, level: Fraction) -> Ranks:
    """How a convention weighs `count` outcomes by rank. Raises TooFewOutcomes, KeyError."""
    rule = QUANTILES[convention] if convention in QUANTILES else SHORTFALLS[convention]
    return rule(count, level)


def combine(pnl: Ints, ranks: Ranks) -> Exact:
    """Weigh the worst outcomes by rank. They are parted from the rest, never sorted.

    Integers add up to the same in any order, which is what lets a partition stand for a sort.
    """
    wanted = [ranks.first] if ranks.edge else []
    wanted += [ranks.first + 1] if ranks.beyond else []
    parted = np.partition(pnl, wanted or [ranks.first - 1], axis=1).astype(np.int64, copy=False)
    worst = parted[:, : ranks.first] if ranks.each else parted[:, :0]
    reach = ranks.each * ranks.first + ranks.edge + ranks.beyond
    exact = _widened(parted, times=reach)
    numerator = exact(worst).sum(axis=1) * ranks.each
    for rank, share in ((ranks.first, ranks.edge), (ranks.first + 1, ranks.beyond)):
        if share:
            numerator = numerator + exact(parted[:, rank]) * share
    return Exact(numerator=-numerator.astype(object), denominator=ranks.denominator)


def age_weights(count: int, *, decay: float) -> Ints:
    """(count,) whole weights, oldest first: decay^age (1 - decay) / (1 - decay^count) in 2^-40.

    Rounded here, once; everything after it is exact. Equal weights at a decay of 1.
    """
    assert 0.0 < decay <= 1.0
    age = np.arange(count)[::-1]
    powers: Floats = decay ** age.astype(np.float64)
    weights: Ints = np.rint(powers / powers.sum() * WEIGHT_ONE).astype(np.int64)
    return weights


def _weighted(pnl: Ints, weight: Ints, *, level: Fraction, convention: str) -> Exact:
    assert convention in WEIGHTED
    assert weight.shape == pnl.shape[1:]
    assert (weight >= 0).all()
    total, tail = int(weight.sum()), 1 - level
    if not total:
        raise TooFewOutcomes("no outcome has any weight")
    assert total * tail.denominator < _INT64  # masses below are compared in int64
    scaled, need = weight * tail.denominator, total * tail.numerator
    # The mass that must be gathered: reached for all, exceeded where the next loss is meant.
    enough = need + (convention == "lower.v1")
    loss, mass = _worst_until(-pnl.astype(np.int64, copy=False), scaled, enough=enough)
    gathered = mass.cumsum(axis=1)
    edge = (gathered >= enough).argmax(axis=1)
    rows = np.arange(len(loss))
    at_edge = loss[rows, edge].astype(object)
    if convention in QUANTILES:
        return Exact(numerator=at_edge, denominator=1)
    before = np.arange(loss.shape[1]) < edge[:, None]
    exact = _widened(loss, times=need)
    inside = (exact(np.where(before, loss, 0)) * exact(mass)).sum(axis=1)
    missing = need - (gathered[rows, edge] - mass[rows, edge])
    return Exact(numerator=inside.astype(object) + at_edge * missing, denominator=need)


def _worst_until(loss: Ints, mass: Ints, *, enough: int) -> tuple[Ints, Ints]:
    """Each account's worst losses, worst first, with their masses: so many that all have enough."""
    count, taken = loss.shape[1], 32
    while True:
        taken = min(taken, count)
        chosen = np.argpartition(-loss, taken - 1, axis=1)[:, :taken]
        if taken == count or (mass[chosen].sum(axis=1) >= enough).all():
            break
        taken *= 2
    some = np.take_along_axis(loss, chosen, axis=1)
    order = np.argsort(-some, axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1), mass[np.take_along_axis(chosen, order, axis=1)]


def _widened(values: Ints, *, times: int) -> Callable[[Ints], Ints]:
    """How to read values before they are multiplied and added: as they are, or without a bound."""
    largest = max(int(values.max(initial=0)), -int(values.min(initial=0)))
    if largest * times < _INT64:
        return lambda some: some
    return lambda some: some.astype(object)
