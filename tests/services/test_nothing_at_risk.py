"""A schedule that takes everything away from under an account: who owes nothing is left alone, and
a case that cannot help comes to its end."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from clearing import selectors as record
from clearing.domain.policy import Policy
from clearing.services import collateral, reference, schedule, timekeeping
from liquidation import selectors as liquidation
from liquidation.services import cases
from margin import selectors as margin
from tests.builders import CAUSE, a_house, after, run_due_jobs
from tests.services.breached import NORTH, RING, lots, names, plans, seal, the_case, trade

pytestmark = pytest.mark.django_db
MOST = 400  # jobs; a case that is looked after needs some dozens


def a_house_that_takes_bitcoin(usdc: str = "0") -> None:
    """NORTH-1 has two bitcoin, which the schedule takes as they are."""
    a_house(NORTH=usdc)
    policy = Policy(
        price_max_age_seconds=10 * 86_400,
        margin_period_seconds=30 * 86_400,
        penalty_rate=Decimal("0.005"),
    )
    reference.set_policy(policy, at=timekeeping.now(), cause=CAUSE)
    announce(USDC={"admitted": True}, BTC={"admitted": True})
    collateral.deposit(NORTH, key="b", asset="BTC", amount="2", at=after(), cause=CAUSE)
    seal("90000", at=after(hours=1))
    run_due_jobs()


def announce(**assets: dict[str, Any]) -> None:
    said = {"reporting": "USDC", "assets": assets}
    schedule.set_schedule(said, at=timekeeping.now(), cause=CAUSE)


def exclude_bitcoin() -> None:
    """Announced, come into force, and everybody margined under it."""
    announce(BTC={"admitted": False})
    seal("90000", at=timekeeping.now() + timedelta(days=1, hours=1))
    jobs_until_quiet()


def jobs_until_quiet() -> int:
    return run_due_jobs(limit=MOST)


def test_who_has_nothing_at_risk_is_not_called_when_what_it_has_stops_counting():
    a_house_that_takes_bitcoin()

    exclude_bitcoin()

    found = margin.latest_requirement(NORTH)
    assert (found.equity, found.maintenance, found.initial) == (180_000_000_000, 0, 0)
    assert [list(margin.calls()), list(liquidation.cases())] == [[], []]
    (line,) = margin.collateral_cuts(found)
    assert (line["eligible"], line["maintenance"], line["initial"]) == (0, 0, 0)


def test_who_has_nothing_at_risk_may_take_out_what_does_not_count():
    a_house_that_takes_bitcoin()
    announce(BTC={"admitted": False, "stress_move": "0.5"})
    seal("90000", at=timekeeping.now() + timedelta(days=1, hours=1))
    run_due_jobs()

    collateral.request_withdrawal(
        NORTH, key="w", asset="BTC", amount="1.5", at=timekeeping.now(), cause=CAUSE
    )
    run_due_jobs()

    (found,) = record.withdrawals(NORTH)
    assert (found.status, found.reason) == ("settled", "")


def test_one_position_makes_it_answer_for_what_does_not_count():
    a_house_that_takes_bitcoin("1000000")
    trade("t-1", quantity="0.1")
    run_due_jobs()

    exclude_bitcoin()

    found = margin.latest_requirement(NORTH)
    assert found.maintenance > 180_000_000_000
    assert not list(margin.calls())


def test_a_case_of_an_account_whose_collateral_was_excluded_comes_to_its_end():
    """It is closed out, once: the positions go, and with them whatever had to be covered."""
    a_house_that_takes_bitcoin("3000")
    trade("t-1", quantity="1")
    run_due_jobs()

    exclude_bitcoin()
    timekeeping.advance(timekeeping.now() + timedelta(hours=2), cause=CAUSE)
    jobs = jobs_until_quiet()

    assert lots(NORTH) == 0
    assert jobs < MOST
    assert the_case().state == "closed", the_case().reason
    assert len(plans()) <= 3
    assert margin.latest_requirement(NORTH).maintenance == 0


def test_a_case_that_leaves_a_debt_against_what_does_not_count_goes_to_people():
    """Without a dollar to pay the penalty from, closing leaves a debt, and bitcoin does not count."""
    a_house_that_takes_bitcoin()
    trade("t-1", quantity="1")
    run_due_jobs()

    exclude_bitcoin()
    timekeeping.advance(timekeeping.now() + timedelta(hours=2), cause=CAUSE)
    jobs = jobs_until_quiet()

    assert jobs < MOST
    assert the_case().state == "stuck"
    assert lots(NORTH) + lots(RING) == 1_000


def test_a_case_that_is_not_restored_in_many_steps_goes_to_people_and_can_be_resumed(monkeypatch):
    monkeypatch.setattr(cases, "MOST_STEPS", 0)
    a_house_that_takes_bitcoin()
    trade("t-1", quantity="1")
    exclude_bitcoin()
    timekeeping.advance(timekeeping.now() + timedelta(hours=2), cause=CAUSE)
    run_due_jobs(limit=MOST)

    assert (the_case().state, plans()) == ("stuck", [])
    monkeypatch.undo()
    cases.resume(NORTH, reason="seen", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs(limit=MOST)
    assert "plan-made" in names()
