"""What nobody answered in time: swept when business time advances."""

from __future__ import annotations

from clearing import selectors
from clearing.domain.cause import Cause
from clearing.services import give_ups, timekeeping, transfers


def sweep(*, cause: Cause) -> int:
    """Expire every give-up and transfer that is overdue, a decision each; how many there were.

    Running it again finds what is left; somebody who answered in the same second was first or was
    not.
    """
    at = timekeeping.now()
    overdue = selectors.overdue_handovers(at=at)
    for row in overdue:
        expire = give_ups.expire if row.kind == give_ups.KIND else transfers.expire
        expire(row.handover_id, at=at, cause=cause)
    return len(overdue)
