"""Runs, breaks, halts and violations: look, explain, certify."""
# ruff: noqa: ARG002 - Django says what its hooks take

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clearing import models, selectors
from clearing.desk import ACT, Link, MoneyDesk, Order, RecordDesk, account_link, event_link
from clearing.domain.cause import Cause
from clearing.services import reconciliations, releases, timekeeping


@admin.register(models.Reconciliation)
class ReconciliationDesk(RecordDesk):
    ordering = ("-sequence",)
    list_display = ("sequence", "holder", "kind", "at", "matched", "breaks", "missing")
    list_filter = ("holder", "kind")
    fields = (
        *("event", "holder", "kind", "at", "lines", "matched", "breaks", "missing"),
        *("last_source", "evidence", "statement"),
    )
    readonly_fields = fields

    @admin.display(description="recorded by event")
    def event(self, row: models.Reconciliation) -> SafeString | str:
        return event_link(row.sequence)

    @admin.display(description="statement's hash")
    def evidence(self, row: models.Reconciliation) -> SafeString:
        return format_html('<code class="desk-code">{}</code>', row.document)

    @admin.display(description="statement as it came")
    def statement(self, row: models.Reconciliation) -> SafeString:
        body = selectors.outside_document(row.document)
        return format_html('<pre class="desk-json">{}</pre>', body)


def _explain(record: models.Break, *, reason: str, cause: Cause) -> str:
    reconciliations.explain(record.break_id, reason=reason, at=timekeeping.now(), cause=cause)
    return f"{record.break_id} is explained"


@admin.register(models.Break)
class BreakDesk(MoneyDesk):
    ordering = ("-sequence",)
    list_display = ("break_id", "holder", "of", "asset", "differs", "halts", "status", "reason")
    list_filter = ("status", "holder", "kind")
    search_fields = ("break_id__exact", "account__exact")
    fields = (
        *("event", "holder", "kind", "of", "asset", "book", "outside", "differs", "halts"),
        *("missing", "status", "reason", "found_at"),
    )
    readonly_fields = fields
    orders = (
        Order(
            name="explain",
            title="Explain",
            says="You know why the two differ. The break stands until a later statement agrees, and"
            " no longer forbids a certificate that lets withdrawals go on.",
            permission=ACT,
            applies=lambda found: found.status == "open",
            carry=_explain,
        ),
    )

    @admin.display(description="found by event")
    def event(self, row: models.Break) -> SafeString | str:
        return event_link(row.sequence)

    @admin.display(description="account")
    def of(self, row: models.Break) -> SafeString | str:
        return account_link(row.account) if row.account else "everybody's"

    @admin.display(description="the book says")
    def book(self, row: models.Break) -> str:
        return self._counted(row, row.ours)

    @admin.display(description="the outside says")
    def outside(self, row: models.Break) -> str:
        return self._counted(row, row.theirs)

    @admin.display(description="difference")
    def differs(self, row: models.Break) -> str:
        return self._counted(row, row.difference)

    def _counted(self, row: models.Break, amount: int) -> str:
        return f"{amount} lots" if row.unit == "lots" else self.money(row.asset, amount)


def _certify(record: models.ReleaseHalt, *, reason: str, cause: Cause) -> str:
    asset = record.asset
    releases.certify(asset, reason=reason, at=timekeeping.now(), cause=cause)
    return f"{asset} is certified: withdrawals go on"


@admin.register(models.ReleaseHalt)
class ReleaseHaltDesk(RecordDesk):
    """The row goes with the certificate, which therefore leads to the list."""

    ordering = ("asset",)
    list_display = ("asset", "because", "reason", "since")
    fields = ("asset", "because", "reason", "since", "event")
    readonly_fields = fields
    orders = (
        Order(
            name="certify",
            title="Certify",
            says="You have seen that the books of this asset agree with the outside. Refused while"
            " an invariant is violated or a break is unexplained. Withdrawals then go on.",
            permission=ACT,
            applies=lambda _halt: True,
            carry=_certify,
        ),
    )

    @admin.display(description="halted by event")
    def event(self, row: models.ReleaseHalt) -> SafeString | str:
        return event_link(row.sequence)

    def _carried(
        self, request: HttpRequest, record: models.ReleaseHalt, order: Order, **asked: Any
    ) -> HttpResponse:
        answered = super()._carried(request, record, order, **asked)
        if selectors.release_halts().filter(asset=record.asset).exists():
            return answered
        return HttpResponseRedirect(reverse("admin:clearing_releasehalt_changelist"))

    def links(self, record: models.ReleaseHalt) -> list[Link]:
        breaks = reverse("admin:clearing_break_changelist")
        return [("Open breaks", f"{breaks}?status__exact=open")]


@admin.register(models.Violation)
class ViolationDesk(RecordDesk):
    ordering = ("sequence",)
    list_display = ("invariant", "subject", "says", "since")
    fields = ("invariant", "subject", "says", "since", "event")
    readonly_fields = fields

    @admin.display(description="recorded by event")
    def event(self, row: models.Violation) -> SafeString | str:
        return event_link(row.sequence)
