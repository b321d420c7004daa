"""Give-ups: a leg executed by one member that another is to carry."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.allocations import SIDE_HELP, Done
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment, Name
from clearing.api.handovers import Answer, Because, HandoverShown, Into, handed_over
from clearing.api.pages import SequencePage, newest_first, paged
from clearing.domain.scope import require_member
from clearing.services import allocations, give_ups, timekeeping


class GiveUpBody(serializers.Serializer[Any]):
    account_id = Name(max_length=20, help_text="Who has the lots.")
    side = serializers.ChoiceField(choices=["bought", "sold"], default="", help_text=SIDE_HELP)
    quantity = DecimalText()
    to_member = Name(max_length=40, help_text="Who is to carry them.")
    claim_by = Moment(required=False, help_text="Within a day; half an hour from now without it.")


class GiveUpTaken(Done):
    give_up_id = serializers.CharField()


class GiveUpShown(HandoverShown):
    give_up_id = serializers.CharField()
    venue = serializers.CharField()
    trade_id = serializers.CharField()
    side = serializers.CharField()
    executed_at = Moment()
    seconds_to_give_up = DecimalText(help_text="From the trade to the request.")
    seconds_to_claim = DecimalText(
        allow_null=True, help_text="From the request to its answer; null until there is one."
    )


class TradeGiveUps(Door):
    """POST a request that another member carries a leg."""

    names = {"account": "account_id", "key": "Idempotency-Key"}

    @extend_schema(
        operation_id="give_up_trade",
        tags=["trades"],
        summary="Give a leg up to another member",
        description="The lots stay with you, and promised, until the other member claims them into"
        " an account of its own, at the trade's own price; or rejects them, or its time is over.",
        parameters=[KEY],
        request=GiveUpBody,
        responses={202: GiveUpTaken},
        examples=[
            OpenApiExample(
                "To EAST",
                {"account_id": "NORTH-1", "quantity": "0.5", "to_member": "EAST"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, venue: str, trade_id: str) -> Response:
        scope = scope_of(request)
        selectors.visible_trade(venue, trade_id, scope=scope)
        require_member(scope)
        key, body = key_of(request), checked(GiveUpBody, request.data)
        selectors.visible(body["account_id"], scope=scope)

        sequence = give_ups.request(
            venue, trade_id, key=key, at=timekeeping.now(), cause=cause_of(request), **body
        )

        give_up_id = allocations.named(body["account_id"], give_ups.KIND, key)
        return Response({"give_up_id": give_up_id, "sequence": sequence}, status=202)


class GiveUps(Door):
    """GET what was given up, by you and to you."""

    @extend_schema(
        operation_id="list_give_ups",
        tags=["trades"],
        summary="Give-ups",
        description="What you gave up and what was given up to you, newest first, each with how long"
        " its steps took.",
        parameters=[SequencePage],
        responses={200: paged(GiveUpShown)},
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)

        found = selectors.handovers(give_ups.KIND, scope=scope_of(request))

        return Response(newest_first(found, **query, show=_give_up))


class OneGiveUp(Door):
    """GET what became of a give-up."""

    @extend_schema(
        operation_id="get_give_up",
        tags=["trades"],
        summary="One give-up",
        description="Requested until it is claimed, rejected, cancelled or out of time.",
        responses={200: GiveUpShown},
    )
    def get(self, request: Request, give_up_id: str) -> Response:
        scope = scope_of(request)

        found = selectors.visible_handover(give_up_id, kind=give_ups.KIND, scope=scope)

        return Response(_give_up(found))


class ClaimGiveUp(Answer):
    """POST to take what was given up to you."""

    names = {"account": "account_id", "handover_id": "give_up_id", "key": "Idempotency-Key"}
    kind, shape, carry = give_ups.KIND, Into, staticmethod(give_ups.claim)

    @extend_schema(
        operation_id="claim_give_up",
        tags=["trades"],
        summary="Claim a give-up",
        description="The carrying member takes the lots into an account of its own, at the trade's"
        " own price. Both accounts are margined again at once.",
        parameters=[KEY],
        request=Into,
        responses={200: Done},
        examples=[OpenApiExample("Into EAST-1", {"account_id": "EAST-1"}, request_only=True)],
    )
    def post(self, request: Request, give_up_id: str) -> Response:
        return self.answer(request, give_up_id)


class RejectGiveUp(Answer):
    """POST to leave what was given up to you where it is."""

    names = {"handover_id": "give_up_id", "key": "Idempotency-Key"}
    kind, carry = give_ups.KIND, staticmethod(give_ups.reject)

    @extend_schema(
        operation_id="reject_give_up",
        tags=["trades"],
        summary="Reject a give-up",
        description="The carrying member will not have the lots; they stay with the executing one.",
        parameters=[KEY],
        request=Because,
        responses={200: Done},
    )
    def post(self, request: Request, give_up_id: str) -> Response:
        return self.answer(request, give_up_id)


class CancelGiveUp(Answer):
    """POST to take a give-up back."""

    names = {"handover_id": "give_up_id", "key": "Idempotency-Key"}
    kind, carry = give_ups.KIND, staticmethod(give_ups.cancel)

    @extend_schema(
        operation_id="cancel_give_up",
        tags=["trades"],
        summary="Cancel a give-up",
        description="Whoever asked takes it back, before it is claimed.",
        parameters=[KEY],
        request=Because,
        responses={200: Done},
    )
    def post(self, request: Request, give_up_id: str) -> Response:
        return self.answer(request, give_up_id)


def _give_up(row: Any) -> dict[str, Any]:
    venue, _, trade_id = row.trade.partition(":")
    taken = (row.ended_at - row.requested_at).total_seconds() if row.ended_at else None
    shape = GiveUpShown(
        {
            **handed_over(row, selectors.instrument(row.symbol)),
            "give_up_id": row.handover_id,
            "venue": venue,
            "trade_id": trade_id,
            "side": row.side,
            "executed_at": row.executed_at,
            "seconds_to_give_up": (row.requested_at - row.executed_at).total_seconds(),
            "seconds_to_claim": taken,
        }
    )
    return dict(shape.data)
