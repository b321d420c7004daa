"""The trade register: what was traded, where it is now, and everything that happened to it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api import facts, trades
from clearing.api.door import Door, checked, scope_of
from clearing.api.facts import FactShape
from clearing.api.fields import DecimalText, Moment, plain
from clearing.api.pages import SequencePage, newest_first, paged
from clearing.domain import instrument as contract
from clearing.domain.instrument import Instrument
from clearing.domain.parts import Part

STATUSES = ["active", "busted", "corrected"]


class PartShown(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    side = serializers.ChoiceField(choices=["bought", "sold"], help_text="The leg it is part of.")
    quantity = DecimalText(help_text="Signed; zero where it was passed on.")
    value = DecimalText(
        help_text="What the account had its lots for, in `settlement`, signed like the quantity;"
        " negative for a bought inverse contract, whose coin is money over price."
    )


class TradeShown(serializers.Serializer[Any]):
    venue = serializers.CharField()
    trade_id = serializers.CharField()
    symbol = serializers.CharField()
    quantity = DecimalText()
    price = DecimalText()
    settlement = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUSES)
    reason = serializers.CharField(help_text="Of a bust or correction; empty otherwise.")
    replaces = serializers.CharField(help_text="The trade this one corrects; empty otherwise.")
    replaced_by = serializers.CharField(help_text="The trade that corrects it; empty otherwise.")
    executed_at = Moment()
    sequence = serializers.IntegerField(help_text="Of its last leg.")
    parts = PartShown(many=True, help_text="Yours alone: who else is in it is not yours to see.")


class TradeWhole(TradeShown):
    history = FactShape(many=True, help_text="Every fact about it that is yours to see, in order.")


EXAMPLE = {
    "venue": "XDER",
    "trade_id": "t-20260102-000017",
    "symbol": "BTC-PERP",
    "quantity": "1.500",
    "price": "90000.5",
    "settlement": "USDC",
    "status": "active",
    "reason": "",
    "replaces": "",
    "replaced_by": "",
    "executed_at": "2026-01-02T10:15:00.000000Z",
    "sequence": 1043,
    "parts": [
        {"account_id": "NORTH-1", "side": "bought", "quantity": "0.500", "value": "45000.250000"},
        {"account_id": "NORTH-2", "side": "bought", "quantity": "1.000", "value": "90000.500000"},
    ],
}


class Trades(trades.Trades):
    """POST a matched trade; GET those one has a part of."""

    @extend_schema(
        operation_id="list_trades",
        tags=["trades"],
        summary="Your trades",
        description="Newest first: those any account of yours has or had a part of; for a venue,"
        " those it reported.",
        parameters=[SequencePage],
        responses={200: paged(TradeShown)},
        examples=[
            OpenApiExample(
                "A page",
                {"items": [EXAMPLE], "has_more": False, "next_cursor": None},
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        scope = scope_of(request)
        query = checked(SequencePage, request.query_params)

        found = newest_first(selectors.visible_trades(scope), **query, show=lambda row: row)

        rows = found["items"]
        parts = selectors.trade_parts([row.name for row in rows])
        terms = selectors.instruments({row.symbol for row in rows})
        mine, digits = selectors.own_accounts(scope), selectors.scales()
        shown = [
            _shown(row, terms[row.symbol], _own(parts[row.name], mine), digits) for row in rows
        ]
        return Response({**found, "items": TradeShown(shown, many=True).data})


class OneTrade(Door):
    """GET one trade with its whole history."""

    @extend_schema(
        operation_id="get_trade",
        tags=["trades"],
        summary="One trade",
        description="Where its lots are now and everything that happened to it: legs, allocations,"
        " give-ups, averages, bust or correction. Of others' accounts nothing is shown.",
        responses={200: TradeWhole},
        examples=[OpenApiExample("A trade", {**EXAMPLE, "history": []}, response_only=True)],
    )
    def get(self, request: Request, venue: str, trade_id: str) -> Response:
        scope = scope_of(request)
        row = selectors.visible_trade(venue, trade_id, scope=scope)

        parts = selectors.trade_parts([row.name])[row.name]
        mine = selectors.own_accounts(scope)
        history = selectors.own_history(selectors.trade_history(row), scope=scope)

        it = selectors.instrument(row.symbol)
        shown = _shown(row, it, _own(parts, mine), selectors.scales())
        return Response({**TradeShown(shown).data, "history": facts.shown(history)})


def _own(parts: list[Part], mine: set[str] | None) -> list[Part]:
    return [part for part in parts if mine is None or part.account_id in mine]


def _shown(row: Any, it: Instrument, parts: list[Part], digits: dict[str, int]) -> dict[str, Any]:
    return {
        "venue": row.venue,
        "trade_id": row.trade_id,
        "symbol": row.symbol,
        "quantity": plain(it.lot_size * row.lots),
        "price": plain(contract.price_of(it, row.price_ticks)),
        "settlement": row.settlement,
        "status": row.status,
        "reason": row.reason,
        "replaces": row.replaces,
        "replaced_by": row.replaced_by,
        "executed_at": row.executed_at,
        "sequence": row.sequence,
        "parts": [
            {
                "account_id": part.account_id,
                "side": part.side,
                "quantity": plain(it.lot_size * part.lots),
                "value": selectors.shown(row.settlement, part.value, digits),
            }
            for part in parts
        ],
    }
