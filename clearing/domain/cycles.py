"""Every legal move of a settlement cycle, and when one is due.

Theory of operation. A cycle is opened on one sealed price set and one book: every account at its own
version, all of one moment, so that the two sides of every trade are in it or neither is. Accounts are
then settled a stretch at a time while trading goes on; what a cycle pays is the difference that the
pinned book implies, and holds whatever was traded since. When the last account is settled the cycle
closes if it balances, and is held for people if it does not.

    none -> opened -> closed*
               |        ^
               +-> held +

Expiry, funding and corrections open and close in one decision.

There is no bank between a member and its account here: cash moves in the book at once, and what is
missing afterwards is margin's to call. So there is nothing to instruct, confirm or fail, and no
state pretends there is (clearing/decisions/0030).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from clearing.domain.errors import Refusal

DAY_MINUTES = 24 * 60


class State(StrEnum):
    NONE = "none"
    OPENED = "opened"
    HELD = "held"
    CLOSED = "closed"


class Trigger(StrEnum):
    OPEN = "open"
    HOLD = "hold"
    CLOSE = "close"


MOVES: dict[State, dict[Trigger, State]] = {
    State.NONE: {Trigger.OPEN: State.OPENED},
    State.OPENED: {Trigger.CLOSE: State.CLOSED, Trigger.HOLD: State.HELD},
    State.HELD: {Trigger.CLOSE: State.CLOSED, Trigger.HOLD: State.HELD},
    State.CLOSED: {},
}


class Kind(StrEnum):
    PERIODIC = "periodic"
    AD_HOC = "ad-hoc"
    EXPIRY = "expiry"
    FUNDING = "funding"
    CORRECTION = "correction"


class IllegalCycleMove(Refusal):
    code = "illegal-cycle-move"
    says = "The cycle is not in a state for that."


class CycleUnderWay(Refusal):
    code = "cycle-under-way"
    says = "Another cycle is not closed yet."
    remedy = "Wait until it closes; a held one waits for people."


class CycleNotBalanced(Refusal):
    code = "cycle-not-balanced"
    says = "What would be paid does not balance, so nothing is."
    remedy = "Look at the positions named: the record is not what it should be."


class ScheduleNotValid(Refusal):
    code = "settlement-schedule-not-valid"
    says = "This is not when a book can be settled."
    remedy = "Name times of day as 08:00,16:00 in UTC, or minutes that divide a day."


def move(state: State, trigger: Trigger) -> State:
    """Raises IllegalCycleMove."""
    try:
        return MOVES[state][trigger]
    except KeyError:
        raise IllegalCycleMove(field="cycle", state=state, trigger=trigger) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`since` is when it came into force: nothing is due for a slot before it."""

    times: tuple[time, ...] = ()
    interval_minutes: int = 0
    since: datetime | None = None


def times_of(text: str) -> tuple[time, ...]:
    """Raises ScheduleNotValid."""
    found = []
    for part in filter(None, text.split(",")):
        try:
            found.append(time.fromisoformat(part.strip()))
        except ValueError:
            raise ScheduleNotValid(field="times", got=part) from None
        if found[-1].tzinfo is not None:
            raise ScheduleNotValid(field="times", got=part)
    return tuple(sorted(set(found)))


def check_schedule(schedule: Schedule) -> None:
    """Raises ScheduleNotValid."""
    minutes = schedule.interval_minutes
    if minutes < 0 or (minutes and DAY_MINUTES % minutes):
        raise ScheduleNotValid(field="interval_minutes", got=minutes)


def slot_at(schedule: Schedule, at: datetime) -> datetime | None:
    """The latest slot that business time has reached; None where none has come since it was set."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    slots = [
        datetime.combine(day.date(), each, tzinfo=at.tzinfo)
        for day in (midnight - timedelta(days=1), midnight)
        for each in schedule.times
    ]
    if schedule.interval_minutes:
        step = timedelta(minutes=schedule.interval_minutes)
        slots.append(midnight + (at - midnight) // step * step)
    reached = [slot for slot in slots if slot <= at]
    latest = max(reached, default=None)
    if latest is None or (schedule.since is not None and latest < schedule.since):
        return None
    return latest
