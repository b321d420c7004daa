"""Long lists, a page at a time. A cursor is a place in the log, or a name, so pages stay right
while facts are being written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from clearing.api.fields import Name
from clearing.domain.amounts import LARGEST

T = TypeVar("T")
Row = TypeVar("Row", bound=Model)
MOST = 500


class Page(serializers.Serializer[Any]):
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST, default=100, help_text="How many at most."
    )


class SequencePage(Page):
    cursor = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST,
        required=False,
        help_text="`next_cursor` of the page before; newest first without it.",
    )


class NamePage(Page):
    cursor = Name(
        max_length=60,
        default="",
        help_text="`next_cursor` of the page before; from the start without.",
    )


def paged(shape: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """How one page of a shape is documented."""
    return inline_serializer(
        name=f"{shape.__name__}Page",
        fields={
            "items": shape(many=True),
            "has_more": serializers.BooleanField(),
            "next_cursor": serializers.CharField(
                allow_null=True, help_text="Ask for the next page with it; null on the last."
            ),
        },
    )


def newest_first(
    rows: QuerySet[Row],
    *,
    limit: int,
    cursor: int | None = None,
    by: str = "sequence",
    show: Callable[[Row], Any],
) -> dict[str, Any]:
    """A page of rows that come in falling order of `by`."""
    if cursor is not None:
        rows = rows.filter(**{f"{by}__lt": cursor})
    return page(rows[: limit + 1], limit=limit, place=lambda row: str(getattr(row, by)), show=show)


def page(
    found: Iterable[T], *, limit: int, place: Callable[[T], str], show: Callable[[T], Any]
) -> dict[str, Any]:
    """Of up to `limit` + 1 things, the page; the one too many only says that there is more."""
    rows = list(found)
    shown, more = rows[:limit], len(rows) > limit
    return {
        "items": [show(row) for row in shown],
        "has_more": more,
        "next_cursor": place(shown[-1]) if more else None,
    }
