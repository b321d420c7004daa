"""Amounts that are fractions of whole units: what a measure gives before anybody rounds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.engine.shapes import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exact:
    """numerator / denominator, account by account.

    numerator    (A,) Python's own integers, which have no bound
    denominator  positive, the same for all
    """

    numerator: NDArray[Any]
    denominator: int

    def fractions(self) -> list[Fraction]:
        return [Fraction(int(it), self.denominator) for it in self.numerator]

    def floats(self) -> Floats:
        """(A,) nearest doubles: Python divides integers with one rounding."""
        nearest: Floats = (self.numerator / self.denominator).astype(np.float64)
        return nearest

    def rounded_up(self) -> NDArray[Any]:
        """(A,) the least whole number of units that covers each; Python's integers."""
        up: NDArray[Any] = -(-self.numerator // self.denominator)
        return up

    def times(self, share: Fraction) -> Exact:
        return Exact(
            numerator=self.numerator * share.numerator,
            denominator=self.denominator * share.denominator,
        )


def total(amounts: Sequence[Exact]) -> Exact:
    """Their sum, account by account."""
    denominator = lcm(*(it.denominator for it in amounts))
    parts = [it.numerator * (denominator // it.denominator) for it in amounts]
    return Exact(numerator=sum(parts[1:], parts[0]), denominator=denominator)


def mean(amounts: Sequence[Exact]) -> Exact:
    """What they come to on average: one sub-sample may be longer than another."""
    return total(amounts).times(Fraction(1, len(amounts)))


def larger(one: Exact, other: Exact) -> Exact:
    """The larger of two amounts, account by account."""
    denominator = lcm(one.denominator, other.denominator)
    left = one.numerator * (denominator // one.denominator)
    right = other.numerator * (denominator // other.denominator)
    return Exact(numerator=np.maximum(left, right), denominator=denominator)


def smaller(one: Exact, other: Exact) -> Exact:
    """The smaller of two amounts, account by account."""
    below = larger(one.times(Fraction(-1)), other.times(Fraction(-1)))
    return below.times(Fraction(-1))


def not_negative(one: Exact) -> Exact:
    """At least nothing: a measure that only ever gains asks for nothing."""
    return Exact(numerator=np.maximum(one.numerator, 0), denominator=one.denominator)


def part(one: Exact, accounts: slice) -> Exact:
    """Some of the accounts."""
    return Exact(numerator=one.numerator[accounts], denominator=one.denominator)


def joined(parts: Sequence[Exact]) -> Exact:
    """Accounts one after the other."""
    denominator = lcm(*(it.denominator for it in parts))
    numerators = [it.numerator * (denominator // it.denominator) for it in parts]
    return Exact(numerator=np.concatenate(numerators), denominator=denominator)
