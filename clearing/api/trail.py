"""The log, as far as it is the caller's: everything in order, or everything of one request."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api import facts
from clearing.api.door import Door, checked, scope_of
from clearing.api.facts import FactShape
from clearing.api.pages import Page
from clearing.domain.amounts import LARGEST
from clearing.domain.errors import NotFound

OWN = ("account", "call", "case")  # kinds of streams that are one account's

FACT = {
    "sequence": 1043,
    "stream": "account-NORTH-1",
    "version": 7,
    "name": "clearing.trade-novated.v1",
    "effective_at": "2026-01-01T01:00:00.000000Z",
    "recorded_at": "2026-01-01T01:00:00.123456Z",
    "actor": "credential:0f3a9c",
    "correlation_id": "2f0c0d9e-5a63-4f51-8f2e-0c9f6f4f6a55",
    "cause": None,
    "fact": {
        "account_id": "NORTH-1",
        "trade_id": "t-20260102-000017",
        "venue": "XDER",
        "symbol": "BTC-PERP",
        "quantity": "1.500",
        "price": "90000.5",
        "settlement": "USDC",
        "cash": "0.000000",
        "cost": "135000.750000",
        "underlying": "",
        "delivered": "0",
    },
}


class After(Page):
    after = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST,
        default=0,
        help_text="A sequence, usually `next_after` of the answer before; 0 starts from nothing.",
    )


class Events(serializers.Serializer[Any]):
    items = FactShape(many=True)
    next_after = serializers.IntegerField(help_text="Ask again with it; nothing is ever skipped.")
    sealed_up_to = serializers.IntegerField(
        help_text="The global order is final up to here; later facts are shown once it is."
    )
    has_more = serializers.BooleanField()


class Trail(serializers.Serializer[Any]):
    correlation_id = serializers.CharField()
    items = FactShape(many=True)


class OwnEvents(Door):
    """GET the facts of one's own accounts, in the order of the log."""

    @extend_schema(
        operation_id="list_events",
        tags=["log"],
        summary="Own events, from a sequence on",
        description="Every fact of the caller's accounts, calls and liquidation cases, in the log's"
        " order and from any point of it. A fact is shown when its place is final, so a reader that"
        " keeps `next_after` sees each exactly once and needs never look back.",
        parameters=[After],
        responses={200: Events},
        examples=[
            OpenApiExample(
                "A page",
                {"items": [FACT], "next_after": 1043, "sealed_up_to": 1050, "has_more": True},
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        query, scope = checked(After, request.query_params), scope_of(request)
        after, limit = query["after"], query["limit"]
        streams = None
        if not scope.sees_everything:
            mine = selectors.visible_accounts(scope)
            streams = [f"{kind}-{row.account_id}" for kind in OWN for row in mine]

        sealed = selectors.sealed_up_to()  # before the facts, so that none is passed over
        found = selectors.facts_after(after, streams=streams, limit=limit + 1)

        page, more = found[:limit], len(found) > limit
        reached = page[-1].sequence if page else after
        return Response(
            {
                "items": facts.shown(page),
                "next_after": reached if more else max(reached, sealed),
                "sealed_up_to": max(reached, sealed) if page else sealed,
                "has_more": more,
            }
        )


class Audit(Door):
    """GET everything one request or case led to."""

    @extend_schema(
        operation_id="get_trail",
        tags=["log"],
        summary="The trail of one request",
        description="Every fact copies the correlation id of what led to it: the `X-Correlation-Id`"
        " of a request, or the id of a margin call. A member sees the facts of its own accounts.",
        responses={200: Trail},
        examples=[
            OpenApiExample(
                "A trade",
                {"correlation_id": FACT["correlation_id"], "items": [FACT]},
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, correlation_id: str) -> Response:
        found = selectors.owned(selectors.trail(correlation_id), scope=scope_of(request))
        if not found:
            raise NotFound(field="correlation_id", correlation=correlation_id)

        return Response({"correlation_id": correlation_id, "items": facts.shown(found)})
