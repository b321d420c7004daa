"""A handover between two members: asked for by one, taken by the other, or not, by a deadline.

Give-ups of a trade's leg and transfers of a position are both. Deadlines are data: they are compared
with business time when somebody answers, and swept when it advances.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from clearing.domain import clock
from clearing.domain.errors import Refusal

WINDOW = timedelta(minutes=30)  # to claim, unless the request says otherwise: the 30/30/30 standard
LONGEST = timedelta(days=1)
ALLOCATION_WINDOW = timedelta(days=1)  # in which an allocation may be taken back


class State(StrEnum):
    REQUESTED = "requested"
    CLAIMED = "claimed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class HandoverEnded(Refusal):
    code = "handover-ended"
    says = "It does not wait for an answer any more."


class DeadlineNotValid(Refusal):
    code = "handover-deadline-not-valid"
    says = "The deadline must lie ahead, within the limit."


class DeadlinePassed(Refusal):
    code = "deadline-passed"
    says = "The time for this is over."


def deadline(*, at: datetime, asked: datetime | None) -> datetime:
    """Raises DeadlineNotValid."""
    if asked is None:
        return at + WINDOW
    if not at < asked <= at + LONGEST:
        raise DeadlineNotValid(field="claim_by", got=clock.text(asked), limit=LONGEST)
    return asked


def check_waiting(state: str, *, deadline_at: datetime, at: datetime) -> None:
    """Raises HandoverEnded, DeadlinePassed: also before a sweep has said so."""
    if State(state) is not State.REQUESTED:
        raise HandoverEnded(field="handover_id", state=state)
    if at >= deadline_at:
        raise DeadlinePassed(field="handover_id", deadline=clock.text(deadline_at))
