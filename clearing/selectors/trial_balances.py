"""The trial balance: what every class of account holds of every asset, at any point of the log.

A balance above zero is owed to whoever holds it, so it stands on the credit side; one below zero,
as the custody account's, is owed to the house and stands on the debit side. In every asset the two
sides are equal: that is what "nothing was lost" means.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import connection

from clearing.domain import entries
from clearing.domain.points import NOW, Point


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLine:
    """One class in one asset: members' accounts by kind, each of the house's own by its name.

    `debit` and `credit` are not negative, in minor units or lots.
    """

    asset: str  # as entries name assets
    group: str
    accounts: int
    debit: int
    credit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialColumn:
    """One asset over all classes."""

    asset: str
    lines: tuple[TrialLine, ...]

    @property
    def debit(self) -> int:
        return sum(line.debit for line in self.lines)

    @property
    def credit(self) -> int:
        return sum(line.credit for line in self.lines)

    @property
    def off(self) -> int:
        """What is lost or made of nothing: zero."""
        return self.credit - self.debit


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAccount:
    account: str
    amount: int


def trial_balance_at(point: Point = NOW) -> list[TrialColumn]:
    """The whole house at a point, by one statement: every column with its classes, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_CLASSES.format(balances=_balances(point)), _asked(point))
        rows = cursor.fetchall()
    # sums over all members may be more than one member's column holds
    lines = [
        TrialLine(
            asset=row[0], group=row[1], accounts=row[2], debit=int(row[3]), credit=int(row[4])
        )
        for row in rows
    ]
    return [
        TrialColumn(asset=asset, lines=tuple(found))
        for asset, found in groupby(lines, key=lambda line: line.asset)
    ]


def trial_accounts(
    point: Point = NOW, *, asset: str, group: str, after: str = "", limit: int | None = None
) -> list[TrialAccount]:
    """The accounts behind one line past a name, by name; none of them holds nothing."""
    asked = {**_asked(point), "asset": asset, "group": group, "after": after, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS.format(balances=_balances(point)), asked)
        return [TrialAccount(account=account, amount=int(it)) for account, it in cursor.fetchall()]


def _asked(point: Point) -> dict[str, Any]:
    return {**point.sides, "house": list(entries.HOUSE_ACCOUNTS)}


def _balances(point: Point) -> str:
    """Only a time of a fact has to be looked up in the log, and then for all of it at once."""
    timed = point.effective_at is not None or point.known_at is not None
    return _BALANCES.format(
        facts="JOIN clearing_event AS fact USING (sequence)" if timed else "",
        times=_TIMES if timed else "",
    )


_TIMES = """
          AND (%(effective_at)s::timestamptz IS NULL OR fact.effective_at <= %(effective_at)s)
          AND (%(known_at)s::timestamptz IS NULL OR fact.recorded_at <= %(known_at)s)
"""
_BALANCES = """
        SELECT entry.asset, entry.account, sum(entry.amount) AS amount
        FROM clearing_entry AS entry {facts}
        WHERE (%(sequence)s::bigint IS NULL OR entry.sequence <= %(sequence)s) {times}
        GROUP BY entry.asset, entry.account HAVING sum(entry.amount) <> 0
"""
_CLASSED = """
    WITH balances AS ({{balances}}), classed AS (
        SELECT balances.*,
               CASE WHEN account = ANY (%(house)s) THEN account
                    ELSE coalesce(state.kind, 'unknown') END AS class
        FROM balances LEFT JOIN clearing_accountstate AS state USING (account)
    )
    {question}
"""
_CLASSES = _CLASSED.format(
    question="""
    SELECT asset, class, count(*),
           sum(greatest(-amount, 0)), sum(greatest(amount, 0))
    FROM classed GROUP BY asset, class ORDER BY asset, class
"""
)
_ACCOUNTS = _CLASSED.format(
    question="""
    SELECT account, amount FROM classed
    WHERE asset = %(asset)s AND class = %(group)s AND account > %(after)s
    ORDER BY account LIMIT %(limit)s
"""
)
