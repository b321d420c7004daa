"""Replacing collateral, and the custodian's word on what arrives and what may leave."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment, Name
from clearing.api.pages import SequencePage, newest_first, paged
from clearing.domain.scope import require_custodian, require_member
from clearing.domain.substitution import STATES
from clearing.services import collateral, substitutions, timekeeping

EXAMPLE = {
    "asset": "USDC",
    "amount": "90000",
    "incoming": "BTC",
    "incoming_amount": "1.2",
    "expires_at": "2026-01-01T12:00:00Z",
}


class SubstitutionBody(serializers.Serializer[Any]):
    asset = Name(max_length=20, help_text="What is to leave,")
    amount = DecimalText(help_text="and how much of it: the oldest lots first.")
    incoming = Name(max_length=20, help_text="What is to come instead,")
    incoming_amount = DecimalText(help_text="and how much of that.")
    expires_at = Moment(help_text="By when it must have settled, in business time; 7 days at most.")


class SubstitutionTaken(serializers.Serializer[Any]):
    substitution_id = serializers.CharField()
    sequence = serializers.IntegerField()


class Substitution(serializers.Serializer[Any]):
    substitution_id = serializers.CharField()
    account_id = serializers.CharField()
    asset = serializers.CharField()
    amount = DecimalText()
    incoming = serializers.CharField()
    incoming_amount = DecimalText()
    state = serializers.ChoiceField(
        choices=STATES,
        help_text="`proposed` until the custodian confirms what comes in, `covered` until the rest"
        " is tested, `waiting` while too much has left within the hour.",
    )
    reason = serializers.CharField(help_text="Of a wait or a refusal; empty otherwise.")
    proposed_at = Moment()
    expires_at = Moment()
    goes_at = Moment(allow_null=True, help_text="While it waits: not before this.")
    sequence = serializers.IntegerField(help_text="Of the proposal.")


class Moved(serializers.Serializer[Any]):
    state = serializers.CharField()
    sequence = serializers.IntegerField(
        allow_null=True, help_text="Of the fact; null if it had been so before."
    )


class Substitutions(Door):
    """POST a proposal to replace collateral, GET what became of such proposals."""

    @extend_schema(
        operation_id="propose_substitution",
        tags=["collateral"],
        summary="Replace collateral",
        description="What is to leave is promised at once and still counts. When the custodian has"
        " confirmed what comes in, the account is tested as for a withdrawal, and its collateral must"
        " count for no less than before; then the old leaves in the same decision.",
        parameters=[KEY],
        request=SubstitutionBody,
        responses={202: SubstitutionTaken},
        examples=[OpenApiExample("Bitcoin for dollars", EXAMPLE, request_only=True)],
    )
    def post(self, request: Request, account_id: str) -> Response:
        selectors.visible(account_id, scope=scope_of(request))
        require_member(scope_of(request))
        key, body = key_of(request), checked(SubstitutionBody, request.data)

        sequence = substitutions.propose(
            account_id, key=key, at=timekeeping.now(), cause=cause_of(request), **body
        )

        name = selectors.recorded(sequence).fact.substitution_id
        shape = SubstitutionTaken({"substitution_id": name, "sequence": sequence})
        location = reverse("substitution", args=[account_id, name])
        return Response(shape.data, status=202, headers={"Location": location})

    @extend_schema(
        operation_id="list_substitutions",
        tags=["collateral"],
        summary="Substitutions of an account",
        description="Newest first, with what became of each.",
        parameters=[SequencePage],
        responses={200: paged(Substitution)},
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = selectors.visible(account_id, scope=scope_of(request))
        query = checked(SequencePage, request.query_params)

        found = selectors.substitutions(account.account_id)

        digits = selectors.scales()
        return Response(newest_first(found, **query, show=lambda row: _shown(row, digits)))


class OneSubstitution(Door):
    """GET what became of a proposal."""

    @extend_schema(
        operation_id="get_substitution",
        tags=["collateral"],
        summary="One substitution",
        description="Where it stands, and why it waits or was refused.",
        responses={200: Substitution},
    )
    def get(self, request: Request, account_id: str, substitution_id: str) -> Response:
        account = selectors.visible(account_id, scope=scope_of(request))

        found = selectors.substitution_of(account.account_id, substitution_id)

        return Response(_shown(found, selectors.scales()))


class Cancellation(Door):
    """POST that a proposal is taken back."""

    @extend_schema(
        operation_id="cancel_substitution",
        tags=["collateral"],
        summary="Take a substitution back",
        description="Until it is decided. What was promised is free again; what has come in already"
        " stays as the deposit it is.",
        parameters=[KEY],
        request=None,
        responses={200: Moved},
    )
    def post(self, request: Request, account_id: str, substitution_id: str) -> Response:
        selectors.visible(account_id, scope=scope_of(request))
        require_member(scope_of(request))
        key_of(request)

        sequence = substitutions.cancel(
            account_id,
            substitution_id=substitution_id,
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        return Response(Moved({"state": "cancelled", "sequence": sequence}).data)


class Arrival(Door):
    """POST that what comes in has arrived, as the custodian that holds it."""

    @extend_schema(
        operation_id="cover_substitution",
        tags=["collateral"],
        summary="Confirm what comes in",
        description="Credits exactly what was proposed, as a deposit of the account; whether what was"
        " promised may leave is tested then. Needs a custodian's credential.",
        parameters=[KEY],
        request=None,
        responses={200: Moved},
    )
    def post(self, request: Request, account_id: str, substitution_id: str) -> Response:
        selectors.creditable(account_id, scope=scope_of(request))
        selectors.substitution_of(account_id, substitution_id)
        custodian = require_custodian(scope_of(request))

        sequence = substitutions.cover(
            account_id,
            substitution_id=substitution_id,
            key=key_of(request),
            custodian=custodian,
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        return Response(Moved({"state": "covered", "sequence": sequence}).data)


class Readiness(Door):
    """POST that the custodian stands ready to pay a withdrawal."""

    @extend_schema(
        operation_id="confirm_withdrawal",
        tags=["collateral"],
        summary="Confirm that a withdrawal can be paid",
        description="Where the schedule wants a custodian's word. Pay only once it is `settled`: it is"
        " tested once more at that moment, and may be refused or have to wait for room in the hour."
        " Needs the credential of the custodian that holds the collateral.",
        parameters=[KEY],
        request=None,
        responses={200: Moved},
    )
    def post(self, request: Request, account_id: str, withdrawal_id: str) -> Response:
        selectors.creditable(account_id, scope=scope_of(request))
        selectors.withdrawal_of(account_id, withdrawal_id)
        custodian = require_custodian(scope_of(request))
        key_of(request)

        sequence = collateral.confirm_withdrawal(
            account_id,
            withdrawal_id=withdrawal_id,
            custodian=custodian,
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        return Response(Moved({"state": "confirmed", "sequence": sequence}).data)


def _shown(row: selectors.SubstitutionRow, digits: dict[str, int]) -> dict[str, Any]:
    shape = Substitution(
        {
            "substitution_id": row.substitution_id,
            "account_id": row.account,
            "asset": row.asset,
            "amount": selectors.shown(row.asset, row.amount, digits),
            "incoming": row.incoming,
            "incoming_amount": selectors.shown(row.incoming, row.incoming_amount, digits),
            "state": row.state,
            "reason": row.reason,
            "proposed_at": row.proposed_at,
            "expires_at": row.expires_at,
            "goes_at": row.goes_at,
            "sequence": row.sequence,
        }
    )
    return dict(shape.data)
