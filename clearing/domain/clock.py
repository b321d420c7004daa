"""Business time: it moves by facts, never by itself, and never backwards."""

from __future__ import annotations

from datetime import UTC, datetime

from clearing.domain.errors import Refusal

LIVE = "live"  # the wall clock feeds it
STORY = "story"  # whoever tells the story feeds it: a replay, a test, the demo


class ClockBackwards(Refusal):
    code = "clock-backwards"
    says = "Business time does not go back."
    remedy = "Advance to a time that is not before the clock's."


class ClockIsLive(Refusal):
    code = "clock-is-live"
    says = "The wall clock feeds business time here."
    remedy = "Tell stories in a house of their own: a fresh database."


def advanced(*, now: datetime | None, to: datetime) -> datetime:
    """The time after the step. Raises ClockBackwards."""
    assert to.tzinfo is not None, "business time is aware"
    if now is not None and to < now:
        raise ClockBackwards(field="to", clock=now.isoformat(), got=to.isoformat())
    return to.astimezone(UTC)


def text(at: datetime) -> str:
    """One spelling for all facts: RFC 3339, UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parsed(spelled: str) -> datetime:
    return datetime.fromisoformat(spelled)
