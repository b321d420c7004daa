"""What the book says each holder has of ours, what is missing in it, and what may not leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from clearing import models
from clearing.domain import entries, reconciliation
from clearing.domain.errors import NotFound
from clearing.domain.reconciliation import (
    CUSTODIAN,
    DEPOSIT,
    TRADE,
    WITHDRAWAL,
    Key,
    OpenBreak,
    OutsideLine,
)


def custody_of(holder: str, *, effective_at: datetime) -> dict[Key, int]:
    """("", asset) -> minor units a custodian holds of everybody's, by the book, as of a time.

    A deposit is held by the custodian whose credential confirmed it. What leaves an account leaves
    where its last deposit of the asset came in (clearing/decisions/0047).
    """
    asked: dict[str, Any] = {
        "custody": entries.CUSTODY,
        "holder": holder,
        "unnamed": reconciliation.UNNAMED,
        "effective_at": effective_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CUSTODY_OF, asked)
        rows = cursor.fetchall()
    return {("", asset.removeprefix(entries.cash(""))): int(held) for asset, held in rows}


def lots_by_account(symbols: Iterable[str], *, effective_at: datetime) -> dict[Key, int]:
    """(account, symbol) -> signed lots of every member's account in some instruments."""
    asked: dict[str, Any] = {
        "assets": [entries.lots(symbol) for symbol in symbols],
        "house": list(entries.HOUSE_ACCOUNTS),
        "effective_at": effective_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOTS_OF, asked)
        rows = cursor.fetchall()
    return {(account, asset.removeprefix(entries.lots(""))): int(it) for account, asset, it in rows}


def unknown_movements(lines: Sequence[OutsideLine], *, holder: str, kind: str) -> list[OutsideLine]:
    """Of a holder's movements those the log does not have, in the holder's order."""
    moved = reconciliation.movements(lines)
    scope = f"{'custodian' if kind == CUSTODIAN else 'venue'}:{holder}"
    keyed = [it.reference for it in moved if it.line in (DEPOSIT, TRADE)]
    keys = models.Command.objects.filter(scope=scope, key__in=keyed)
    known = set(keys.values_list("key", flat=True))
    paid = models.Withdrawal.objects.filter(
        withdrawal_id__in=[it.reference for it in moved if it.line == WITHDRAWAL],
        status="settled",
    )
    known_paid = set(paid.values_list("withdrawal_id", flat=True))
    return [
        it for it in moved if it.reference not in (known_paid if it.line == WITHDRAWAL else known)
    ]


def reconciliation_runs(
    *, holder: str | None = None, kind: str | None = None
) -> QuerySet[models.Reconciliation]:
    """Newest first."""
    rows = models.Reconciliation.objects.order_by("-sequence")
    if holder is not None:
        rows = rows.filter(holder=holder, kind=kind)
    return rows


def breaks(*, holder: str | None = None, kind: str | None = None) -> QuerySet[models.Break]:
    """Newest first."""
    rows = models.Break.objects.order_by("-sequence")
    if holder is not None:
        rows = rows.filter(holder=holder, kind=kind)
    return rows


def standing_breaks() -> QuerySet[models.Break]:
    """Those no later run found gone, explained or not, oldest first."""
    return models.Break.objects.exclude(status="resolved").order_by("sequence")


def known_breaks(*, holder: str, kind: str) -> dict[Key, OpenBreak]:
    return {
        (row.account, row.asset): OpenBreak(break_id=row.break_id, difference=row.difference)
        for row in standing_breaks().filter(holder=holder, kind=kind)
    }


def found_break(break_id: str) -> models.Break:
    """Raises NotFound."""
    row = models.Break.objects.filter(break_id=break_id).first()
    if row is None:
        raise NotFound(field="break_id", found=break_id)
    return row


def tolerances() -> dict[str, int]:
    return dict(models.Tolerance.objects.values_list("asset", "amount"))


def release_halts() -> QuerySet[models.ReleaseHalt]:
    return models.ReleaseHalt.objects.order_by("asset")


def violations() -> QuerySet[models.Violation]:
    return models.Violation.objects.order_by("sequence")


def outside_document(name: str) -> str:
    """The statement as it came. Raises NotFound."""
    row = models.OutsideDocument.objects.filter(name=name).first()
    if row is None:
        raise NotFound(field="document", document=name)
    return row.body


_CUSTODY_OF = """
    WITH custody AS (
        SELECT entry.asset, entry.amount, entry.sequence, fact.stream, fact.effective_at,
               named.holder
        FROM clearing_entry AS entry JOIN clearing_event AS fact USING (sequence)
        LEFT JOIN LATERAL (
            SELECT substr(scope, 11) AS holder FROM clearing_command
            WHERE sequence = entry.sequence AND scope LIKE 'custodian:%%' LIMIT 1
        ) AS named ON true
        WHERE entry.account = %(custody)s
    ), parts AS (
        SELECT *, count(holder) OVER (PARTITION BY stream, asset ORDER BY sequence) AS part
        FROM custody
    ), held AS (
        SELECT asset, amount, effective_at,
               coalesce(first_value(holder) OVER (
                   PARTITION BY stream, asset, part ORDER BY sequence), %(unnamed)s) AS holder
        FROM parts
    )
    SELECT asset, -sum(amount) FROM held
    WHERE holder = %(holder)s AND effective_at <= %(effective_at)s
    GROUP BY asset HAVING sum(amount) <> 0 ORDER BY asset
"""
_LOTS_OF = """
    SELECT entry.account, entry.asset, sum(entry.amount)
    FROM clearing_entry AS entry JOIN clearing_event AS fact USING (sequence)
    WHERE entry.asset = ANY (%(assets)s) AND entry.account <> ALL (%(house)s)
      AND fact.effective_at <= %(effective_at)s
    GROUP BY entry.account, entry.asset HAVING sum(entry.amount) <> 0
    ORDER BY entry.account, entry.asset
"""
