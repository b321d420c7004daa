"""The book at any two times, from nothing but what each command changed: slow and obvious.

Every command is told with the time it took effect and the moment it was recorded; a book at a
point is the sum of the changes within it. No line is shared with the house.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

Holdings = dict[str, dict[str, int]]  # account -> asset -> amount


@dataclass(frozen=True)
class Change:
    effective_at: datetime
    recorded_at: datetime  # of its last fact
    sequence: int  # of its last fact
    moved: Holdings


@dataclass
class History:
    changes: list[Change] = field(default_factory=list)
    before: Holdings = field(default_factory=dict)

    def told(
        self,
        now: Mapping[str, Mapping[str, int]],
        *,
        effective_at: datetime,
        recorded_at: datetime,
        sequence: int,
    ) -> None:
        """What everybody holds after a command; what it changed is the difference."""
        moved: Holdings = {}
        for account in {*now, *self.before}:
            was, is_now = self.before.get(account, {}), now.get(account, {})
            difference = {
                asset: is_now.get(asset, 0) - was.get(asset, 0) for asset in {*was, *is_now}
            }
            moved[account] = {asset: amount for asset, amount in difference.items() if amount}
        self.changes.append(Change(effective_at, recorded_at, sequence, moved))
        self.before = {account: dict(held) for account, held in now.items()}

    def within(
        self,
        *,
        effective_at: datetime | None = None,
        known_at: datetime | None = None,
        sequence: int | None = None,
    ) -> list[Change]:
        return [
            it
            for it in self.changes
            if (effective_at is None or it.effective_at <= effective_at)
            and (known_at is None or it.recorded_at <= known_at)
            and (sequence is None or it.sequence <= sequence)
        ]

    def book(self, account: str, **point: datetime | int | None) -> dict[str, int]:
        held: dict[str, int] = defaultdict(int)
        for change in self.within(**point):  # type: ignore[arg-type]
            for asset, amount in change.moved.get(account, {}).items():
                held[asset] += amount
        return {asset: amount for asset, amount in sorted(held.items()) if amount}

    def everything(self, **point: datetime | int | None) -> dict[str, tuple[int, int]]:
        """asset -> (owed to the house, owed by it), over all accounts."""
        sides: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        accounts = {account for it in self.changes for account in it.moved}
        for account in accounts:
            for asset, amount in self.book(account, **point).items():
                sides[asset][amount > 0] += abs(amount)
        return {asset: (debit, credit) for asset, (debit, credit) in sides.items()}
