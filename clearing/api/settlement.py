"""Settlement at the door: cycles, one's own lines in them, what is owed, and what not to exercise."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment, Name
from clearing.api.pages import SequencePage, newest_first, page, paged
from clearing.domain.amounts import LARGEST
from clearing.domain.cycles import Kind, State
from clearing.domain.scope import require_member
from clearing.domain.settlement import LINE_KINDS
from clearing.services import schedules, timekeeping

KINDS = [str(kind) for kind in Kind]
STATES = [str(state) for state in State if state is not State.NONE]
INSTRUCTION = {"symbol": "BTC-30JAN26-100000-C", "abandon_lots": 3}


class CycleShape(serializers.Serializer[Any]):
    cycle_id = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    state = serializers.ChoiceField(
        choices=STATES, help_text="Held: it does not balance, and waits for people."
    )
    slot = serializers.CharField(help_text="What it is due for.")
    price_set = serializers.CharField(help_text="Hash of the set it is pinned to; empty for none.")
    price_sequence = serializers.IntegerField()
    watermark = serializers.IntegerField(help_text="Latest sequence in the book it is pinned to.")
    at = Moment(help_text="Business time it is effective at.")
    opened = serializers.IntegerField(help_text="Sequence.")
    closed = serializers.IntegerField(allow_null=True, help_text="Sequence; null until it closes.")
    lines = serializers.IntegerField()
    content_hash = serializers.CharField(help_text="Over all its lines; empty until it closes.")
    corrects = serializers.CharField(help_text="The cycle it is the difference to; empty for none.")


class LineShape(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    kind = serializers.ChoiceField(
        choices=list(LINE_KINDS),
        help_text="Premium and realised gains were paid with each trade; the rest is paid now.",
    )
    symbol = serializers.CharField()
    asset = serializers.CharField()
    count = serializers.IntegerField(help_text="Signed lots, or how many trades.")
    price = serializers.CharField(help_text="Mark or final index; empty where there is none.")
    cash = DecimalText(help_text="Received; negative is paid.")
    corrects = serializers.CharField(help_text="The cycle this is the difference to.")
    sequence = serializers.IntegerField()


class ObligationShape(serializers.Serializer[Any]):
    cycle_id = serializers.CharField()
    member_id = serializers.CharField()
    asset = serializers.CharField()
    variation_margin = DecimalText()
    realised = DecimalText(help_text="By trades since the cycle before; paid with each.")
    funding = DecimalText()
    premium = DecimalText(help_text="Of trades since the cycle before; paid with each.")
    fees = DecimalText()
    payouts = DecimalText(help_text="At expiry.")
    net = DecimalText(help_text="To receive; negative is to pay. Without what trades paid before.")
    opened = serializers.IntegerField(help_text="Sequence of the cycle's opening.")
    state = serializers.ChoiceField(choices=STATES)


class InstructionBody(serializers.Serializer[Any]):
    symbol = Name(max_length=40)
    abandon_lots = serializers.IntegerField(
        min_value=0, max_value=LARGEST, help_text="Not to be exercised; 0 takes it back."
    )


class InstructionTaken(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    symbol = serializers.CharField()
    abandon_lots = serializers.IntegerField()
    sequence = serializers.IntegerField()


class Cycles(Door):
    """GET the cycles of the house."""

    @extend_schema(
        operation_id="list_settlement_cycles",
        tags=["settlement"],
        summary="Settlement cycles",
        description="Newest first: what each is pinned to, and how far it is.",
        parameters=[SequencePage],
        responses={200: paged(CycleShape)},
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)

        return Response(newest_first(selectors.cycles(), **query, by="opened", show=_cycle))


class OneCycle(Door):
    """GET one cycle."""

    @extend_schema(
        operation_id="get_settlement_cycle",
        tags=["settlement"],
        summary="One settlement cycle",
        description="What it is pinned to, how far it is, and the hash of what it paid.",
        responses={200: CycleShape},
    )
    def get(self, _request: Request, cycle_id: str) -> Response:
        return Response(_cycle(selectors.cycle(cycle_id)))


class CycleInstructions(Door):
    """GET what one's own accounts pay and receive in a cycle."""

    @extend_schema(
        operation_id="list_settlement_instructions",
        tags=["settlement"],
        summary="What your accounts pay and receive in a cycle",
        description="Line by line, newest first: variation margin, funding, premium, fees and"
        " payouts, of your own accounts alone.",
        parameters=[SequencePage],
        responses={200: paged(LineShape)},
    )
    def get(self, request: Request, cycle_id: str) -> Response:
        cycle = selectors.cycle(cycle_id)
        query = checked(SequencePage, request.query_params)

        rows = selectors.cycle_lines(cycle.cycle_id, scope=scope_of(request)).order_by("-id")

        digits = selectors.scales()
        return Response(newest_first(rows, **query, by="id", show=lambda row: _line(row, digits)))


class Obligations(Door):
    """GET what one's own member owes and is owed."""

    @extend_schema(
        operation_id="list_obligations",
        tags=["settlement"],
        summary="What you owe and are owed",
        description="Per cycle and asset, newest cycle first, over all accounts of a member; pages"
        " are cut between cycles. An officer sees every member's.",
        parameters=[SequencePage],
        responses={200: paged(ObligationShape)},
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)

        found = selectors.obligations(
            scope=scope_of(request), before=query.get("cursor"), limit=query["limit"] + 1
        )

        digits = selectors.scales()
        cut = page(
            found,
            limit=query["limit"],
            place=lambda each: str(each[0].opened),
            show=lambda each: [_obligation(each[0], line, digits) for line in each[1]],
        )
        return Response({**cut, "items": [line for lines in cut["items"] for line in lines]})


class ExerciseInstructions(Door):
    """POST how many lots of an option are not to be exercised."""

    @extend_schema(
        operation_id="instruct_exercise",
        tags=["settlement"],
        summary="Abandon options",
        description="Options in the money are exercised by themselves at expiry. Before it, their"
        " holder may say how many lots are not to be; the last instruction counts.",
        parameters=[KEY],
        request=InstructionBody,
        responses={201: InstructionTaken},
        examples=[OpenApiExample("Three lots abandoned", INSTRUCTION, request_only=True)],
    )
    def post(self, request: Request, account_id: str) -> Response:
        selectors.visible(account_id, scope=scope_of(request))
        require_member(scope_of(request))
        key, body = key_of(request), checked(InstructionBody, request.data)

        sequence = schedules.instruct_exercise(
            account_id,
            key=key,
            symbol=body["symbol"],
            abandon=body["abandon_lots"],
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        shape = InstructionTaken({"account_id": account_id, "sequence": sequence, **body})
        return Response(shape.data, status=201)

    names = {**Door.names, "abandon": "abandon_lots"}


def _cycle(row: Any) -> dict[str, Any]:
    return dict(CycleShape(row).data)


def _line(row: Any, digits: dict[str, int]) -> dict[str, Any]:
    shape = LineShape(
        {
            "account_id": row.account,
            "kind": row.kind,
            "symbol": row.symbol,
            "asset": row.asset,
            "count": row.count,
            "price": row.price,
            "corrects": row.corrects,
            "sequence": row.sequence,
            "cash": selectors.shown(row.asset, row.cash, digits),
        }
    )
    return dict(shape.data)


def _obligation(cycle: Any, line: Any, digits: dict[str, int]) -> dict[str, Any]:
    shown = {
        kind: selectors.shown(line.asset, line.by_kind.get(kind, 0), digits) for kind in LINE_KINDS
    }
    shape = ObligationShape(
        {
            "cycle_id": cycle.cycle_id,
            "member_id": line.member_id,
            "asset": line.asset,
            "variation_margin": shown["vm"],
            "realised": shown["realised"],
            "funding": shown["funding"],
            "premium": shown["premium"],
            "fees": shown["fee"],
            "payouts": shown["payout"],
            "net": selectors.shown(line.asset, line.net, digits),
            "opened": cycle.opened,
            "state": cycle.state,
        }
    )
    return dict(shape.data)
