"""How far the log reaches, and whether it can answer for a point."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from clearing.domain import points
from clearing.domain.points import Extent, Point


def point(
    *,
    sequence: int | None = None,
    effective_at: datetime | None = None,
    known_at: datetime | None = None,
) -> Point:
    """A point the log can answer for; doors ask here before they ask for a book.

    Raises PointNotValid, PointNotSealed, PointInTheFuture, PointBeforeTheLog.
    """
    asked = Point(sequence=sequence, effective_at=effective_at, known_at=known_at)
    if asked.now:
        return asked
    reach = extent()
    if reach is None:
        raise points.PointBeforeTheLog(facts="none")
    return points.check(asked, reach)


def extent() -> Extent | None:
    """By one statement; None while nothing was recorded.

    Without a business clock nothing can have taken effect after the first fact did.
    """
    with connection.cursor() as cursor:
        cursor.execute(_EXTENT)
        row = cursor.fetchone()
    if row is None:
        return None
    first, effective_at, recorded_at, sealed, business_now, wall_now = row
    return Extent(
        first=first,
        first_effective_at=effective_at,
        first_recorded_at=recorded_at,
        sealed=sealed,
        business_now=business_now,
        wall_now=wall_now,
    )


_EXTENT = """
    SELECT first.sequence, first.effective_at, first.recorded_at,
           (SELECT last FROM clearing_sealstate WHERE id = 1),
           coalesce((SELECT now FROM clearing_clock WHERE id = 1), first.effective_at),
           clock_timestamp()
    FROM (SELECT * FROM clearing_event ORDER BY sequence LIMIT 1) AS first
"""
