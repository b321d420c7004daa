"""Statements of custodians and venues, held against the book; breaks and runs."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment, Name
from clearing.api.pages import SequencePage, newest_first, paged
from clearing.domain import entries, reconciliation
from clearing.domain.reconciliation import CUSTODIAN, VENUE, OutsideLine
from clearing.domain.scope import OutOfScope, Scope
from clearing.selectors import Unit
from clearing.services import reconciliations, timekeeping
from clearing.services.reconciliations import Statement

KINDS = [CUSTODIAN, VENUE]
LINES = [*dict.fromkeys(line for lines in reconciliation.LINES.values() for line in lines)]
BREAK_STATUSES = ["open", "explained", "resolved"]


class OutsideLineBody(serializers.Serializer[Any]):
    line = serializers.ChoiceField(
        choices=LINES,
        help_text="A custodian sends balance, deposit and withdrawal; a venue position and trade.",
    )
    asset = Name(max_length=40, help_text="An asset, or an instrument's symbol.")
    amount = DecimalText(help_text="Of a position signed, in the instrument's own units.")
    account = Name(max_length=40, required=False, help_text="Of a position, deposit, withdrawal.")
    source_sequence = Name(
        max_length=18,
        required=False,
        help_text="Of a movement: your own number, without gaps. It stands for this line for ever:"
        " told again with other content it is refused.",
    )
    reference = Name(
        max_length=64,
        required=False,
        help_text="Of a movement: the deposit's key, the withdrawal's id, the trade's id.",
    )
    at = Moment(required=False, help_text="Of a movement: when it took effect.")
    price = DecimalText(required=False, help_text="Of a trade.")
    buyer = Name(max_length=40, required=False, help_text="Of a trade.")
    seller = Name(max_length=40, required=False, help_text="Of a trade.")


class OutsideStatementBody(serializers.Serializer[Any]):
    at = Moment(help_text="As of when, in business time.")
    lines = OutsideLineBody(
        many=True, help_text=f"All you hold, 1 to {reconciliation.MOST_LINES:,} lines."
    )


class ReconciliationRun(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    holder = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    document = serializers.CharField(help_text="SHA-256 of the statement: its name.")
    at = Moment()
    lines = serializers.IntegerField(help_text="Of the statement.")
    matched = serializers.IntegerField(help_text="Balances or positions that agree.")
    breaks = serializers.IntegerField(help_text="Those that do not.")
    missing = serializers.IntegerField(help_text="Movements the house had not heard of.")


class Break(serializers.Serializer[Any]):
    break_id = serializers.CharField()
    holder = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    account = serializers.CharField(help_text="Of a position; empty for a custodian's balance.")
    asset = serializers.CharField()
    ours = DecimalText(help_text="What the book says; lots of an instrument.")
    theirs = DecimalText()
    difference = DecimalText(help_text="Theirs less ours.")
    halts = serializers.CharField(help_text="Asset that may not leave meanwhile; empty for none.")
    missing_references = serializers.CharField(help_text="Movements that may explain it.")
    status = serializers.ChoiceField(choices=BREAK_STATUSES)
    reason = serializers.CharField(help_text="Of an explanation or resolution.")
    found_at = Moment()
    sequence = serializers.IntegerField()


class Reconciliations(Door):
    """POST a statement of what you hold for the house, GET the runs that held such against the book."""

    items_in = "lines"

    @extend_schema(
        operation_id="send_statement",
        tags=["proof"],
        summary="Send a statement of what you hold",
        description="A custodian sends its balances of everybody's collateral, a venue the positions"
        " of its instruments, and either the movements since the statement before. The house holds"
        " it against its book as of the statement's time: what differs is a break, and withdrawals"
        " of the asset halt. A statement is complete: what it does not name is not held.",
        parameters=[KEY],
        request=OutsideStatementBody,
        responses={201: ReconciliationRun},
        examples=[
            OpenApiExample(
                "A custodian's",
                {
                    "at": "2026-01-01T01:00:00Z",
                    "lines": [
                        {"line": "balance", "asset": "USDC", "amount": "250"},
                        {
                            **{"line": "deposit", "source_sequence": "17", "reference": "wire-17"},
                            **{"account": "NORTH-1", "asset": "USDC", "amount": "250"},
                        },
                    ],
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        holder, kind = _whose(scope_of(request))
        key, body = key_of(request), checked(OutsideStatementBody, request.data)
        lines = [
            OutsideLine(**{name: str(it) for name, it in line.items()}) for line in body["lines"]
        ]
        statement = Statement(
            holder=holder,
            kind=kind,
            at=body["at"],
            body=json.dumps(request.data, sort_keys=True, separators=(",", ":")),
            lines=reconciliation.checked(lines, kind=kind),
        )

        sequence = reconciliations.reconcile(
            statement, key=key, at=timekeeping.now(), cause=cause_of(request)
        )

        run = selectors.reconciliation_runs().get(sequence=sequence)
        return Response(ReconciliationRun(run).data, status=201)

    @extend_schema(
        operation_id="list_reconciliations",
        tags=["proof"],
        summary="Runs of reconciliation",
        description="Newest first: of your own statements, or everybody's for an officer.",
        parameters=[SequencePage],
        responses={200: paged(ReconciliationRun)},
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)

        found = _own(selectors.reconciliation_runs(), scope_of(request))

        return Response(newest_first(found, **query, show=lambda row: ReconciliationRun(row).data))


class Breaks(Door):
    """GET what differs between the outside and the book."""

    @extend_schema(
        operation_id="list_breaks",
        tags=["proof"],
        summary="Breaks",
        description="Newest first, with what became of each: of your own statements, or everybody's"
        " for an officer.",
        parameters=[SequencePage],
        responses={200: paged(Break)},
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)

        found = _own(selectors.breaks(), scope_of(request))

        known = selectors.units(_ledger(row) for row in found[: query["limit"] + 1])
        return Response(newest_first(found, **query, show=lambda row: _shown(row, known)))


def _whose(scope: Scope) -> tuple[str, str]:
    """(holder, kind). Raises OutOfScope: nobody speaks for another."""
    if scope.custodian is not None:
        return scope.custodian, CUSTODIAN
    if scope.venue is not None:
        return scope.venue, VENUE
    raise OutOfScope(needs="the credential of a custodian or a venue, for its own statement")


def _own(rows: QuerySet[Any], scope: Scope) -> QuerySet[Any]:
    if scope.sees_everything:
        return rows
    if scope.custodian is None and scope.venue is None:
        return rows.none()
    holder, kind = _whose(scope)
    return rows.filter(holder=holder, kind=kind)


def _ledger(row: Any) -> str:
    return entries.lots(row.asset) if row.unit == "lots" else entries.cash(row.asset)


def _shown(row: Any, known: dict[str, Unit]) -> dict[str, Any]:
    unit = known.get(_ledger(row)) or selectors.units([_ledger(row)])[_ledger(row)]
    named = ("break_id", "holder", "kind", "account", "asset", "halts", "status", "reason")
    shape = Break(
        {
            **{name: getattr(row, name) for name in named},
            **{name: unit.shown(getattr(row, name)) for name in ("ours", "theirs", "difference")},
            "missing_references": row.missing,
            "found_at": row.found_at,
            "sequence": row.sequence,
        }
    )
    return dict(shape.data)
