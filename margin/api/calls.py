"""Margin calls."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors as record
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment
from clearing.api.pages import SequencePage, newest_first, paged
from clearing.domain.scope import require_member
from clearing.services import timekeeping
from margin import selectors
from margin.domain.calls import State
from margin.services import calls

STATES = [it.value for it in State if it is not State.NONE]


class Call(serializers.Serializer[Any]):
    call_id = serializers.CharField(
        help_text="Also the correlation id of all that follows from it."
    )
    account_id = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    asset = serializers.CharField(help_text="Every amount here is in it.")
    amount = DecimalText(help_text="To pay.")
    equity = DecimalText()
    maintenance = DecimalText()
    target = DecimalText(help_text="The equity that covers the call.")
    issued_at = Moment()
    due_at = Moment(help_text="In business time; it may come nearer, never move out.")
    ended_at = Moment(allow_null=True)
    outcome = serializers.CharField(help_text="Empty while it is open.")
    run_id = serializers.CharField(help_text="The run that found the account short.")
    sequence = serializers.IntegerField(help_text="Of its first fact.")
    latest = serializers.IntegerField(help_text="Of its last.")


class Acknowledged(serializers.Serializer[Any]):
    call_id = serializers.CharField()
    sequence = serializers.IntegerField()


EXAMPLE = {
    "call_id": "NORTH-1-call-1",
    "account_id": "NORTH-1",
    "state": "issued",
    "asset": "USDC",
    "amount": "4375.000000",
    "equity": "12500.000000",
    "maintenance": "13500.000000",
    "target": "16875.000000",
    "issued_at": "2026-01-01T01:00:00.000000Z",
    "due_at": "2026-01-01T01:25:11.000000Z",
    "ended_at": None,
    "outcome": "",
    "run_id": "prices-1040",
    "sequence": 1050,
    "latest": 1050,
}


class AccountCalls(Door):
    """GET the calls of an account."""

    @extend_schema(
        operation_id="list_calls",
        tags=["margin"],
        summary="Margin calls of an account",
        description="Newest first. A call never disappears: it is covered, or concluded.",
        parameters=[SequencePage],
        responses={200: paged(Call)},
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = record.visible(account_id, scope=scope_of(request))
        query = checked(SequencePage, request.query_params)

        found = selectors.calls_of(account.account_id)

        digits = record.scales()
        return Response(newest_first(found, **query, show=lambda row: _shown(row, digits)))


class OneCall(Door):
    """GET one call."""

    @extend_schema(
        operation_id="get_call",
        tags=["margin"],
        summary="One margin call",
        description="How much, by when, and what became of it.",
        responses={200: Call},
        examples=[OpenApiExample("An open call", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, call_id: str) -> Response:
        found = selectors.visible_call(call_id, scope=scope_of(request))

        return Response(_shown(found, record.scales()))


class Acknowledge(Door):
    """POST that a call has been seen."""

    @extend_schema(
        operation_id="acknowledge_call",
        tags=["margin"],
        summary="Acknowledge a margin call",
        description="Says that it was seen, not that it will be paid; its due time stays. Twice is"
        " once.",
        parameters=[KEY],
        request=None,
        responses={200: Acknowledged},
        examples=[
            OpenApiExample(
                "Seen", {"call_id": EXAMPLE["call_id"], "sequence": 1052}, response_only=True
            )
        ],
    )
    def post(self, request: Request, call_id: str) -> Response:
        call = selectors.visible_call(call_id, scope=scope_of(request))
        require_member(scope_of(request))
        key = key_of(request)

        sequence = calls.acknowledge(
            call.call_id, key=key, at=timekeeping.now(), cause=cause_of(request)
        )

        return Response(Acknowledged({"call_id": call_id, "sequence": sequence}).data)


def _shown(row: Any, digits: dict[str, int]) -> dict[str, Any]:
    amounts = {
        name: record.shown(row.asset, getattr(row, name), digits)
        for name in ("amount", "equity", "maintenance", "target")
    }
    same = (
        *("call_id", "state", "asset", "issued_at", "due_at", "ended_at"),
        *("outcome", "run_id", "sequence", "latest"),
    )
    plain = {name: getattr(row, name) for name in same}
    return dict(Call({"account_id": row.account, **amounts, **plain}).data)
