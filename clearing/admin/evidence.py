"""Sealed blocks and checkpoints: numbers, roots, heads, epochs, and the sealer's lag."""
# ruff: noqa: ARG002 - Django says what its hooks take

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clearing import models, selectors
from clearing.desk import EndlessDesk, event_link, linked
from clearing.domain.evidence import archive


def _code(digest: bytes | memoryview) -> SafeString:
    return format_html('<code class="desk-code">{}</code>', bytes(digest).hex() or "-")


def _lag() -> str:
    lag = selectors.seal_lag()
    waits = f"{lag.waiting:,} facts wait to be sealed" if lag.waiting else "every fact is sealed"
    oldest = f", the oldest for {lag.oldest_seconds} s" if lag.waiting else ""
    return f"Sealed blocks: {waits}{oldest}; a sealer looked {lag.heartbeat_seconds} s ago"


@admin.register(models.Block)
class BlockDesk(EndlessDesk):
    ordering = ("-number",)
    list_display = ("number", "first_event", "last_event", "count", "numbers", "sealed_at", "root_")
    search_fields = ("number__exact", "first__exact", "last__exact")
    search_help_text = "A block's number, or the sequence of its first or last fact"
    fields = (
        *("number", "first_event", "last_event", "count", "numbers", "dead_runs"),
        *("root_", "head_", "previous_", "columns_", "decoder", "keys_sealed"),
        *("epoch", "sealed_at", "format"),
    )
    readonly_fields = fields

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        extra = {**(kwargs.pop("extra_context", None) or {}), "title": _lag()}
        return super().changelist_view(request, *args, extra_context=extra, **kwargs)

    @admin.display(description="first")
    def first_event(self, row: models.Block) -> SafeString | str:
        return event_link(row.first)

    @admin.display(description="last")
    def last_event(self, row: models.Block) -> SafeString | str:
        return event_link(row.last)

    @admin.display(description="numbers of its facts")
    def numbers(self, row: models.Block) -> str:
        return f"{row.total - row.count + 1:,} to {row.total:,}" if row.total else "-"

    @admin.display(description="sequences without a fact")
    def dead_runs(self, row: models.Block) -> str:
        dead = {
            at for first, last in self._runs(row) for at in range(first, min(last, first + 9) + 1)
        }
        return archive.said(dead) if dead else "none"

    def _runs(self, row: models.Block) -> list[tuple[int, int]]:
        return list(zip(row.dead[::2], row.dead[1::2], strict=False))

    @admin.display(description="Merkle root")
    def root_(self, row: models.Block) -> SafeString:
        return _code(row.root)

    @admin.display(description="head")
    def head_(self, row: models.Block) -> SafeString:
        return _code(row.head)

    @admin.display(description="head of the block before")
    def previous_(self, row: models.Block) -> SafeString:
        return _code(row.previous)

    @admin.display(description="digest of its columns")
    def columns_(self, row: models.Block) -> SafeString:
        return _code(row.columns)

    @admin.display(description="idempotency keys sealed with it")
    def keys_sealed(self, row: models.Block) -> int:
        return len(row.keys) // 32


@admin.register(models.Checkpoint)
class CheckpointDesk(EndlessDesk):
    ordering = ("-block",)
    list_display = ("block", "issued_at", "key")
    fields = ("sealed_block", "issued_at", "key", "signed_note", "how")
    readonly_fields = fields

    @admin.display(description="up to block")
    def sealed_block(self, row: models.Checkpoint) -> SafeString:
        return linked(row.block, reverse("admin:clearing_block_change", args=[row.block]))

    @admin.display(description="signed note")
    def signed_note(self, row: models.Checkpoint) -> SafeString:
        return format_html('<pre class="desk-json" data-field="note">{}</pre>', row.note)

    @admin.display(description="how to use it")
    def how(self, row: models.Checkpoint) -> str:
        return (
            "Keep the note outside the house. manage.py verify --against FILE holds the log against it;"
            " python -m clearing.domain.evidence checks it without the house."
        )
