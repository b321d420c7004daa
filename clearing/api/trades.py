"""Matched trades, as the venue that matched them reports them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.door import Door, cause_of, checked, scope_of
from clearing.api.fields import DecimalText, Moment, Name
from clearing.domain.errors import Refusal
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
        help_text="Of a trade told late: up to seven days back, and not before its instrument was"
        " listed and both accounts were opened. It takes effect then, at its own price. Now without"
        " it.",
    )


class TradeTaken(serializers.Serializer[Any]):
    trade_id = serializers.CharField()
    sequence = serializers.IntegerField(help_text="Of the trade's last leg in the log.")


ALL, EACH = "all", "each"


class BatchBody(serializers.Serializer[Any]):
    trades = TradeBody(many=True, help_text=f"1 to {trades.MOST_IN_A_BATCH}.")
    mode = serializers.ChoiceField(
        choices=[ALL, EACH],
        default=ALL,
        help_text="`all`: one refused trade refuses the batch. `each`: the others are taken, and"
        " the answer says for each what became of it.",
    )


class TradeAnswered(serializers.Serializer[Any]):
    trade_id = serializers.CharField()
    sequence = serializers.IntegerField(
        allow_null=True, help_text="Of the trade's last leg in the log; null when it was refused."
    )
    problem = serializers.DictField(
        allow_null=True,
        help_text="Why it was refused: the problem document it would have been answered with alone.",
    )


class BatchTaken(serializers.Serializer[Any]):
    trades = TradeAnswered(many=True)


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
    """POST many matched trades: all of them or none, or a result for each."""

    names = {"key": "trade_id"}
    items_in = "trades"

    @extend_schema(
        operation_id="report_trades",
        tags=["trades"],
        summary="Report many trades, all or none, or each for itself",
        description="As reporting each, in one transaction. With `mode` `all`, which is usual, one"
        " refused trade refuses the batch: nothing is recorded, and the problem points at it. With"
        " `each` every trade that can be taken is, in their order, and `trades` has a sequence or a"
        " problem for each.",
        request=BatchBody,
        responses={201: BatchTaken},
        examples=[
            OpenApiExample("A batch", {"trades": [EXAMPLE]}, request_only=True),
            OpenApiExample(
                "A result for each", {"trades": [EXAMPLE], "mode": EACH}, request_only=True
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        venue = require_venue(scope_of(request))
        body = checked(BatchBody, request.data)
        reported = [Trade(venue=venue, **each) for each in body["trades"]]
        novate = trades.novate_each if body["mode"] == EACH else trades.novate_all

        results: list[int | Refusal] = list(
            novate(reported, at=timekeeping.now(), cause=cause_of(request))
        )

        answered = [
            self._answered(trade.trade_id, result)
            for trade, result in zip(reported, results, strict=True)
        ]
        return Response({"trades": answered}, status=201)

    def _answered(self, trade_id: str, result: int | Refusal) -> dict[str, Any]:
        if not isinstance(result, Refusal):
            return {"trade_id": trade_id, "sequence": result, "problem": None}
        refused = self.get_exception_handler()(result, self.get_exception_handler_context())
        assert refused is not None, "every refusal has an answer"
        return {"trade_id": trade_id, "sequence": None, "problem": refused.data}
