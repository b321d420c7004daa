"""The statement of an account."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import Door, checked, scope_of
from clearing.api.fields import DecimalText, Moment, Name
from clearing.api.pages import Page, page
from clearing.domain import clock, statement
from clearing.domain.amounts import LARGEST
from clearing.selectors import MovementRow, Period, Unit
from clearing.selectors.statement_texts import statement_table
from clearing.services import timekeeping


class StatementQuery(Page):
    start = Moment(
        required=False, help_text="Past this business time; from the log's start without it."
    )
    end = Moment(
        required=False, help_text="Up to and including this business time; now without it."
    )
    as_of_seq = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST,
        required=False,
        help_text="As it was known at this place in the log, which must be sealed.",
    )
    known_at = Moment(
        required=False,
        help_text="As it was known at this time of the wall clock, so that a statement printed then"
        " can be printed again.",
    )
    cursor = Name(
        max_length=90, required=False, help_text="`next_cursor` of the page before; JSON only."
    )


class StatementBalance(serializers.Serializer[Any]):
    what = serializers.CharField(help_text="cash, cost (what positions are carried at) or lots.")
    asset = serializers.CharField(help_text="An asset, or an instrument's symbol.")
    currency = serializers.CharField(help_text="What the amount is in; `lots` for lots.")
    amount = DecimalText()


class Movement(StatementBalance):
    sequence = serializers.IntegerField(help_text="Of the fact in the log.")
    effective_at = Moment()
    recorded_at = Moment()
    name = serializers.CharField(help_text="Of the fact.")
    kind = serializers.CharField(help_text="The same in words.")
    said = serializers.CharField(help_text="The whole fact, in a sentence.")
    counterparts = serializers.ListField(
        child=serializers.CharField(), help_text="Accounts on the other side."
    )
    reference = serializers.CharField(help_text="Id of the trade, deposit, withdrawal or request.")
    balance = DecimalText(help_text="What it led to.")


class Statement(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    start = Moment(allow_null=True)
    end = Moment()
    opening = StatementBalance(many=True, help_text="Of the whole period, whichever page it is.")
    closing = StatementBalance(many=True)
    items = Movement(many=True)
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)


class StatementCSV(JSONRenderer):
    """What `format=csv` and `Accept: text/csv` choose. A problem is told as JSON all the same."""

    media_type = "text/csv"
    format = "csv"


class AccountStatement(Door):
    """GET what an account held, every movement, and what it holds."""

    renderer_classes = [JSONRenderer, StatementCSV]

    @extend_schema(
        operation_id="get_statement",
        tags=["accounts"],
        summary="Statement of an account",
        description="Opening balances, every movement with its fact, and closing balances, of cash,"
        " positions and what they are carried at. The period is past `start` up to and including"
        " `end`, so one period's closing is the next one's opening, and both are the book as of"
        " those times. A fact recorded late is in the period of its effect; ask with `known_at` for"
        " the statement as it was printed before. With `format=csv` the whole of it is streamed as"
        " a table, in which a text that begins with `=`, `+`, `-`, `@` or a control character stands"
        " behind an apostrophe, so that no spreadsheet takes it for a formula; numbers never do.",
        parameters=[StatementQuery, OpenApiParameter("format", str, enum=["json", "csv"])],
        responses={
            (200, "application/json"): Statement,
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, account_id: str) -> HttpResponseBase:
        account = selectors.visible(account_id, scope=scope_of(request))
        sent = {name: it for name, it in request.query_params.dict().items() if name != "format"}
        query = checked(StatementQuery, sent)
        period = _period(account.account_id, query)

        if request.accepted_renderer.format == StatementCSV.format:
            return _streamed(period)
        cursor = query.get("cursor")
        found = selectors.statement_page(
            period,
            after=statement.place(cursor) if cursor else None,
            limit=query["limit"] + 1,
        )

        return Response(_shown(period, found, limit=query["limit"]))


def _period(account_id: str, query: Mapping[str, Any]) -> Period:
    """Raises PeriodNotValid, and what `selectors.point` raises, of `end`."""
    end = query.get("end") or timekeeping.now()
    statement.check_period(query.get("start"), end)
    point = selectors.point(
        sequence=query.get("as_of_seq"),
        effective_at=query.get("end"),
        known_at=query.get("known_at"),
    )
    return Period(
        account_id=account_id,
        start=query.get("start"),
        end=end,
        sequence=point.sequence,
        known_at=point.known_at,
    )


class _Echo:
    """What a CSV writer writes to, line by line."""

    def write(self, line: str) -> str:
        return line


def _streamed(period: Period) -> StreamingHttpResponse:
    def lines() -> Iterator[str]:
        writer = csv.writer(_Echo())
        for row in statement_table(period):
            yield writer.writerow(row)

    name = f"{period.account_id}-{clock.text(period.end)[:10]}.csv"
    return StreamingHttpResponse(
        lines(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _shown(period: Period, found: selectors.StatementPage, *, limit: int) -> dict[str, Any]:
    opening, closing = found.balances.opening, found.balances.closing
    known = selectors.units([*opening, *closing, *(it.asset for it in found.movements)])
    words = selectors.teller()

    def balances(held: Mapping[str, int]) -> list[dict[str, Any]]:
        return [_in(known[asset]) | {"amount": known[asset].shown(held[asset])} for asset in held]

    def movement(it: MovementRow) -> dict[str, Any]:
        unit = known[it.asset]
        return {
            **_in(unit),
            "amount": unit.shown(it.amount),
            "balance": unit.shown(it.balance),
            "sequence": it.recorded.sequence,
            "effective_at": it.recorded.effective_at,
            "recorded_at": it.recorded.recorded_at,
            "name": it.recorded.fact.NAME,
            "kind": it.kind,
            "said": words.line(it.recorded),
            "counterparts": it.counterparts,
            "reference": it.reference,
        }

    shape = Statement(
        {
            "account_id": period.account_id,
            "start": period.start,
            "end": period.end,
            "opening": balances(opening),
            "closing": balances(closing),
            **page(found.movements, limit=limit, place=lambda it: str(it.place), show=movement),
        }
    )
    return dict(shape.data)


def _in(unit: Unit) -> dict[str, str]:
    return {"what": unit.what, "asset": unit.name, "currency": unit.currency}
