"""Sources of prices, what they said, and windows that closed without a set."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from clearing import models, selectors
from clearing.desk import ACT, EndlessDesk, Order, RecordDesk, event_link, trail_link
from clearing.domain.cause import Cause
from clearing.services import observing, timekeeping

MOST = 200


def _suspend(record: models.PriceSource, *, reason: str, cause: Cause) -> str:
    name = record.source
    done = observing.suspend_source(name, reason=reason, at=timekeeping.now(), cause=cause)
    return f"{name} {'is not heard until it is resumed' if done else 'was suspended already'}"


def _resume(record: models.PriceSource, *, reason: str, cause: Cause) -> str:
    name = record.source
    done = observing.resume_source(name, reason=reason, at=timekeeping.now(), cause=cause)
    return f"{name} {'is heard again' if done else 'was heard already'}"


@admin.register(models.PriceSource)
class PriceSourceDesk(RecordDesk):
    ordering = ("source",)
    list_display = ("source", "title", "kind", "weight", "quotes", "reporter", "standing", "reason")
    list_filter = ("standing", "kind")
    orders = (
        Order(
            name="suspend",
            title="Suspend",
            says="What it says is kept and not heard until it is resumed. Where a quorum needs it, no"
            " set is sealed, and nobody is margined on new prices.",
            permission=ACT,
            applies=lambda source: source.standing == "active",
            carry=_suspend,
        ),
        Order(
            name="resume",
            title="Resume",
            says="From the next window on it is heard again.",
            permission=ACT,
            applies=lambda source: source.standing == "suspended",
            carry=_resume,
        ),
    )


@admin.register(models.PriceRules)
class PriceRulesDesk(RecordDesk):
    list_display = ("id", "since")
    fields = ("since", "rules")
    readonly_fields = fields

    @admin.display(description="set by event")
    def since(self, row: models.PriceRules) -> SafeString | str:
        return event_link(row.sequence)

    @admin.display(description="rules")
    def rules(self, row: models.PriceRules) -> SafeString:
        return format_html('<pre class="desk-json">{}</pre>', json.dumps(row.policy, indent=2))


@admin.register(models.PriceDeferral)
class PriceDeferralDesk(EndlessDesk):
    ordering = ("-sequence",)
    list_display = ("sequence", "at", "reason", "observations", "rejected")
    fields = (*("event", "at", "reason", "observations"), "not_heard")
    readonly_fields = fields

    @admin.display(description="event")
    def event(self, row: models.PriceDeferral) -> SafeString | str:
        return event_link(row.sequence)

    @admin.display(description="not heard")
    def not_heard(self, row: models.PriceDeferral) -> SafeString | str:
        found = selectors.rejections(row.evidence)[:MOST]
        if not found:
            return "nothing was said"
        cells = ((it.subject, it.source or "as a whole", it.why, it.says) for it in found)
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", cells)
        head = "<tr><th>of</th><th>source</th><th>why</th><th>in numbers</th></tr>"
        return format_html(
            '<div class="desk-scroll"><table class="desk-table"><thead>{}</thead>{}</table></div>',
            SafeString(head),
            body,
        )


@admin.register(models.ObservationBatch)
class ObservationBatchDesk(EndlessDesk):
    ordering = ("-number",)
    list_display = ("number", "source", "last_at", "received_at", "count", "actor", "trail", "hash")
    list_filter = ("source",)
    search_fields = ("name__startswith",)
    search_help_text = "The first letters of a batch's hash"
    fields = (
        *("name", "source", "first_at", "last_at", "received_at", "count", "actor", "trail"),
        "said",
    )
    readonly_fields = fields

    @admin.display(description="whole trail")
    def trail(self, row: models.ObservationBatch) -> SafeString:
        return trail_link(row.correlation_id)

    @admin.display(description="hash")
    def hash(self, row: models.ObservationBatch) -> SafeString:
        return format_html('<code class="desk-code" title="{}">{}</code>', row.name, row.name[:12])

    @admin.display(description="as it came")
    def said(self, row: models.ObservationBatch) -> SafeString:
        return format_html('<pre class="desk-json">{}</pre>', row.body[:20_000])
