"""Transfers of positions between accounts of one member, or of two by consent."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.allocations import Done
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment, Name
from clearing.api.handovers import Answer, Because, HandoverShown, Into, handed_over
from clearing.api.pages import SequencePage, newest_first, paged
from clearing.domain import instrument as contract
from clearing.domain.scope import require_member
from clearing.services import allocations, timekeeping, transfers


class TransferBody(serializers.Serializer[Any]):
    account_id = Name(max_length=20, help_text="Who has the position.")
    symbol = Name(max_length=40)
    quantity = DecimalText()
    to_member = Name(max_length=40)
    to_account = Name(
        max_length=20, default="", help_text="Only where it is your own: it moves at once."
    )
    price = DecimalText(
        default="", help_text="Empty for what is carried for the lots: then no cash moves."
    )
    accept_by = Moment(required=False, help_text="Within a day; half an hour from now without it.")


class TransferTaken(Done):
    transfer_id = serializers.CharField()


class TransferShown(HandoverShown):
    transfer_id = serializers.CharField()
    price = DecimalText(allow_null=True, help_text="Null for what is carried for the lots.")


class PositionTransfers(Door):
    """POST a transfer of a position, GET such transfers."""

    names = {"account": "account_id", "key": "Idempotency-Key"}

    @extend_schema(
        operation_id="transfer_position",
        tags=["accounts"],
        summary="Transfer a position",
        description="Between two accounts of yours it moves at once; another member has to accept"
        " it. For what is carried for the lots, or at a price, which pays the giver its gain.",
        parameters=[KEY],
        request=TransferBody,
        responses={202: TransferTaken},
        examples=[
            OpenApiExample(
                "To EAST",
                {
                    "account_id": "NORTH-1",
                    "symbol": "BTC-PERP",
                    "quantity": "0.5",
                    "to_member": "EAST",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        scope = scope_of(request)
        require_member(scope)
        key, body = key_of(request), checked(TransferBody, request.data)
        account_id = selectors.visible(body.pop("account_id"), scope=scope).account_id

        sequence = transfers.request(
            account_id, key=key, at=timekeeping.now(), cause=cause_of(request), **body
        )

        transfer_id = allocations.named(account_id, transfers.KIND, key)
        return Response({"transfer_id": transfer_id, "sequence": sequence}, status=202)

    @extend_schema(
        operation_id="list_position_transfers",
        tags=["accounts"],
        summary="Transfers of positions",
        description="Those you asked for and those asked of you, newest first.",
        parameters=[SequencePage],
        responses={200: paged(TransferShown)},
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)

        found = selectors.handovers(transfers.KIND, scope=scope_of(request))

        return Response(newest_first(found, **query, show=_transfer))


class AcceptTransfer(Answer):
    """POST to take a position that another member offers."""

    names = {"account": "account_id", "handover_id": "transfer_id", "key": "Idempotency-Key"}
    kind, shape, carry = transfers.KIND, Into, staticmethod(transfers.accept)

    @extend_schema(
        operation_id="accept_position_transfer",
        tags=["accounts"],
        summary="Accept a transfer",
        description="The lots move into an account of yours, and both accounts are margined again.",
        parameters=[KEY],
        request=Into,
        responses={200: Done},
    )
    def post(self, request: Request, transfer_id: str) -> Response:
        return self.answer(request, transfer_id)


class RejectTransfer(Answer):
    """POST to decline a position that another member offers."""

    names = {"handover_id": "transfer_id", "key": "Idempotency-Key"}
    kind, carry = transfers.KIND, staticmethod(transfers.reject)

    @extend_schema(
        operation_id="reject_position_transfer",
        tags=["accounts"],
        summary="Reject a transfer",
        description="The position stays where it is.",
        parameters=[KEY],
        request=Because,
        responses={200: Done},
    )
    def post(self, request: Request, transfer_id: str) -> Response:
        return self.answer(request, transfer_id)


class CancelTransfer(Answer):
    """POST to take the offer of a position back."""

    names = {"handover_id": "transfer_id", "key": "Idempotency-Key"}
    kind, carry = transfers.KIND, staticmethod(transfers.cancel)

    @extend_schema(
        operation_id="cancel_position_transfer",
        tags=["accounts"],
        summary="Cancel a transfer",
        description="Whoever asked takes it back, before it is accepted.",
        parameters=[KEY],
        request=Because,
        responses={200: Done},
    )
    def post(self, request: Request, transfer_id: str) -> Response:
        return self.answer(request, transfer_id)


def _transfer(row: Any) -> dict[str, Any]:
    it = selectors.instrument(row.symbol)
    ticks = row.price_ticks
    price = None if ticks is None else contract.price_of(it, ticks)
    shape = TransferShown({**handed_over(row, it), "transfer_id": row.handover_id, "price": price})
    return dict(shape.data)
