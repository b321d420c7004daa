"""Business time: who moves it, and by which fact."""

from __future__ import annotations

from datetime import UTC, datetime

from clearing import models, selectors, store
from clearing.domain import clock
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.events import ClockAdvanced


class ClockNotStarted(Refusal):
    code = "clock-not-started"
    says = "Business time has not started."
    remedy = "Start the clock process, or advance a story's clock."


def now() -> datetime:
    """Business time. In live use it is as fresh as the last tick; no decision reads the wall.

    Raises ClockNotStarted.
    """
    return reading().now


def reading() -> models.Clock:
    """Business time, who feeds it, and the fact that set it. Raises ClockNotStarted."""
    row = selectors.business_clock()
    if row is None:
        raise ClockNotStarted
    return row


@store.decision
def advance(to: datetime, *, mode: str = clock.STORY, cause: Cause) -> int | None:
    """One step; None when the clock is there already. Raises ClockBackwards, ClockIsLive."""
    stream = store.claim("clock")
    return _step(stream, to=to, mode=mode, cause=cause)


def tick(*, cause: Cause) -> int | None:
    """The wall clock feeds business time, unless a story does; where it was put back, business time
    waits for it."""
    row, wall = selectors.business_clock(), datetime.now(UTC)
    if row is not None and (row.mode != clock.LIVE or wall < row.now):
        return None
    return advance(wall, mode=clock.LIVE, cause=cause)


@store.decision
def reach(to: datetime, *, cause: Cause) -> int | None:
    """A story's clock is carried along by what happens in it; a live one is not."""
    row = selectors.business_clock()
    if row is not None and (row.mode == clock.LIVE or row.now >= to):
        return None
    return advance(to, cause=cause)


def _step(stream: store.Stream, *, to: datetime, mode: str, cause: Cause) -> int | None:
    row = selectors.business_clock()
    if row is not None and row.mode != mode:
        raise clock.ClockIsLive(mode=row.mode)
    current = row.now if row is not None else None
    reached = clock.advanced(now=current, to=to)
    if reached == current:
        return None
    fact = ClockAdvanced(mode=mode, to=clock.text(reached))
    return store.append(stream, fact, at=reached, cause=cause)
