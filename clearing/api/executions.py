"""Execution messages in FpML, as the venue that matched the trades sends them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.door import Door, cause_of, checked, scope_of
from clearing.api.fields import DecimalText, Name
from clearing.domain import fpml
from clearing.domain.scope import require_venue
from clearing.services import executions, timekeeping

# What refusals call parts of the message, and of the trades it becomes: all of it is in one text.
_IN_THE_MESSAGE = (
    *("message", "isCorrection", "tradePackage", "trade", "product", "instrumentTradeDetails"),
    *("tradeId", "tradeDate", "partyId", "instrumentId", "exchangeId", "currency"),
    *("expirationDate", "strike", "strikePrice", "optionType", "multiplier", "exerciseStyle"),
    *("equityExercise", "settlementType", "equityPremium", "numberOfOptions", "pricing", "number"),
    *("value", "amount", "optionEntitlement", "symbol", "quantity", "price", "buyer", "seller"),
    *("key", "tradeHeader", "partyTradeIdentifier", "singleUnderlyer"),
)


class PartyAccount(serializers.Serializer[Any]):
    party = serializers.CharField(max_length=100, help_text="A party's or an account's id in it.")
    account = Name(max_length=20)


class MessageBody(serializers.Serializer[Any]):
    message = serializers.CharField(
        max_length=fpml.MOST_BYTES, trim_whitespace=False, help_text="The XML document, as text."
    )
    parties = PartyAccount(many=True, help_text="Which account each party trades for.")


class ExecutionTaken(serializers.Serializer[Any]):
    trade_id = serializers.CharField(help_text="Ours: the sender's id and a mark of whose it is.")
    symbol = serializers.CharField()
    quantity = DecimalText(help_text="Units of the underlying.")
    price = DecimalText()
    buyer = serializers.CharField()
    seller = serializers.CharField()
    sequence = serializers.IntegerField(help_text="Of the trade's last leg in the log.")


class MessageTaken(serializers.Serializer[Any]):
    trades = ExecutionTaken(many=True)


class FpmlTrades(Door):
    """POST an FpML message: all of its trades, or none."""

    names = dict.fromkeys(_IN_THE_MESSAGE, "message") | dict.fromkeys(
        ("buyerPartyReference", "sellerPartyReference"), "parties"
    )

    @extend_schema(
        operation_id="report_fpml",
        tags=["trades"],
        summary="Report trades by an FpML message",
        description="Takes an FpML 5 `executionNotification` or `requestClearing` of listed futures"
        " and options, or a `dataDocument` of European options paid in cash, and books all of its"
        " trades or none. Contracts are found by ISIN, by their venue's code, or by underlying and"
        " terms. Needs a venue's credential, and takes what was executed there. The same message"
        " again changes nothing and answers the same. American options, packages and corrections"
        " are refused by name.",
        request=MessageBody,
        responses={201: MessageTaken},
        examples=[
            OpenApiExample(
                "A message",
                {
                    "message": "<executionNotification xmlns=...>...</executionNotification>",
                    "parties": [{"party": "5493001KJTIIGC8Y1R12", "account": "NORTH-1"}],
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        venue = require_venue(scope_of(request))
        body = checked(MessageBody, request.data)

        booked = executions.book(
            fpml.read(body["message"].encode()),
            parties={it["party"]: it["account"] for it in body["parties"]},
            venue=venue,
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        rows = [
            {name: getattr(it.trade, name) for name in ("trade_id", "symbol", "quantity", "price")}
            | {"buyer": it.trade.buyer, "seller": it.trade.seller, "sequence": it.sequence}
            for it in booked
        ]
        return Response(MessageTaken({"trades": rows}).data, status=201)
