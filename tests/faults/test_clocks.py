"""The machine's clock jumps, back or ahead: facts keep their order, leases end, no decision minds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from clearing import jobs, models, selectors
from clearing.domain.clock import ClockBackwards
from clearing.services import collateral, timekeeping
from tests.builders import CAUSE, a_house, after
from tests.tampering import as_owner

pytestmark = pytest.mark.django_db


class Jumping:
    """The wall clock of a module, moved by so much."""

    def __init__(self, by: timedelta) -> None:
        self.by = by

    def now(self, _zone: object = None) -> datetime:
        return datetime.now(UTC) + self.by


def deposit(key: str) -> int:
    return collateral.deposit(
        "SOUTH-1", key=key, asset="USDC", amount="1", at=timekeeping.now(), cause=CAUSE
    )


def test_live_business_time_waits_for_a_wall_clock_that_was_put_back():
    """Decisions go on at the time that was reached; nothing fails, and nothing goes back."""
    reached = timekeeping.tick(cause=CAUSE)
    assert reached is not None
    before = timekeeping.now()

    with patch.object(timekeeping, "datetime", Jumping(timedelta(hours=-3))):
        assert timekeeping.tick(cause=CAUSE) is None
        assert timekeeping.now() == before

    with patch.object(timekeeping, "datetime", Jumping(timedelta(hours=3))):
        assert timekeeping.tick(cause=CAUSE) is not None
    assert timekeeping.now() > before


def test_facts_are_ordered_by_sequence_whatever_their_wall_clocks_say():
    """The server's clock stamps them; put back, it stamps a later fact with an earlier time."""
    a_house()
    first, second = deposit("k-1"), deposit("k-2")
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_event SET recorded_at = recorded_at - interval '3 hours'"
            " WHERE sequence = %s",
            [second],
        )

    rows = models.Event.objects.in_bulk([first, second])
    assert rows[second].recorded_at < rows[first].recorded_at
    assert [it.sequence for it in selectors.stream("account-SOUTH-1")][-2:] == [first, second]
    assert selectors.account_book("SOUTH-1", sequence=first).held == {
        "cash:USDC": 1_000_001_000_000
    }
    assert selectors.account_book("SOUTH-1", sequence=second).held == {
        "cash:USDC": 1_000_002_000_000
    }


def test_business_time_does_not_follow_the_wall_back():
    a_house()
    timekeeping.advance(after(hours=5), cause=CAUSE)

    with pytest.raises(ClockBackwards):
        timekeeping.advance(after(hours=4), cause=CAUSE)

    assert timekeeping.now() == after(hours=5)


def test_a_lease_taken_before_the_clock_went_back_still_ends():
    """Its end then lies further off than a lease is long, by as much as the clock jumped; no more."""
    job_id = jobs.leave("test.step", key="1", address={})
    assert job_id is not None
    with patch.object(jobs, "timezone", Jumping(timedelta(minutes=10))):
        assert jobs.lease(job_id, kind="test.step", worker="before") is not None

    assert jobs.lease(job_id, kind="test.step", worker="too early") is None
    with patch.object(jobs, "timezone", Jumping(timedelta(minutes=10) + 2 * jobs.LEASE)):
        taken = jobs.lease(job_id, kind="test.step", worker="after")

    assert taken is not None
    assert taken.attempts == 2
