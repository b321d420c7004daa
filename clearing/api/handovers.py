"""What one member asks of another, and the other's answer: what give-ups and transfers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment, Name, plain
from clearing.domain.scope import require_member
from clearing.services import timekeeping

STATES = ["requested", "claimed", "rejected", "cancelled", "expired"]


class Into(serializers.Serializer[Any]):
    account_id = Name(max_length=20, help_text="Of your own, that is to carry the lots.")


class Because(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200, default="", allow_blank=True)


class HandoverShown(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    quantity = DecimalText(help_text="Signed as the giver has it.")
    from_account = serializers.CharField()
    from_member = serializers.CharField()
    to_member = serializers.CharField()
    to_account = serializers.CharField(help_text="Empty until it is taken.")
    status = serializers.ChoiceField(choices=STATES)
    reason = serializers.CharField()
    requested_at = Moment()
    deadline_at = Moment()
    ended_at = Moment(allow_null=True)
    sequence = serializers.IntegerField(help_text="Of the request.")


class Answer(Door):
    """One answer to what was asked: a subclass says to what, and which."""

    kind: ClassVar[str]
    shape: ClassVar[type[serializers.Serializer[Any]]] = Because
    carry: ClassVar[Callable[..., int]]

    def answer(self, request: Request, handover_id: str) -> Response:
        scope = scope_of(request)
        selectors.visible_handover(handover_id, kind=self.kind, scope=scope)
        member_id = require_member(scope)
        key, body = key_of(request), checked(self.shape, request.data)
        if "account_id" in body:
            selectors.visible(body["account_id"], scope=scope)

        sequence = type(self).carry(
            handover_id,
            member_id=member_id,
            key=key,
            at=timekeeping.now(),
            cause=cause_of(request),
            **body,
        )

        return Response({"sequence": sequence})


def handed_over(row: Any, it: Any) -> dict[str, Any]:
    """What every handover shows of itself."""
    names = ("symbol", "from_account", "from_member", "to_member", "to_account", "status", "reason")
    times = ("requested_at", "deadline_at", "ended_at", "sequence")
    return {
        **{name: getattr(row, name) for name in (*names, *times)},
        "quantity": plain(it.lot_size * row.lots),
    }
