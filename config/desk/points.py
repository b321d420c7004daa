"""The form that asks a page for the book at a point of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.http import HttpRequest
from django.utils.http import urlencode

from clearing import selectors as record
from clearing.domain.errors import Refusal
from clearing.domain.points import NOW, Point

TIMES = ("effective_at", "known_at")


class PointNotRead(Refusal):
    code = "point-not-read"
    says = "This is no place in the log and no time."
    remedy = "Say a sequence, or a time such as 2026-01-01 01:00:00, in UTC."


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """What was asked and what it means; where it is refused the page shows the book as it is."""

    point: Point = NOW
    asked: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    sealed: int = 0

    @property
    def then(self) -> bool:
        return not self.point.now

    @property
    def query(self) -> str:
        """The same point on another page."""
        return urlencode(self.asked) if self.then else ""

    @property
    def said(self) -> str:
        sides = []
        if self.point.effective_at is not None:
            sides.append(
                f"what had taken effect by {self.point.effective_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        if self.point.sequence is not None:
            sides.append(f"the log up to event {self.point.sequence}")
        if self.point.known_at is not None:
            sides.append(f"what was known at {self.point.known_at:%Y-%m-%d %H:%M:%S.%f} UTC")
        return ", by ".join(sides)


def as_of(request: HttpRequest) -> AsOf:
    asked = {
        name: request.GET[name].strip()
        for name in ("as_of_seq", *TIMES)
        if request.GET.get(name, "").strip()
    }
    sealed = record.sealed_up_to()
    try:
        found = record.point(
            sequence=_whole(asked["as_of_seq"]) if "as_of_seq" in asked else None,
            **{name: moment(asked[name], field=name) for name in TIMES if name in asked},
        )
    except Refusal as refusal:
        return AsOf(asked=asked, error=str(refusal), sealed=sealed)
    return AsOf(point=found, asked=asked, sealed=sealed)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise PointNotRead(field="as_of_seq", got=text[:40])
    return int(text)


def moment(text: str, *, field: str) -> datetime:
    """In UTC unless it says otherwise. Raises PointNotRead."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise PointNotRead(field=field, got=text[:40]) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
