"""Lots and substitutions: look, do not touch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString

from clearing import models
from clearing.desk import Link, MoneyDesk, account_link, event_link


def _collateral_page(record: Any) -> Iterable[Link]:
    page = reverse("desk-collateral", args=[record.account])
    return (("what its collateral counts for", page),)


@admin.register(models.CollateralLot)
class LotDesk(MoneyDesk):
    ordering = ("account", "asset", "deposited_at")
    list_display = ("lot_id", "of", "how_much", "custodian", "deposited_at", "encumbered_by")
    search_fields = ("lot_id__exact", "account__exact", "asset__exact", "encumbered_by__exact")
    fields = ("lot_id", "of", "how_much", "custodian", "deposited_at", "encumbered_by", "event")
    readonly_fields = fields

    def links(self, record: Any) -> Iterable[Link]:
        return _collateral_page(record)

    @admin.display(description="account")
    def of(self, row: models.CollateralLot) -> SafeString:
        return account_link(row.account)

    @admin.display(description="units")
    def how_much(self, row: models.CollateralLot) -> str:
        return self.money(row.asset, row.units)

    @admin.display(description="brought by event")
    def event(self, row: models.CollateralLot) -> SafeString | str:
        return event_link(row.sequence)


@admin.register(models.Substitution)
class SubstitutionDesk(MoneyDesk):
    ordering = ("-sequence",)
    list_display = ("substitution_id", "of", "leaves", "comes", "state", "expires_at", "reason")
    list_filter = ("state",)
    search_fields = ("substitution_id__exact", "account__exact")
    fields = (
        *("substitution_id", "of", "leaves", "comes", "state", "reason"),
        *("proposed_at", "expires_at", "goes_at", "left_at", "event"),
    )
    readonly_fields = fields

    def links(self, record: Any) -> Iterable[Link]:
        return _collateral_page(record)

    @admin.display(description="account")
    def of(self, row: models.Substitution) -> SafeString:
        return account_link(row.account)

    @admin.display(description="leaves")
    def leaves(self, row: models.Substitution) -> str:
        return self.money(row.asset, row.amount)

    @admin.display(description="comes")
    def comes(self, row: models.Substitution) -> str:
        return self.money(row.incoming, row.incoming_amount)

    @admin.display(description="proposed by event")
    def event(self, row: models.Substitution) -> SafeString | str:
        return event_link(row.sequence)
