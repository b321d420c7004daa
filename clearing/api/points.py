"""The point a book is asked at, as query parameters."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from clearing import selectors
from clearing.api.door import checked
from clearing.api.fields import Moment
from clearing.domain.amounts import LARGEST
from clearing.domain.points import Point


class AsOf(serializers.Serializer[Any]):
    """The point a book is asked at; without any side it is the book as it is."""

    as_of_seq = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST,
        required=False,
        help_text="Count facts up to this place in the log, which must be sealed.",
    )
    effective_at = Moment(
        required=False,
        help_text="Count facts that had taken effect by then, in business time, whenever they were"
        " recorded. Goes with either of the others: what had taken effect, as far as it was known.",
    )
    known_at = Moment(
        required=False,
        help_text="Count facts that had been recorded by then, by the wall clock.",
    )


def asked(request: Request) -> Point:
    """Raises ValidationError, PointNotValid, PointNotSealed, PointInTheFuture, PointBeforeTheLog."""
    return point_of(checked(AsOf, request.query_params.dict()))


def point_of(query: dict[str, Any]) -> Point:
    """The sides of a checked query, as a point the log can answer for."""
    return selectors.point(
        sequence=query.get("as_of_seq"),
        effective_at=query.get("effective_at"),
        known_at=query.get("known_at"),
    )
