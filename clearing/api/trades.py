"""Matched trades, as the venue that matched them reports them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.door import Door, cause_of, checked, scope_of
from clearing.api.fields import DecimalText, Moment, Name
from clearing.domain.scope import require_venue
from clearing.domain.trade import Trade
from clearing.services import late_trades, timekeeping, trades

EXAMPLE = {
    "trade_id": "t-20260102-000017",
    "symbol": "BTC-PERP",
    "quantity": "1.5",
    "price": "90000.5",
    "buyer": "NORTH-1",
    "seller": "SOUTH-1",
}


class TradeBody(serializers.Serializer[Any]):
    trade_id = Name(max_length=32, help_text="Yours; with your venue code it is the trade's key.")
    symbol = Name(max_length=40)
    quantity = DecimalText(
        help_text="Units of the underlying, or of money for inverse futures and perpetuals."
    )
    price = DecimalText(help_text="In the instrument's own quotation, on its tick.")
    buyer = Name(max_length=20, help_text="Account.")
    seller = Name(max_length=20, help_text="Account.")


class SingleBody(TradeBody):
    executed_at = Moment(
        required=False,
        help_text="Of a trade told late: up to seven days back. It takes effect then, at its own"
        " price. Now without it.",
    )


class TradeTaken(serializers.Serializer[Any]):
    trade_id = serializers.CharField()
    sequence = serializers.IntegerField(help_text="Of the trade's last leg in the log.")


class BatchBody(serializers.Serializer[Any]):
    trades = TradeBody(many=True, help_text=f"1 to {trades.MOST_IN_A_BATCH}.")


class BatchTaken(serializers.Serializer[Any]):
    trades = TradeTaken(many=True)


class Trades(Door):
    """POST a matched trade. What became of it is in the events of both accounts."""

    names = {"key": "trade_id"}

    @extend_schema(
        operation_id="report_trade",
        tags=["trades"],
        summary="Report a matched trade",
        description="Puts the house between buyer and seller: both legs are recorded, or neither."
        " Needs a venue's credential. The trade is keyed by venue and `trade_id`: reporting it"
        " again changes nothing and answers the same; other content under the same id is refused.",
        request=SingleBody,
        responses={201: TradeTaken},
        examples=[
            OpenApiExample("A trade", EXAMPLE, request_only=True),
            OpenApiExample(
                "Taken",
                {"trade_id": EXAMPLE["trade_id"], "sequence": 1043},
                response_only=True,
                status_codes=["201"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        venue = require_venue(scope_of(request))
        body, at = checked(SingleBody, request.data), timekeeping.now()
        executed_at = body.pop("executed_at", None)
        trade, cause = Trade(venue=venue, **body), cause_of(request)

        if executed_at is None:
            sequence = trades.novate(trade, at=at, cause=cause)
        else:
            sequence = late_trades.register(trade, executed_at=executed_at, at=at, cause=cause)

        return Response({"trade_id": body["trade_id"], "sequence": sequence}, status=201)


class TradeBatch(Door):
    """POST many matched trades: all of them, or none."""

    names = {"key": "trade_id"}
    items_in = "trades"

    @extend_schema(
        operation_id="report_trades",
        tags=["trades"],
        summary="Report many trades, all or none",
        description="As reporting each, in one transaction: if one is refused nothing is recorded,"
        " and the problem points at it.",
        request=BatchBody,
        responses={201: BatchTaken},
        examples=[OpenApiExample("A batch", {"trades": [EXAMPLE]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        venue = require_venue(scope_of(request))
        body = checked(BatchBody, request.data)

        sequences = trades.novate_all(
            [Trade(venue=venue, **each) for each in body["trades"]],
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        taken = zip(body["trades"], sequences, strict=True)
        answer = [{"trade_id": each["trade_id"], "sequence": at} for each, at in taken]
        return Response({"trades": answer}, status=201)
