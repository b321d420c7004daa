"""Liquidation cases, and the whole story of each."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors as record
from clearing.api import facts
from clearing.api.door import Door, checked, scope_of
from clearing.api.fields import DecimalText, Moment
from clearing.api.pages import SequencePage, newest_first, paged
from liquidation import selectors
from liquidation.domain.states import State

STATES = [it.value for it in State if it is not State.NONE]


class Case(serializers.Serializer[Any]):
    case_id = serializers.CharField()
    account_id = serializers.CharField()
    call_id = serializers.CharField(help_text="The breached call that opened it.")
    state = serializers.ChoiceField(choices=STATES)
    reason = serializers.CharField()
    asset = serializers.CharField(help_text="Every amount here is in it.")
    equity = DecimalText(help_text="When it was last margined.")
    maintenance = DecimalText()
    target = DecimalText(help_text="The equity that ends the case.")
    penalty = DecimalText(help_text="Charged so far.")
    steps = serializers.IntegerField(help_text="Plans carried out so far.")
    opened_at = Moment()
    moved_at = Moment()
    closed_at = Moment(allow_null=True)
    sequence = serializers.IntegerField(help_text="Of its first fact.")
    latest = serializers.IntegerField(help_text="Of its last.")


class CaseWithTrail(Case):
    trail = facts.FactShape(
        many=True,
        help_text="From the call to the last fact: call, plan, trades, margin after each step,"
        " outcome. A member sees its own account's side of each trade.",
    )


EXAMPLE = {
    "case_id": "NORTH-1-case-1",
    "account_id": "NORTH-1",
    "call_id": "NORTH-1-call-1",
    "state": "closed",
    "reason": "margin call breached: due",
    "asset": "USDC",
    "equity": "11875.125000",
    "maintenance": "9000.000000",
    "target": "11250.000000",
    "penalty": "624.875000",
    "steps": 1,
    "opened_at": "2026-01-01T02:00:00.000000Z",
    "moved_at": "2026-01-01T02:00:00.000000Z",
    "closed_at": "2026-01-01T02:00:00.000000Z",
    "sequence": 1061,
    "latest": 1077,
    "trail": [],
}


class AccountCases(Door):
    """GET the cases of an account."""

    @extend_schema(
        operation_id="list_cases",
        tags=["liquidation"],
        summary="Liquidation cases of an account",
        description="Newest first.",
        parameters=[SequencePage],
        responses={200: paged(Case)},
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = record.visible(account_id, scope=scope_of(request))
        query = checked(SequencePage, request.query_params)

        found = selectors.cases_of(account.account_id)

        digits = record.scales()
        return Response(
            newest_first(found, **query, show=lambda row: Case(_shown(row, digits)).data)
        )


class OneCase(Door):
    """GET one case with its trail."""

    @extend_schema(
        operation_id="get_case",
        tags=["liquidation"],
        summary="One case, with its whole trail",
        description="Why the account was closed, by how much, and what each step led to.",
        responses={200: CaseWithTrail},
        examples=[OpenApiExample("A case", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, case_id: str) -> Response:
        scope = scope_of(request)
        case = selectors.visible_case(case_id, scope=scope)

        found = record.owned(selectors.trail(case_id), scope=scope)

        shape = Case(_shown(case, record.scales()))
        return Response({**shape.data, "trail": facts.shown(found)})


def _shown(row: Any, digits: dict[str, int]) -> dict[str, Any]:
    amounts = {
        name: record.shown(row.asset, getattr(row, name), digits)
        for name in ("equity", "maintenance", "target", "penalty")
    }
    same = (
        *("case_id", "call_id", "state", "reason", "asset", "steps"),
        *("opened_at", "moved_at", "closed_at", "sequence", "latest"),
    )
    return {"account_id": row.account, **amounts, **{name: getattr(row, name) for name in same}}
