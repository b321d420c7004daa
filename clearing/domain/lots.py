"""Collateral in lots: which deposit is still there, with whom, and what it is promised to.

A lot is what arrived at once; it lies in one place and is encumbered whole, by one thing or by
nothing. What takes a part of a lot splits it, so that no unit is ever promised twice.

Lots leave first in, first out: the oldest first. So the answer needs nobody's choice and no price,
the same log always gives the same lots, and what is left is what arrived last, whose place and owner
are known best.

Trading moves cash without asking which deposit it was: premiums, variation margin, fees. So lots are
held against the balance. What the balance has above all lots is `settled cash`, one line an asset;
what the lots have above the balance was used up by trading, the oldest lot first. Lots less what is
used, with settled cash, are the balance to the last unit; a negative balance is a debt, and no lot is
left then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

FREE = ""
WITHDRAWAL, SUBSTITUTION = "withdrawal", "substitution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """`units` are minor units and above zero; `sequence` is the fact that brought it."""

    lot_id: str
    asset: str
    units: int
    custodian: str
    deposited_at: datetime
    sequence: int
    encumbered_by: str = FREE

    @property
    def order(self) -> tuple[datetime, int, str]:
        return (self.deposited_at, self.sequence, self.lot_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A lot and how much of it trading has used up."""

    lot: Lot
    used: int

    @property
    def left(self) -> int:
        return self.lot.units - self.used


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """Lots against a balance: sum of what is left + settled_cash - debt = balance."""

    lots: list[Drawn]
    settled_cash: int
    debt: int


def named(sequence: int) -> str:
    """The lot that a fact brought."""
    return f"lot-{sequence}"


def encumbrance(kind: str, name: str) -> str:
    return f"{kind}:{name}"


def encumber(lots: Iterable[Lot], amount: int, *, by: str, sequence: int) -> list[Lot]:
    """The lots after `amount` of them is promised to `by`, oldest free one first.

    The last one is split where only a part of it is needed; the part that is promised gets a name of
    its own. Where the lots are less than the amount, the rest is settled cash and has no lot.
    """
    after = []
    for lot in sorted(lots, key=lambda it: it.order):
        if lot.encumbered_by or amount <= 0:
            after.append(lot)
        elif lot.units <= amount:
            amount -= lot.units
            after.append(replace(lot, encumbered_by=by))
        else:
            part = f"{lot.lot_id.partition('+')[0]}+{sequence}"
            after.append(replace(lot, lot_id=part, units=amount, encumbered_by=by))
            after.append(replace(lot, units=lot.units - amount))
            amount = 0
    return after


def against(lots: Sequence[Lot], balance: int) -> Against:
    """Those lots that are in the balance: not the ones on their way out by a withdrawal, which the
    ledger has moved already. What is promised to a substitution is used up last."""
    inside = [lot for lot in lots if not lot.encumbered_by.startswith(f"{WITHDRAWAL}:")]
    total = sum(lot.units for lot in inside)
    to_use = min(total, max(0, total - balance))
    drawn = []
    for lot in sorted(inside, key=lambda it: (bool(it.encumbered_by), it.order)):
        used = min(lot.units, to_use)
        to_use -= used
        drawn.append(Drawn(lot=lot, used=used))
    return Against(
        lots=sorted(drawn, key=lambda it: it.lot.order),
        settled_cash=max(0, balance - total),
        debt=max(0, -balance),
    )
