"""Accounts, as their owner sees them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.domain.members import KINDS
from clearing import selectors as record
from clearing.api.door import Door, checked, scope_of
from clearing.api.fields import Moment
from clearing.api.pages import NamePage, page, paged
from clearing.domain.account import Standing


class Account(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    member_id = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    title = serializers.CharField()
    standing = serializers.ChoiceField(
        choices=[it.value for it in Standing],
        help_text="A suspended account may only shed risk, and pay in.",
    )
    version = serializers.IntegerField(help_text="How many facts its stream has.")
    sequence = serializers.IntegerField(help_text="Its latest fact.")
    opened_at = Moment()


EXAMPLE = {
    "account_id": "NORTH-1",
    "member_id": "NORTH",
    "kind": "client",
    "title": "North, clients",
    "standing": "open",
    "version": 7,
    "sequence": 1043,
    "opened_at": "2026-01-01T00:00:00.000000Z",
}


class Accounts(Door):
    """GET one's accounts."""

    @extend_schema(
        operation_id="list_accounts",
        tags=["accounts"],
        summary="Own accounts",
        description="Every account of the caller's member, by name; all of them for an officer.",
        parameters=[NamePage],
        responses={200: paged(Account)},
        examples=[
            OpenApiExample(
                "One account",
                {"items": [EXAMPLE], "has_more": False, "next_cursor": None},
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        query = checked(NamePage, request.query_params)

        found = record.visible_accounts(
            scope_of(request), after=query["cursor"], limit=query["limit"] + 1
        )

        return Response(
            page(
                found,
                limit=query["limit"],
                place=lambda row: row.account_id,
                show=lambda row: Account(row).data,
            )
        )


class OneAccount(Door):
    """GET one account."""

    @extend_schema(
        operation_id="get_account",
        tags=["accounts"],
        summary="One account",
        description="Whose it is, and what it may do now.",
        responses={200: Account},
        examples=[OpenApiExample("An account", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, account_id: str) -> Response:
        return Response(Account(record.visible(account_id, scope=scope_of(request))).data)
