"""How much may leave in an hour, whoever asks and whatever was approved.

The window rolls: what left is counted for one hour of business time. A limit is an amount, a share of
what was held when the hour began, or the lower of both; the house has one for everybody together and
one for each member. Whoever came first goes first: what waits ahead counts as if it had left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from clearing.domain.errors import Refusal

WINDOW = timedelta(hours=1)


class OutflowTooLarge(Refusal):
    code = "outflow-too-large"
    says = "More than may leave in any hour."
    remedy = "Ask for it in parts."


@dataclass(frozen=True, slots=True, kw_only=True)
class Outflow:
    at: datetime
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One limit and what counts against it, in minor units; `held` is what is there now."""

    name: str  # whose: the house or the member
    limit: int | None
    gone: Sequence[Outflow]
    ahead: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """`goes_at` is the earliest time there can be room."""

    whose: str
    goes_at: datetime


def limit_of(
    *, amount: Decimal | None, share: Decimal | None, scale: int, held: int, gone: int
) -> int | None:
    """Minor units, rounded down; None when there is no limit."""
    limits = []
    if amount is not None:
        limits.append(int(Fraction(amount) * 10**scale // 1))
    if share is not None:
        limits.append(int(Fraction(share) * (held + gone) // 1))
    return min(limits, default=None)


def counted(gone: Iterable[Outflow], *, now: datetime) -> list[Outflow]:
    """What left within the hour, oldest first. What left exactly an hour ago counts no more."""
    return sorted((it for it in gone if it.at > now - WINDOW), key=lambda it: it.at)


def check(amount: int, *, sides: Iterable[Side], now: datetime) -> Wait | None:
    """None when it may leave now, or how long it has to wait at least.

    Raises OutflowTooLarge for what could not leave in an empty hour either.
    """
    waits = [wait for side in sides if (wait := _check(amount, side, now)) is not None]
    return max(waits, key=lambda it: it.goes_at, default=None)


def _check(amount: int, side: Side, now: datetime) -> Wait | None:
    if side.limit is None:
        return None
    if amount > side.limit:
        raise OutflowTooLarge(field="amount", limit=side.limit, whose=side.name)
    gone = counted(side.gone, now=now)
    over = sum(it.amount for it in gone) + side.ahead + amount - side.limit
    if over <= 0:
        return None
    goes_at = now + WINDOW  # those ahead leave first, and are counted for an hour after that
    for it in gone:
        over -= it.amount
        if over <= 0:
            goes_at = it.at + WINDOW
            break
    return Wait(whose=side.name, goes_at=goes_at)
