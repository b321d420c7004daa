"""Assets with their codes, and how an instrument's terms came to be what they are."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api import facts
from clearing.api.door import Door, checked
from clearing.api.facts import FactShape
from clearing.api.fields import DecimalText
from clearing.api.pages import NamePage, Page, page, paged
from clearing.domain.asset import AssetKind


class HistoryPage(Page):
    cursor = serializers.IntegerField(
        min_value=0, default=0, max_value=2**31 - 1, help_text="`next_cursor` of the page before."
    )


class Asset(serializers.Serializer[Any]):
    asset = serializers.CharField()
    title = serializers.CharField()
    scale = serializers.IntegerField(help_text="Decimal digits of its minor unit.")
    kind = serializers.ChoiceField(choices=[it.value for it in AssetKind], allow_null=True)
    iso4217 = serializers.CharField(help_text="Of money; empty otherwise.")
    dti = serializers.CharField(help_text="ISO 24165, of a token; empty without.")
    isin = serializers.CharField()
    underlying = serializers.CharField(help_text="Of a leveraged token; empty otherwise.")
    leverage = DecimalText(allow_null=True, help_text="Signed: -1 falls when the underlying rises.")
    source = serializers.CharField(help_text="Whose document says so.")  # type: ignore[assignment]


class Assets(Door):
    """GET what the ledger may hold."""

    @extend_schema(
        operation_id="list_assets",
        tags=["reference"],
        summary="Assets",
        description="What the ledger may hold, by name, with what each is and its codes.",
        parameters=[NamePage],
        responses={200: paged(Asset)},
    )
    def get(self, request: Request) -> Response:
        query = checked(NamePage, request.query_params)

        found = selectors.assets(after=query["cursor"], limit=query["limit"] + 1)

        return Response(
            page(
                found,
                limit=query["limit"],
                place=lambda it: str(it["asset"]),
                show=lambda it: dict(Asset(it).data),
            )
        )


class TermsHistory(Door):
    """GET an instrument's own facts."""

    @extend_schema(
        operation_id="get_instrument_history",
        tags=["reference"],
        summary="How an instrument's terms came to be",
        description="Listing, codes, amendments, halts, adjustment, expiry or delisting: every fact"
        " of the instrument, oldest first.",
        parameters=[HistoryPage],
        responses={200: paged(FactShape)},
    )
    def get(self, request: Request, symbol: str) -> Response:
        query = checked(HistoryPage, request.query_params)
        selectors.instrument(symbol)

        rows = list(
            selectors.terms_history(symbol, after=query["cursor"], limit=query["limit"] + 1)
        )

        return Response(
            page(
                facts.shown(rows),
                limit=query["limit"],
                place=lambda it: str(it["version"]),
                show=lambda it: it,
            )
        )
