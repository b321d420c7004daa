"""A point the book is asked at: a place in the log, a time of effect, a time of knowledge.

Each side is optional, and without any it is the book as it is. `sequence` and `known_at` both say
what was known, so only one of them is taken; either may be combined with `effective_at`: what had
taken effect by then, as far as it was known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from clearing.domain.errors import Refusal


class PointNotValid(Refusal):
    code = "point-not-valid"
    says = "A place in the log and a time of knowledge both say what was known."
    remedy = "Send `as_of_seq` or `known_at`, not both; either may go with `effective_at`."


class PointNotSealed(Refusal):
    code = "point-not-sealed"
    says = "The order of the log is not final up to there yet."
    remedy = "Ask up to the last sealed sequence, or ask again in a moment."


class PointInTheFuture(Refusal):
    code = "point-in-the-future"
    says = "That time has not come."
    remedy = (
        "Ask for a time that has passed: business time for effect, the wall clock for knowledge."
    )


class PointBeforeTheLog(Refusal):
    code = "point-before-the-log"
    says = "Nothing was recorded by then: the log starts later."
    remedy = "Ask from the log's first fact on."


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    sequence: int | None = None
    effective_at: datetime | None = None
    known_at: datetime | None = None

    @property
    def now(self) -> bool:
        """Whether it is the book as it is."""
        return self == NOW

    @property
    def sides(self) -> Mapping[str, Any]:
        return asdict(self)


NOW = Point()


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far the log reaches: where it starts, up to where its order is final, and both clocks."""

    first: int
    first_effective_at: datetime
    first_recorded_at: datetime
    sealed: int
    business_now: datetime
    wall_now: datetime


def check(point: Point, extent: Extent) -> Point:
    """The point itself, if the log can answer for it.

    Raises PointNotValid, PointNotSealed, PointInTheFuture, PointBeforeTheLog.
    """
    if point.sequence is not None:
        if point.known_at is not None:
            raise PointNotValid(field="known_at", as_of_seq=point.sequence)
        if point.sequence < extent.first:
            raise PointBeforeTheLog(field="as_of_seq", got=point.sequence, first=extent.first)
        if point.sequence > extent.sealed:
            raise PointNotSealed(field="as_of_seq", got=point.sequence, sealed=extent.sealed)
    _check_time("effective_at", point.effective_at, extent.first_effective_at, extent.business_now)
    _check_time("known_at", point.known_at, extent.first_recorded_at, extent.wall_now)
    return point


def _check_time(side: str, at: datetime | None, first: datetime, now: datetime) -> None:
    if at is None:
        return
    if at < first:
        raise PointBeforeTheLog(field=side, got=at.isoformat(), first=first.isoformat())
    if at > now:
        raise PointInTheFuture(field=side, got=at.isoformat(), now=now.isoformat())
