"""Calls, runs, results and parameter sets: look, do not touch."""

from __future__ import annotations

import json

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clearing.desk import EndlessDesk, MoneyDesk, account_link, event_link, linked, trail_link
from margin import models


@admin.register(models.MarginCall)
class MarginCallDesk(MoneyDesk):
    ordering = ("-sequence",)
    list_display = ("call_id", "of", "state", "to_pay", "issued_at", "due_at", "outcome")
    list_filter = ("state",)
    search_fields = ("call_id__exact", "account__exact")
    fields = (
        *("call_id", "of", "state", "outcome", "to_pay", "had", "maintained", "covers"),
        *("issued_at", "due_at", "ended_at", "run", "trail", "first_event", "last_event"),
    )
    readonly_fields = fields

    def links(self, record: models.MarginCall) -> list[tuple[str, str]]:
        return [
            ("Account", reverse("desk-account", args=[record.account])),
            ("Whole trail", reverse("desk-trail", args=[record.correlation_id])),
        ]

    @admin.display(description="account")
    def of(self, call: models.MarginCall) -> SafeString:
        return account_link(call.account)

    @admin.display(description="to pay")
    def to_pay(self, call: models.MarginCall) -> str:
        return self.money(call.asset, call.amount)

    @admin.display(description="equity")
    def had(self, call: models.MarginCall) -> str:
        return self.money(call.asset, call.equity)

    @admin.display(description="maintenance")
    def maintained(self, call: models.MarginCall) -> str:
        return self.money(call.asset, call.maintenance)

    @admin.display(description="covered at equity of")
    def covers(self, call: models.MarginCall) -> str:
        return self.money(call.asset, call.target)

    @admin.display(description="by run")
    def run(self, call: models.MarginCall) -> SafeString:
        return linked(call.run_id, reverse("admin:margin_run_change", args=[call.run_id]))

    @admin.display(description="trail")
    def trail(self, call: models.MarginCall) -> SafeString:
        return trail_link(call.correlation_id)

    @admin.display(description="first event")
    def first_event(self, call: models.MarginCall) -> SafeString | str:
        return event_link(call.sequence)

    @admin.display(description="last event")
    def last_event(self, call: models.MarginCall) -> SafeString | str:
        return event_link(call.latest)


@admin.register(models.Run)
class RunDesk(EndlessDesk):
    ordering = ("-started_at", "-run_id")
    list_display = ("run_id", "kind", "at", "accounts", "unpriced", "completed", "prices")
    list_filter = ("kind", "completed")
    search_fields = ("run_id__exact",)
    fields = (
        *("run_id", "kind", "at", "accounts", "unpriced", "completed", "prices", "price_set"),
        *("parameter_set", "result_hash", "trail", "started_at", "completed_at"),
    )
    readonly_fields = fields

    def links(self, record: models.Run) -> list[tuple[str, str]]:
        results = reverse("admin:margin_requirement_changelist")
        return [("Its results", f"{results}?run_id={record.run_id}")]

    @admin.display(description="price set")
    def prices(self, run: models.Run) -> SafeString | str:
        return event_link(run.price_sequence)

    @admin.display(description="trail")
    def trail(self, run: models.Run) -> SafeString:
        return trail_link(run.correlation_id)


@admin.register(models.Requirement)
class RequirementDesk(MoneyDesk):
    ordering = ("-id",)
    list_display = ("id", "of", "run_id", "at", "has", "maintained", "initially", "reason")
    search_fields = ("run_id__exact", "account__exact")
    search_help_text = "A run or an account, in full"
    fields = (
        *("run_id", "of", "at", "reason", "has", "maintained", "initially", "prices"),
        *("account_version", "seen", "parameter_set", "array_digest", "result_hash", "parts"),
    )
    readonly_fields = fields

    @admin.display(description="account")
    def of(self, row: models.Requirement) -> SafeString:
        return account_link(row.account)

    @admin.display(description="equity")
    def has(self, row: models.Requirement) -> str:
        return self.money(row.asset, row.equity)

    @admin.display(description="maintenance")
    def maintained(self, row: models.Requirement) -> str:
        return self.money(row.asset, row.maintenance)

    @admin.display(description="initial")
    def initially(self, row: models.Requirement) -> str:
        return self.money(row.asset, row.initial)

    @admin.display(description="price set")
    def prices(self, row: models.Requirement) -> SafeString | str:
        return event_link(row.price_sequence)

    @admin.display(description="account as of event")
    def seen(self, row: models.Requirement) -> SafeString | str:
        return event_link(row.account_sequence)

    @admin.display(description="components and vector")
    def parts(self, row: models.Requirement) -> SafeString:
        return format_html(
            '<pre class="desk-json">{}</pre>', json.dumps(json.loads(row.detail), indent=1)
        )


@admin.register(models.ParameterSet)
class ParameterSetDesk(EndlessDesk):
    ordering = ("-sequence",)
    list_display = ("event", "method", "reporting", "effective_at", "name")
    list_display_links = ("method",)
    fields = ("event", "method", "reporting", "effective_at", "name", "content")
    readonly_fields = fields

    @admin.display(description="in force since event")
    def event(self, row: models.ParameterSet) -> SafeString | str:
        return event_link(row.sequence)

    @admin.display(description="content")
    def content(self, row: models.ParameterSet) -> SafeString:
        body = models.ParameterBody.objects.values_list("body", flat=True).get(name=row.name)
        spelled = json.dumps(json.loads(body), indent=1)
        return format_html('<pre class="desk-json">{}</pre>', spelled)
