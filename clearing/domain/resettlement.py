"""What a position would be carried at had its cycles used the prices that stand now.

Cash and what a position is carried at move together: whatever a corrected mark would have paid in
its cycle is taken back by the next, or when the position is closed. So over the whole history the
only difference left is in what the position is carried at now, and that difference is what is to be
paid (clearing/decisions/0033). Walking two paths side by side, the one on record and the one wanted,
finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clearing.domain.account import pro_rata


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One fact's effect on one position.

    cycle    that revalued it, "" for none
    value    what the cycle valued it at, as recorded
    book     version of the account in the book the cycle is pinned to
    ignored  a correction: it is on record, and no part of what is wanted
    """

    version: int
    lots: int
    cost: int
    cycle: str = ""
    value: int = 0
    book: int = 0
    ignored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """One payment for lots of an expired contract, before their cost. `whole` says that it is a
    correction, which names all the lots and the whole payment again."""

    sequence: int
    lots: int
    value: int
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    lots: int
    value: int


def paid(payouts: Iterable[Payout]) -> Paid:
    """All the lots an account had of it, and what it was paid for them so far."""
    lots = value = 0
    for it in sorted(payouts, key=lambda it: it.sequence):
        lots, value = (it.lots, it.value) if it.whole else (lots + it.lots, value + it.value)
    return Paid(lots=lots, value=value)


def wanted_cost(steps: Iterable[Step], *, corrected: Mapping[str, int]) -> tuple[int, int]:
    """(what it is carried at on record, what it would be), after all the steps from its first fact.

    `corrected` is cycle -> the position's value there at the mark that stands.
    """
    lots = recorded = wanted = 0
    paths: list[tuple[int, int]] = [(0, 0)]  # (version, wanted after it)
    for step in steps:
        before = lots
        lots, recorded = lots + step.lots, recorded + step.cost
        if step.ignored:
            continue
        if step.cycle:
            value = corrected.get(step.cycle, step.value)
            wanted += value - _at(paths, step.book)
        else:
            wanted = _after_trade(wanted, held=before, step=step, recorded=recorded)
        paths.append((step.version, wanted))
    return recorded, wanted


def _at(paths: list[tuple[int, int]], version: int) -> int:
    """What was wanted once the account had reached a version."""
    return next(wanted for at, wanted in reversed(paths) if at <= version)


def _after_trade(wanted: int, *, held: int, step: Step, recorded: int) -> int:
    """As `account.novate` does: growing adds, shrinking releases pro rata, turning begins anew."""
    if held * step.lots >= 0:
        return wanted + step.cost
    if abs(step.lots) > abs(held):
        return recorded
    return wanted - pro_rata(wanted, part=abs(step.lots), whole=abs(held))
