"""Bust and correction, as the venue that reported the trade asks for them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.allocations import Done
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Name
from clearing.domain.scope import require_venue
from clearing.domain.trade import Trade
from clearing.services import busts, timekeeping

REASON = "price far from the market, by agreement of both"


class BustBody(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)


class TradeCorrectionBody(BustBody):
    new_trade_id = Name(max_length=32, help_text="An id of its own; it then is a trade like any.")
    symbol = Name(max_length=40)
    quantity = DecimalText()
    price = DecimalText()
    buyer = Name(max_length=20, help_text="Account.")
    seller = Name(max_length=20, help_text="Account.")


class Bust(Door):
    """POST that a trade never was."""

    @extend_schema(
        operation_id="bust_trade",
        tags=["trades"],
        summary="Bust a trade",
        description="Undoes both legs wherever their lots are now, at what each account had them"
        " for; after expiry in cash. Needs the credential of the venue that reported it. Nobody's"
        " standing and no margin stops it, and busting it again answers the same.",
        parameters=[KEY],
        request=BustBody,
        responses={200: Done},
        examples=[OpenApiExample("A bust", {"reason": REASON}, request_only=True)],
    )
    def post(self, request: Request, venue: str, trade_id: str) -> Response:
        scope = scope_of(request)
        selectors.visible_trade(venue, trade_id, scope=scope)
        require_venue(scope)
        key, body = key_of(request), checked(BustBody, request.data)

        sequence = busts.bust(
            venue, trade_id, key=key, at=timekeeping.now(), cause=cause_of(request), **body
        )

        return Response({"sequence": sequence})


class Correction(Door):
    """POST the terms a trade should have had."""

    names = {"key": "Idempotency-Key", "new_trade_id": "new_trade_id"}

    @extend_schema(
        operation_id="correct_trade",
        tags=["trades"],
        summary="Correct a trade",
        description="Busts it and registers it on other terms under an id of its own, in one"
        " decision; the two are linked. What was allocated or given up of the old one is undone.",
        parameters=[KEY],
        request=TradeCorrectionBody,
        responses={200: Done},
        examples=[
            OpenApiExample(
                "Another price",
                {
                    "reason": REASON,
                    "new_trade_id": "t-20260102-000017c",
                    "symbol": "BTC-PERP",
                    "quantity": "1.5",
                    "price": "91000",
                    "buyer": "NORTH-1",
                    "seller": "SOUTH-1",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, venue: str, trade_id: str) -> Response:
        scope = scope_of(request)
        selectors.visible_trade(venue, trade_id, scope=scope)
        require_venue(scope)
        key, body = key_of(request), checked(TradeCorrectionBody, request.data)

        sequence = busts.correct(
            venue,
            trade_id,
            by=Trade(
                venue=venue,
                trade_id=body["new_trade_id"],
                **{it: body[it] for it in ("symbol", "quantity", "price", "buyer", "seller")},
            ),
            key=key,
            reason=body["reason"],
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        return Response({"sequence": sequence})
