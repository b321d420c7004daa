"""Trades and what became of them: where each leg went, who asked whom for what, and how fast."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from clearing import models, selectors
from clearing.admin.chains import Leg, Step, picture
from clearing.desk import (
    ACT,
    EndlessDesk,
    MoneyDesk,
    Order,
    account_link,
    event_link,
    linked,
    trail_link,
)
from clearing.domain import instrument as contract
from clearing.domain.cause import Cause
from clearing.domain.parts import BOUGHT, SOLD
from clearing.services import busts, timekeeping


def _bust(record: models.Trade, *, reason: str, cause: Cause) -> str:
    sequence = busts.bust(
        record.venue,
        record.trade_id,
        key=f"bust:{record.name}",
        reason=reason,
        at=timekeeping.now(),
        cause=cause,
    )
    return f"{record.name} is busted (event {sequence})"


@admin.register(models.Trade)
class TradeDesk(MoneyDesk):
    ordering = ("-sequence",)
    list_display = ("name", "symbol", "quantity", "price", "worth", "status", "executed_at")
    list_filter = ("status", "venue")
    search_fields = ("name__exact", "trade_id__exact", "symbol__exact")
    search_help_text = "A trade's id or a symbol, in full"
    fields = (
        *("name", "symbol", "quantity", "price", "worth", "executed_at"),
        *("status", "reason", "other", "chain", "parts", "history"),
    )
    readonly_fields = fields
    orders = (
        Order(
            name="bust",
            title="Bust",
            says="Both legs are undone wherever their lots are now, at what each account had them"
            " for, whatever was settled meanwhile. Nobody's standing and no margin stops it.",
            permission=ACT,
            applies=lambda trade: trade.status == "active",
            carry=_bust,
        ),
    )

    @admin.display(description="quantity")
    def quantity(self, row: models.Trade) -> str:
        return plain(selectors.instrument(row.symbol).lot_size * row.lots)

    @admin.display(description="price")
    def price(self, row: models.Trade) -> str:
        return plain(contract.price_of(selectors.instrument(row.symbol), row.price_ticks))

    @admin.display(description="value of the bought leg")
    def worth(self, row: models.Trade) -> str:
        return self.money(row.settlement, row.value)

    @admin.display(description="corrects, or is corrected by")
    def other(self, row: models.Trade) -> SafeString | str:
        other = row.replaced_by or row.replaces
        if not other:
            return "-"
        name = f"{row.venue}:{other}"
        return linked(name, f"../../{name}/change/")

    @admin.display(description="where each leg went")
    def chain(self, row: models.Trade) -> SafeString:
        lot = selectors.instrument(row.symbol).lot_size
        parts = selectors.trade_parts([row.name])[row.name]
        moves = selectors.leg_moves(row.name)
        legs = [
            Leg(
                title=f"{side} by {first}",
                first=first,
                steps=[
                    Step(
                        giver=move.counterpart,
                        taker=move.account,
                        says=f"{plain(lot * abs(move.lots))} {move.why}",
                    )
                    for move in moves
                    if move.side == side
                ],
                now={
                    part.account_id: f"{plain(lot * abs(part.lots))} now"
                    for part in parts
                    if part.side == side
                },
            )
            for side, first in ((BOUGHT, row.buyer), (SOLD, row.seller))
        ]
        return mark_safe(picture(legs))  # noqa: S308 - escaped where it is drawn

    @admin.display(description="who has what of it now")
    def parts(self, row: models.Trade) -> SafeString:
        lot = selectors.instrument(row.symbol).lot_size
        cells = (
            (
                part.side,
                account_link(part.account_id),
                plain(lot * part.lots),
                self.money(row.settlement, part.value),
            )
            for part in selectors.trade_parts([row.name])[row.name]
        )
        return _table(("leg", "account", "quantity", "for"), cells)

    @admin.display(description="everything that happened to it")
    def history(self, row: models.Trade) -> SafeString:
        cells = (
            (
                event_link(it.sequence),
                f"{it.effective_at:%Y-%m-%d %H:%M:%S}",
                it.fact.NAME,
                getattr(it.fact, "account_id", "-"),
                it.cause.actor,
                trail_link(it.cause.correlation_id),
            )
            for it in selectors.trade_history(row)
        )
        return _table(("event", "at", "fact", "account", "by", "trail"), cells)


@admin.register(models.Handover)
class HandoverDesk(EndlessDesk):
    ordering = ("-sequence",)
    list_display = (
        *("handover_id", "kind", "symbol", "quantity", "from_account", "to_member", "status"),
        *("to_give_up", "to_answer", "deadline_at"),
    )
    list_filter = ("kind", "status")
    search_fields = ("handover_id__exact", "from_account__exact", "to_member__exact")
    fields = (
        *("handover_id", "kind", "trade_page", "side", "symbol", "quantity"),
        *("from_account", "from_member", "to_member", "to_account", "status", "reason"),
        *("executed_at", "requested_at", "to_give_up", "deadline_at", "ended_at", "to_answer"),
        *("first_event", "last_event"),
    )
    readonly_fields = fields

    @admin.display(description="quantity")
    def quantity(self, row: models.Handover) -> str:
        return plain(selectors.instrument(row.symbol).lot_size * row.lots)

    @admin.display(description="trade")
    def trade_page(self, row: models.Handover) -> SafeString | str:
        if not row.trade:
            return "-"
        return linked(row.trade, f"/admin/clearing/trade/{row.trade}/change/")

    @admin.display(description="trade to give-up")
    def to_give_up(self, row: models.Handover) -> str:
        return _minutes(row.executed_at, row.requested_at)

    @admin.display(description="request to answer")
    def to_answer(self, row: models.Handover) -> str:
        return _minutes(row.requested_at, row.ended_at)

    @admin.display(description="asked for by event")
    def first_event(self, row: models.Handover) -> SafeString | str:
        return event_link(row.sequence)

    @admin.display(description="last event")
    def last_event(self, row: models.Handover) -> SafeString | str:
        return event_link(row.latest)


@admin.register(models.Allocation)
class AllocationDesk(EndlessDesk):
    ordering = ("-sequence",)
    list_display = ("allocation_id", "trade", "account", "shares", "status", "deadline_at")
    list_filter = ("status",)
    search_fields = ("allocation_id__exact", "trade__exact", "account__exact")
    fields = (
        *("allocation_id", "trade", "side", "account", "who_got_what", "status"),
        *("made_at", "deadline_at", "event"),
    )
    readonly_fields = fields

    @admin.display(description="who got what")
    def who_got_what(self, row: models.Allocation) -> SafeString:
        moves = selectors.moves_of(row.allocation_id)
        lot = selectors.instrument(_trade_of(row.trade).symbol).lot_size
        cells = ((account_link(it.account), plain(lot * abs(it.lots)), it.why) for it in moves)
        return _table(("account", "quantity", "why"), cells)

    @admin.display(description="made by event")
    def event(self, row: models.Allocation) -> SafeString | str:
        return event_link(row.sequence)


@admin.register(models.PriceGroup)
class PriceGroupDesk(MoneyDesk):
    ordering = ("-sequence",)
    list_display = ("group_id", "account", "symbol", "side", "trades", "worth", "average")
    search_fields = ("group_id__exact", "account__exact")
    fields = (
        *("group_id", "account", "symbol", "side", "trades", "shares", "worth", "average"),
        *("made_at", "event"),
    )
    readonly_fields = fields

    @admin.display(description="value")
    def worth(self, row: models.PriceGroup) -> str:
        return self.money(row.settlement, row.value)

    @admin.display(description="average, minor units for a lot")
    def average(self, row: models.PriceGroup) -> str:
        return str(Fraction(row.value, row.lots))

    @admin.display(description="made by event")
    def event(self, row: models.PriceGroup) -> SafeString | str:
        return event_link(row.sequence)


def _trade_of(name: str) -> models.Trade:
    venue, _, trade_id = name.partition(":")
    return selectors.trade(venue, trade_id)


def plain(number: Decimal) -> str:
    """Without an exponent."""
    return format(number, "f")


def _minutes(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return "-"
    minutes, seconds = divmod(int((end - start).total_seconds()), 60)
    return f"{minutes} min {seconds:02} s"


def _table(heads: tuple[str, ...], rows: Any) -> SafeString:
    head = format_html_join("", "<th>{}</th>", ((it,) for it in heads))
    cells = "<tr>" + "<td>{}</td>" * len(heads) + "</tr>"
    return format_html(
        '<div class="desk-scroll"><table class="desk-table"><thead><tr>{}</tr></thead>{}</table></div>',
        head,
        format_html_join("", cells, rows),
    )
