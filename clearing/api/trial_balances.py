"""The trial balance of the house, for its officers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import Door, checked, scope_of
from clearing.api.fields import DecimalText, Name
from clearing.api.pages import NamePage, page, paged
from clearing.api.points import AsOf, asked, point_of
from clearing.domain.scope import require_officer
from clearing.selectors import TrialAccount, TrialColumn, Unit


class TrialLine(serializers.Serializer[Any]):
    group = serializers.CharField(
        help_text="Members' accounts by kind; each of the house's own by its name."
    )
    accounts = serializers.IntegerField(help_text="How many hold anything of it.")
    debit = DecimalText(help_text="Owed to the house: balances below zero, added up.")
    credit = DecimalText(help_text="Owed by the house: balances above zero, added up.")


class TrialColumnShape(serializers.Serializer[Any]):
    what = serializers.CharField(help_text="cash, cost (what positions are carried at) or lots.")
    asset = serializers.CharField(help_text="An asset, or an instrument's symbol.")
    currency = serializers.CharField(help_text="What the amounts are in; `lots` for lots.")
    debit = DecimalText()
    credit = DecimalText()
    off = DecimalText(help_text="Credit less debit: zero, or something was lost.")
    lines = TrialLine(many=True)


class TrialBalanceShape(serializers.Serializer[Any]):
    balanced = serializers.BooleanField(help_text="Every column is off by nothing.")
    columns = TrialColumnShape(many=True)


class LineQuery(AsOf, NamePage):
    ledger = Name(max_length=60, help_text="A column as the ledger names it, such as `cash:USDC`.")
    group = Name(max_length=40, help_text="A line of it.")


class TrialAccountShape(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    amount = DecimalText(help_text="Above zero is owed by the house.")


class TrialBalance(Door):
    """GET what everybody holds together, and that nothing is lost."""

    @extend_schema(
        operation_id="get_trial_balance",
        tags=["proof"],
        summary="Trial balance of the house",
        description="For each asset, each instrument's lots and what they are carried at: debit and"
        " credit by class of account, now or at any point of the log. For officers.",
        parameters=[AsOf],
        responses={200: TrialBalanceShape},
        examples=[
            OpenApiExample(
                "Deposits alone",
                {
                    "balanced": True,
                    "columns": [
                        {
                            **{"what": "cash", "asset": "USDC", "currency": "USDC"},
                            **{"debit": "250.000000", "credit": "250.000000", "off": "0.000000"},
                            "lines": [
                                {
                                    **{"group": "ccp-custody", "accounts": 1},
                                    **{"debit": "250.000000", "credit": "0.000000"},
                                },
                                {
                                    **{"group": "client", "accounts": 2},
                                    **{"debit": "0.000000", "credit": "250.000000"},
                                },
                            ],
                        }
                    ],
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        require_officer(scope_of(request))
        point = asked(request)

        columns = selectors.trial_balance_at(point)

        known = selectors.units(it.asset for it in columns)
        shape = TrialBalanceShape(
            {
                "balanced": not any(it.off for it in columns),
                "columns": [_column(it, known[it.asset]) for it in columns],
            }
        )
        return Response(shape.data)


class TrialBalanceAccounts(Door):
    """GET the accounts behind one line of the trial balance."""

    @extend_schema(
        operation_id="list_trial_balance_accounts",
        tags=["proof"],
        summary="Accounts behind a line of the trial balance",
        description="Every account that holds any of it, by name, at the same point. Its statement"
        " has the entries. For officers.",
        parameters=[LineQuery],
        responses={200: paged(TrialAccountShape)},
    )
    def get(self, request: Request) -> Response:
        require_officer(scope_of(request))
        query = checked(LineQuery, request.query_params.dict())
        point = point_of(query)

        found = selectors.trial_accounts(
            point,
            asset=query["ledger"],
            group=query["group"],
            after=query["cursor"],
            limit=query["limit"] + 1,
        )

        unit = selectors.units([query["ledger"]])[query["ledger"]]

        def show(row: TrialAccount) -> dict[str, str]:
            return {"account_id": row.account, "amount": unit.shown(row.amount)}

        return Response(page(found, limit=query["limit"], place=lambda row: row.account, show=show))


def _column(it: TrialColumn, unit: Unit) -> dict[str, Any]:
    return {
        **{"what": unit.what, "asset": unit.name, "currency": unit.currency},
        "debit": unit.shown(it.debit),
        "credit": unit.shown(it.credit),
        "off": unit.shown(it.off),
        "lines": [
            {
                "group": line.group,
                "accounts": line.accounts,
                "debit": unit.shown(line.debit),
                "credit": unit.shown(line.credit),
            }
            for line in it.lines
        ],
    }
