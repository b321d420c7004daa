"""What makes the books doubtful, in one question: it is asked by every look at the front page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from clearing.domain.cycles import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Each oldest first. `held` is (cycle, why it does not balance); `missed` is the first window
    without a price set since the latest that was sealed, and why."""

    violated: list[str]
    halted: list[str]  # assets that may not leave
    breaks_open: int
    breaks_explained: int
    held: list[tuple[str, str]]
    missed: tuple[datetime, str] | None


def trouble() -> Trouble:
    with connection.cursor() as cursor:
        cursor.execute(_TROUBLE, {"held": State.HELD})
        rows = cursor.fetchall()
    found: dict[str, list[Any]] = {}
    for what, name, reason, at, number in rows:
        found.setdefault(what, []).append((name, reason, at, number))
    breaks = {name: number for name, _, _, number in found.get("break", [])}
    missed = next(iter(found.get("missed", [])), None)
    return Trouble(
        violated=[name for name, *_ in found.get("violated", [])],
        halted=[name for name, *_ in found.get("halted", [])],
        breaks_open=breaks.get("open", 0),
        breaks_explained=breaks.get("explained", 0),
        held=[(name, reason) for name, reason, *_ in found.get("held", [])],
        missed=(missed[2], missed[1]) if missed else None,
    )


_TROUBLE = """
    SELECT 'violated' AS what, invariant AS name, '' AS reason, NULL::timestamptz AS at,
           sequence AS number
    FROM clearing_violation
    UNION ALL
    SELECT 'halted', asset, '', NULL, 0 FROM clearing_releasehalt
    UNION ALL
    SELECT 'break', status, '', NULL, count(*) FROM clearing_break
    WHERE status <> 'resolved' GROUP BY status
    UNION ALL
    SELECT 'held', cycle_id, reason, NULL, opened FROM clearing_cycle WHERE state = %(held)s
    UNION ALL
    (SELECT 'missed', '', reason, at, sequence FROM clearing_pricedeferral
     WHERE sequence > coalesce(
         (SELECT max(sequence) FROM clearing_priceset WHERE corrects IS NULL), 0)
     ORDER BY sequence LIMIT 1)
    ORDER BY what, number, name
"""
