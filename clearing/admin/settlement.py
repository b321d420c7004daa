"""Settlement's desk: cycles, their lines, and funding rates."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString

from clearing import models
from clearing.desk import (
    EndlessDesk,
    Link,
    MoneyDesk,
    account_link,
    event_link,
    linked,
    trail_link,
)


def cycle_link(cycle_id: str) -> SafeString | str:
    return linked(cycle_id, reverse("desk-cycle", args=[cycle_id])) if cycle_id else "-"


@admin.register(models.Cycle)
class CycleDesk(EndlessDesk):
    ordering = ("-opened",)
    list_display = ("page", "kind", "state", "at", "accounts", "lines", "prices", "reason")
    list_display_links = ("kind",)
    list_filter = ("kind", "state")
    search_fields = ("cycle_id__exact",)
    fields = (
        *("page", "kind", "state", "reason", "slot", "at", "accounts", "lines", "prices"),
        *("price_set", "watermark", "difference_to", "first_event", "last_event", "trail"),
        *("totals", "content_hash"),
    )
    readonly_fields = fields

    def links(self, record: models.Cycle) -> list[Link]:
        lines = reverse("admin:clearing_cycleline_changelist")
        return [
            ("Its page", reverse("desk-cycle", args=[record.cycle_id])),
            ("Its lines", f"{lines}?cycle={record.cycle_id}"),
        ]

    @admin.display(description="cycle")
    def page(self, row: models.Cycle) -> SafeString | str:
        return cycle_link(row.cycle_id)

    @admin.display(description="price set")
    def prices(self, row: models.Cycle) -> SafeString | str:
        return event_link(row.price_sequence or None)

    @admin.display(description="difference to")
    def difference_to(self, row: models.Cycle) -> SafeString | str:
        return cycle_link(row.corrects)

    @admin.display(description="opened by event")
    def first_event(self, row: models.Cycle) -> SafeString | str:
        return event_link(row.opened)

    @admin.display(description="closed by event")
    def last_event(self, row: models.Cycle) -> SafeString | str:
        return event_link(row.closed)

    @admin.display(description="trail")
    def trail(self, row: models.Cycle) -> SafeString:
        return trail_link(row.correlation_id)


@admin.register(models.CycleLine)
class CycleLineDesk(MoneyDesk):
    ordering = ("-id",)
    list_display = ("event", "in_cycle", "of", "kind", "symbol", "count", "price", "how_much")
    list_filter = ("kind",)
    search_fields = ("cycle__exact", "account__exact")
    search_help_text = "A cycle or an account, in full"
    fields = (
        *("event", "in_cycle", "of", "kind", "symbol", "count", "price", "how_much"),
        *("valued_at", "cost_moves", "difference_to"),
    )
    readonly_fields = fields

    @admin.display(description="event")
    def event(self, row: models.CycleLine) -> SafeString | str:
        return event_link(row.sequence)

    @admin.display(description="cycle")
    def in_cycle(self, row: models.CycleLine) -> SafeString | str:
        return cycle_link(row.cycle)

    @admin.display(description="account")
    def of(self, row: models.CycleLine) -> SafeString:
        return account_link(row.account)

    @admin.display(description="received")
    def how_much(self, row: models.CycleLine) -> str:
        return self.money(row.asset, row.cash)

    @admin.display(description="value")
    def valued_at(self, row: models.CycleLine) -> str:
        return self.money(row.asset, row.value)

    @admin.display(description="carried at more by")
    def cost_moves(self, row: models.CycleLine) -> str:
        return self.money(row.asset, row.cost)

    @admin.display(description="difference to")
    def difference_to(self, row: models.CycleLine) -> SafeString | str:
        return cycle_link(row.corrects)


@admin.register(models.FundingFixing)
class FundingDesk(EndlessDesk):
    ordering = ("-sequence",)
    list_display = ("event", "symbol", "interval_end", "hours", "rate", "price", "source")
    list_display_links = ("symbol",)
    list_filter = ("symbol",)
    fields = ("event", "symbol", "interval_end", "hours", "rate", "price", "prices", "source")
    readonly_fields = fields

    @admin.display(description="fixed by event")
    def event(self, row: models.FundingFixing) -> SafeString | str:
        return event_link(row.sequence)

    @admin.display(description="price set")
    def prices(self, row: models.FundingFixing) -> SafeString | str:
        return event_link(row.price_sequence or None)
