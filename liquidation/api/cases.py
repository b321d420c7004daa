"""Liquidation cases, and the whole story of each."""

from __future__ import annotations

from dataclasses import asdict
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
from liquidation.domain.events import PlanVoided
from liquidation.domain.states import State
from liquidation.selectors import PlanRow

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
    flagged = serializers.IntegerField(
        allow_null=True,
        help_text="The fact that flags it for compensation: it traded on prices that turned out"
        " wrong. Null otherwise.",
    )
    flagged_because = serializers.CharField()


class Stage(serializers.Serializer[Any]):
    """How the account stood at some point of the case."""

    equity = DecimalText()
    maintenance = DecimalText()
    target = DecimalText(allow_null=True, help_text="Null where none was set yet.")
    coverage = DecimalText(
        allow_null=True,
        help_text="Equity in percent of maintenance, down to a tenth; null if nothing must be"
        " covered.",
    )


class PlannedTrade(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    quantity = DecimalText(help_text="As the account trades it: closing a long sells.")
    lots = DecimalText(help_text="The quantity in whole lots.")
    price = DecimalText()
    unit = serializers.CharField(help_text="The asset the price is in.")


class Plan(serializers.Serializer[Any]):
    plan = serializers.CharField(help_text="SHA-256 of its trades and what they are bound to.")
    sequence = serializers.IntegerField(help_text="The fact that made it.")
    step = serializers.IntegerField(help_text="Which of the case's plans to be carried out.")
    outcome = serializers.ChoiceField(choices=["waiting", "executed", "void"])
    reason = serializers.CharField(help_text="Of a void plan; empty otherwise.")
    percent = serializers.IntegerField(help_text="How much of every position it closes.")
    backstop = serializers.CharField(help_text="The account on the other side.")
    penalty = DecimalText()
    price_sequence = serializers.IntegerField(help_text="The price set it was made on.")
    steps = PlannedTrade(many=True)
    before = Stage()
    after = Stage(help_text="As planned; what came of it is in the trail.")


class Story(serializers.Serializer[Any]):
    coverage = DecimalText(
        allow_null=True, help_text="Of the levels above, in percent of maintenance."
    )
    opened = Stage(allow_null=True, help_text="When it was opened.")
    plans = Plan(many=True, help_text="In order; a void plan is followed by another.")


class CaseWithTrail(Case, Story):
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
    "flagged": None,
    "flagged_because": "",
    "coverage": "131.9",
    "opened": {
        "equity": "12500.000000",
        "maintenance": "13500.000000",
        "target": None,
        "coverage": "92.5",
    },
    "plans": [],
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

        digits, opened = record.scales(), selectors.opened(found)
        now = selectors.Stage(equity=case.equity, maintenance=case.maintenance)
        shape = Case(_shown(case, digits))
        more = {
            "coverage": now.against.coverage,
            "opened": opened
            and _stage(
                selectors.Stage(equity=opened.equity, maintenance=opened.maintenance),
                case.asset,
                digits,
            ),
            "plans": [_plan(row, case.asset, digits) for row in selectors.plans(found)],
        }
        return Response({**shape.data, **Story(more).data, "trail": facts.shown(found)})


def _plan(row: PlanRow, asset: str, digits: dict[str, int]) -> dict[str, Any]:
    made, ended = row.made, row.ended
    void = isinstance(ended, PlanVoided)
    same = ("plan", "step", "percent", "backstop", "price_sequence")
    return {
        **{name: getattr(made, name) for name in same},
        "sequence": row.sequence,
        "outcome": "waiting" if ended is None else "void" if void else "executed",
        "reason": ended.reason if isinstance(ended, PlanVoided) else "",
        "penalty": record.shown(asset, made.penalty, digits),
        "steps": [asdict(step) for step in row.steps],
        "before": _stage(row.before, asset, digits),
        "after": _stage(row.after, asset, digits),
    }


def _stage(it: selectors.Stage, asset: str, digits: dict[str, int]) -> dict[str, Any]:
    return {
        "equity": record.shown(asset, it.equity, digits),
        "maintenance": record.shown(asset, it.maintenance, digits),
        "target": None if it.target is None else record.shown(asset, it.target, digits),
        "coverage": it.against.coverage,
    }


def _shown(row: Any, digits: dict[str, int]) -> dict[str, Any]:
    amounts = {
        name: record.shown(row.asset, getattr(row, name), digits)
        for name in ("equity", "maintenance", "target", "penalty")
    }
    same = (
        *("case_id", "call_id", "state", "reason", "asset", "steps"),
        *("opened_at", "moved_at", "closed_at", "sequence", "latest", "flagged", "flagged_because"),
    )
    return {"account_id": row.account, **amounts, **{name: getattr(row, name) for name in same}}
