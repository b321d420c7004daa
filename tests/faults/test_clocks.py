"""The machine's clock jumps, back or ahead: facts keep their order, leases end, no decision minds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from clearing import jobs, models, selectors, store
from clearing.domain.clock import ClockBackwards
from clearing.services import collateral, sealing, timekeeping, verification
from tests.builders import CAUSE, START, a_house, after

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


@pytest.mark.parametrize("by", [timedelta(hours=-3), timedelta(days=400)])
def test_facts_keep_their_order_when_the_wall_clock_jumps(by: timedelta):
    a_house()
    first = deposit("k-1")
    with patch.object(store, "datetime", Jumping(by)):
        second = deposit("k-2")
    third = deposit("k-3")

    rows = models.Event.objects.in_bulk([first, second, third])
    recorded = [rows[it].recorded_at for it in (first, second, third)]
    assert first < second < third
    assert (recorded[1] < recorded[0]) is (by < timedelta(0)), "what the clock said is kept as said"
    assert [rows[it].effective_at for it in (first, second, third)] == [START] * 3
    sealing.seal()
    assert verification.verify() == []
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
