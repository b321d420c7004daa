"""Which points of the log can be answered for, and by what name the others are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import points
from clearing.domain.points import Extent, Point

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOG = Extent(
    first=7,
    first_effective_at=NOON,
    first_recorded_at=NOON + 10 * HOUR,
    sealed=90,
    business_now=NOON + 5 * HOUR,
    wall_now=NOON + 20 * HOUR,
)


@pytest.mark.parametrize(
    "point",
    [
        Point(),
        Point(sequence=7),
        Point(sequence=90),
        Point(effective_at=NOON),
        Point(effective_at=NOON + 5 * HOUR),
        Point(known_at=NOON + 10 * HOUR),
        Point(known_at=NOON + 20 * HOUR),
        Point(sequence=50, effective_at=NOON + HOUR),
        Point(known_at=NOON + 15 * HOUR, effective_at=NOON + HOUR),
    ],
)
def test_within_the_log_and_at_its_ends_every_point_is_taken(point):
    assert points.check(point, LOG) is point


@pytest.mark.parametrize(
    ("point", "refusal", "field"),
    [
        (Point(sequence=6), points.PointBeforeTheLog, "as_of_seq"),
        (Point(sequence=91), points.PointNotSealed, "as_of_seq"),
        (Point(effective_at=NOON - HOUR), points.PointBeforeTheLog, "effective_at"),
        (Point(effective_at=NOON + 6 * HOUR), points.PointInTheFuture, "effective_at"),
        (Point(known_at=NOON + 9 * HOUR), points.PointBeforeTheLog, "known_at"),
        (Point(known_at=NOON + 21 * HOUR), points.PointInTheFuture, "known_at"),
        (Point(sequence=50, known_at=NOON + 15 * HOUR), points.PointNotValid, "known_at"),
    ],
)
def test_outside_of_it_the_side_at_fault_is_named(point, refusal, field):
    with pytest.raises(refusal) as caught:
        points.check(point, LOG)

    assert caught.value.field == field


@given(st.integers(-10, 200), st.integers(-30, 30), st.booleans())
def test_a_point_is_taken_exactly_if_each_of_its_sides_is(sequence, hours, both):
    at = NOON + hours * HOUR
    point = Point(sequence=sequence, effective_at=at if both else None)

    fits = 7 <= sequence <= 90 and (not both or 0 <= hours <= 5)
    try:
        taken = points.check(point, LOG) is point
    except points.Refusal:
        taken = False
    assert taken is fits
