"""Collateral coming in and going out."""

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
from clearing.domain.withdrawal import STATES
from clearing.services import collateral, timekeeping

EXAMPLE = {"asset": "USDC", "amount": "250000"}


class AmountBody(serializers.Serializer[Any]):
    asset = Name(max_length=20)
    amount = DecimalText(help_text="Above zero, with no more digits than the asset has.")


class DepositTaken(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    asset = serializers.CharField()
    amount = DecimalText()
    sequence = serializers.IntegerField()


class WithdrawalTaken(serializers.Serializer[Any]):
    withdrawal_id = serializers.CharField()
    sequence = serializers.IntegerField()


class Withdrawal(serializers.Serializer[Any]):
    withdrawal_id = serializers.CharField()
    account_id = serializers.CharField()
    asset = serializers.CharField()
    amount = DecimalText()
    status = serializers.ChoiceField(
        choices=STATES,
        help_text="`approved` by margin, `instructed` while the custodian is waited for,"
        " `confirmed` by it; `waiting` while too much has left within the hour.",
    )
    reason = serializers.CharField(help_text="Of a wait or a refusal; empty otherwise.")
    requested_at = Moment()
    goes_at = Moment(allow_null=True, help_text="While it waits: not before this.")
    settled_at = Moment(allow_null=True)
    sequence = serializers.IntegerField(help_text="Of the request.")


class Deposits(Door):
    """POST collateral that has arrived, as the custodian that holds it."""

    @extend_schema(
        operation_id="confirm_deposit",
        tags=["collateral"],
        summary="Confirm a deposit",
        description="The custodian confirms collateral that has arrived, for any member's account,"
        " and it is credited there. Needs a custodian's credential, which sees nothing else: a"
        " member cannot credit itself.",
        parameters=[KEY],
        request=AmountBody,
        responses={201: DepositTaken},
        examples=[OpenApiExample("A deposit", EXAMPLE, request_only=True)],
    )
    def post(self, request: Request, account_id: str) -> Response:
        selectors.creditable(account_id, scope=scope_of(request))
        custodian = require_custodian(scope_of(request))
        key, body = key_of(request), checked(AmountBody, request.data)

        sequence = collateral.deposit(
            account_id,
            key=key,
            holder=f"custodian:{custodian}",
            at=timekeeping.now(),
            cause=cause_of(request),
            **body,
        )

        shape = DepositTaken({"account_id": account_id, "sequence": sequence, **body})
        return Response(shape.data, status=201)


class Withdrawals(Door):
    """POST a request for money, GET what became of such requests."""

    @extend_schema(
        operation_id="request_withdrawal",
        tags=["collateral"],
        summary="Ask for a withdrawal",
        description="The amount leaves the free balance at once. Whether it may leave the house is"
        " decided after the account was margined without it; the outcome is a fact, and stands"
        " where `Location` points.",
        parameters=[KEY],
        request=AmountBody,
        responses={202: WithdrawalTaken},
        examples=[OpenApiExample("A withdrawal", EXAMPLE, request_only=True)],
    )
    def post(self, request: Request, account_id: str) -> Response:
        selectors.visible(account_id, scope=scope_of(request))
        require_member(scope_of(request))
        key, body = key_of(request), checked(AmountBody, request.data)

        sequence = collateral.request_withdrawal(
            account_id, key=key, at=timekeeping.now(), cause=cause_of(request), **body
        )

        withdrawal_id = selectors.recorded(sequence).fact.withdrawal_id
        shape = WithdrawalTaken({"withdrawal_id": withdrawal_id, "sequence": sequence})
        location = reverse("withdrawal", args=[account_id, withdrawal_id])
        return Response(shape.data, status=202, headers={"Location": location})

    @extend_schema(
        operation_id="list_withdrawals",
        tags=["collateral"],
        summary="Withdrawals of an account",
        description="Newest first, with what became of each.",
        parameters=[SequencePage],
        responses={200: paged(Withdrawal)},
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = selectors.visible(account_id, scope=scope_of(request))
        query = checked(SequencePage, request.query_params)

        found = selectors.withdrawals(account.account_id)

        digits = selectors.scales()
        return Response(newest_first(found, **query, show=lambda row: _shown(row, digits)))


class OneWithdrawal(Door):
    """GET what became of a request for money."""

    @extend_schema(
        operation_id="get_withdrawal",
        tags=["collateral"],
        summary="One withdrawal",
        description="It is tested when it is asked for and again when it leaves. In the end it is"
        " settled, or refused with a reason and the money is back.",
        responses={200: Withdrawal},
    )
    def get(self, request: Request, account_id: str, withdrawal_id: str) -> Response:
        account = selectors.visible(account_id, scope=scope_of(request))

        found = selectors.withdrawal_of(account.account_id, withdrawal_id)

        return Response(_shown(found, selectors.scales()))


def _shown(row: Any, digits: dict[str, int]) -> dict[str, Any]:
    shape = Withdrawal(
        {
            "withdrawal_id": row.withdrawal_id,
            "account_id": row.account,
            "asset": row.asset,
            "amount": selectors.shown(row.asset, row.amount, digits),
            "status": row.status,
            "reason": row.reason,
            "requested_at": row.requested_at,
            "goes_at": row.goes_at,
            "settled_at": row.left_at,
            "sequence": row.sequence,
        }
    )
    return dict(shape.data)
