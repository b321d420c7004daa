"""What sources of prices say, as they say it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment
from clearing.domain.observations import LONGEST_SUBJECT, MOST_OBSERVATIONS, Observation
from clearing.domain.scope import require_reporter
from clearing.services import observing

EXAMPLE = {
    "subject": "quote BTC-PERP",
    "at": "2026-01-02T09:00:00.250000Z",
    "bid": "90000",
    "ask": "90001",
    "mark": "90000.5",
    "depth": "12.5",
}


class ObservationBody(serializers.Serializer[Any]):
    subject = serializers.RegexField(
        r"^[\x21-\x7e]+( [\x21-\x7e]+){1,2}\Z",
        max_length=LONGEST_SUBJECT,
        help_text="`index BTC`, `forward BTC 2026-01-30T08:00:00.000000Z` or `quote BTC-PERP`.",
    )
    at = Moment(help_text="When it was so; an older one is stale, a later one waits.")
    bid = DecimalText(required=False)
    ask = DecimalText(required=False)
    mark = DecimalText(
        required=False,
        help_text="Without it the middle of bid and ask counts, and without both the last price.",
    )
    last = DecimalText(required=False)
    vol = DecimalText(required=False, help_text="Options: a fraction a year.")
    depth = DecimalText(required=False, help_text="Behind the better of bid and ask, in units.")


class ObservationsBody(serializers.Serializer[Any]):
    observations = ObservationBody(many=True, help_text=f"1 to {MOST_OBSERVATIONS}.")


class ObservationsTaken(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]  # fields have one too
    batch = serializers.CharField(help_text="SHA-256 of the batch as it was kept: its name.")
    count = serializers.IntegerField()


class Observations(Door):
    """POST many prices at once."""

    items_in = "observations"

    @extend_schema(
        operation_id="report_observations",
        tags=["prices"],
        summary="Report prices",
        description="Kept as they come, all or none, and judged when the window closes: a wrong"
        " price is taken and not heard, with the reason in the set's rejections. Needs the"
        " credential of a venue that an admitted source reports by.",
        parameters=[KEY],
        request=ObservationsBody,
        responses={201: ObservationsTaken},
        examples=[OpenApiExample("A batch", {"observations": [EXAMPLE]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        source = selectors.source_of_reporter(require_reporter(scope_of(request)))
        key, body = key_of(request), checked(ObservationsBody, request.data)

        kept = observing.report(
            source,
            [Observation(**each) for each in body["observations"]],
            key=key,
            cause=cause_of(request),
        )

        shape = ObservationsTaken({"source": source, "batch": kept.batch, "count": kept.count})
        return Response(shape.data, status=201)
