"""Events, jobs and what the record holds: look, do not touch; a dead job may be tried again."""
# ruff: noqa: ARG002 - Django says what its hooks take

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from clearing import codec, models, selectors
from clearing.desk import EndlessDesk, MoneyDesk, account_link, event_link, trail_link
from clearing.services import jobs


class FactFilter(admin.SimpleListFilter):
    """By name, from the catalogue: asking the log for its names would read all of it."""

    title = "fact"
    parameter_name = "fact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(codec.catalogue())]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[models.Event]
    ) -> QuerySet[models.Event]:
        return queryset.filter(name=self.value()) if self.value() else queryset


@admin.register(models.Event)
class EventDesk(EndlessDesk):
    ordering = ("-sequence",)
    list_display = ("sequence", "name", "stream", "version", "effective_at", "actor", "trail")
    list_filter = (FactFilter,)
    search_fields = ("sequence__exact", "stream__exact", "correlation_id__exact")
    search_help_text = "A sequence, a stream or a correlation id, in full"
    fields = (
        "sequence",
        "name",
        *("effective_at", "recorded_at", "actor", "because_of", "trail"),
        *("content", "entries", "stream", "version", "digest"),
    )
    readonly_fields = fields

    @admin.display(description="whole trail")
    def trail(self, event: models.Event) -> SafeString:
        return trail_link(event.correlation_id)

    @admin.display(description="because of event")
    def because_of(self, event: models.Event) -> SafeString | str:
        return event_link(event.cause)

    @admin.display(description="content")
    def content(self, event: models.Event) -> SafeString:
        spelled = json.dumps(json.loads(event.payload), indent=2, ensure_ascii=False)
        return format_html('<pre class="desk-json" data-field="payload">{}</pre>', spelled)

    @admin.display(description="entries")
    def entries(self, event: models.Event) -> SafeString | str:
        rows = models.Entry.objects.filter(sequence=event.sequence).order_by("id")
        if not rows:
            return "moves nothing"
        cells = ((row.account, row.asset, row.amount) for row in rows)
        body = format_html_join("", '<tr><td>{}</td><td>{}</td><td class="num">{}</td></tr>', cells)
        head = "<tr><th>account</th><th>asset</th><th>minor units</th></tr>"
        return format_html(
            '<div class="desk-scroll"><table class="desk-table"><thead>{}</thead>{}</table></div>',
            SafeString(head),
            body,
        )

    @admin.display(description="hash")
    def digest(self, event: models.Event) -> SafeString:
        return format_html('<code class="desk-code">{}</code>', bytes(event.hash).hex())


@admin.register(models.Job)
class JobDesk(EndlessDesk):
    ordering = ("-id",)
    list_display = ("id", "kind", "key", "state", "attempts", "left_at", "finished_at", "error")
    list_filter = ("state",)
    search_fields = ("id__exact", "key__exact")
    search_help_text = "A job's number or its key, in full"
    actions = ("try_again",)

    @admin.action(description="Try again: dead jobs get their attempts back", permissions=["run"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[models.Job]) -> None:
        tried = [job.id for job in chosen.order_by("id") if jobs.revive(job.id)]
        left = chosen.count() - len(tried)
        if tried:
            self.message_user(request, f"{len(tried)} due again", messages.SUCCESS)
        if left:
            self.message_user(request, f"{left} left as they are: not dead", messages.WARNING)


@admin.register(models.PriceSet)
class PriceSetDesk(EndlessDesk):
    ordering = ("-sequence",)
    list_display = (
        *("sequence", "at", "source", "quotes", "simulated", "settled"),
        *("corrects", "sealed_as"),
    )
    fields = (
        *("event", "at", "source", "quotes", "simulated", "settled"),
        *("corrects", "reason", "sealed_as", "indices"),
    )
    readonly_fields = fields

    def links(self, record: models.PriceSet) -> list[tuple[str, str]]:
        page = reverse("desk-prices", args=[record.sequence])
        return [("Smiles, corrections and what was not heard", page)]

    @admin.display(description="sealed by event")
    def event(self, row: models.PriceSet) -> SafeString | str:
        return event_link(row.sequence)

    @admin.display(description="content hash")
    def sealed_as(self, row: models.PriceSet) -> SafeString:
        return format_html('<code class="desk-code" title="{}">{}</code>', row.name, row.name[:12])

    @admin.display(description="indices")
    def indices(self, row: models.PriceSet) -> SafeString:
        found = selectors.prices_at(row.sequence).prices.indices
        return format_html(
            '<pre class="desk-json">{}</pre>', json.dumps(dict(found), indent=2, sort_keys=True)
        )


@admin.register(models.Withdrawal)
class WithdrawalDesk(MoneyDesk):
    ordering = ("-sequence",)
    list_display = ("withdrawal_id", "of", "how_much", "status", "requested_at", "reason")
    list_filter = ("status",)
    search_fields = ("withdrawal_id__exact", "account__exact")
    fields = (*("withdrawal_id", "of", "how_much", "status"), *("reason", "requested_at", "event"))
    readonly_fields = fields

    @admin.display(description="account")
    def of(self, row: models.Withdrawal) -> SafeString:
        return account_link(row.account)

    @admin.display(description="amount")
    def how_much(self, row: models.Withdrawal) -> str:
        return self.money(row.asset, row.amount)

    @admin.display(description="asked for by event")
    def event(self, row: models.Withdrawal) -> SafeString | str:
        return event_link(row.sequence)
