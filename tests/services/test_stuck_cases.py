"""Liquidation cases that cannot go on: people are called, and no market is traded against its rules."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.services import register
from clearing import selectors as record
from clearing.domain.prices import Quote
from clearing.services import reference, timekeeping
from liquidation.domain.states import IllegalMove
from liquidation.services import cases
from margin import selectors as margin
from tests.builders import CALL, CAUSE, EXPIRY, FUTURE, PERPETUAL, run_due_jobs
from tests.services.breached import (
    NORTH,
    RING,
    a_breached_account,
    an_account,
    insurance,
    lots,
    open_case,
    pay,
    plans,
    seal,
    the_case,
    trade,
    up_to_liquidation,
    walk,
)

pytestmark = pytest.mark.django_db


# --- stuck ------------------------------------------------------------------------------------


def test_without_a_backstop_people_are_called_and_can_resume():
    a_breached_account()
    register.suspend(RING, reason="full", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()
    stuck = the_case()

    register.reinstate(RING, reason="room again", at=timekeeping.now(), cause=CAUSE)
    waited = cases.walk(NORTH, cause=CAUSE)
    cases.resume(NORTH, reason="there is room", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()

    assert (stuck.state, "no open backstop account" in stuck.reason) == ("stuck", True)
    assert waited is None
    assert (the_case().state, record.account_row(NORTH).standing) == ("closed", "open")


def test_only_a_stuck_case_can_be_resumed():
    a_breached_account()
    open_case()

    with pytest.raises(IllegalMove):
        cases.resume(NORTH, reason="why not", at=timekeeping.now(), cause=CAUSE)


def test_a_gap_to_negative_equity_ends_with_nothing_held_no_fee_and_people():
    a_breached_account("66000")

    run_due_jobs()

    assert (lots(NORTH), lots(RING), insurance()) == (0, 1_000, 0)
    case = the_case()
    assert (case.state, "no positions left" in case.reason) == ("stuck", True)
    assert margin.latest_requirement(NORTH).equity == -4_000_000_000
    assert record.account_row(NORTH).standing == "suspended"


def test_a_member_that_pays_its_debt_is_restored_when_people_resume():
    a_breached_account("66000")
    run_due_jobs()

    pay("4000")
    run_due_jobs()
    cases.resume(NORTH, reason="it was paid", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()

    assert the_case().state == "closed"


def test_a_fee_pushes_nobody_below_zero():
    an_account(funds="11")
    mark = {
        CALL: Quote("0.01966824", "0.5")
    }  # buying back at the nearest tick costs 2.86 USDC more
    trade("t-1", symbol=CALL, quantity="1", price="0.0196", buyer="SOUTH-1", seller=NORTH)
    seal("90000", **mark)
    up_to_liquidation()
    solvent = margin.latest_requirement(NORTH).equity

    run_due_jobs()

    (plan,) = plans()
    assert 0 < solvent < 6_000_000
    assert 0 < plan.penalty < solvent
    assert (margin.latest_requirement(NORTH).equity, plan.equity_after) == (0, 0)
    assert insurance() == plan.penalty


# --- markets that do not move -----------------------------------------------------------------


@pytest.mark.parametrize("planned", [False, True])
def test_a_halted_instrument_leaves_the_case_to_people(planned: bool):
    a_breached_account()
    open_case()
    walk(2 if planned else 1)

    reference.halt(PERPETUAL, reason="an auction", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()
    stuck = the_case()
    reference.resume(PERPETUAL, reason="it is over", at=timekeeping.now(), cause=CAUSE)
    cases.resume(NORTH, reason="it trades again", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()

    assert (stuck.state, f"symbols {PERPETUAL}" in stuck.reason) == ("stuck", True)
    assert the_case().state == "closed"


def test_an_expiry_that_is_not_settled_yet_is_waited_for():
    an_account()
    trade("t-1", symbol=FUTURE)
    seal("79000", at=EXPIRY - timedelta(minutes=5))
    up_to_liquidation()
    open_case()
    timekeeping.advance(EXPIRY, cause=CAUSE)
    run_due_jobs()
    waiting = the_case().state

    seal("79000", at=EXPIRY + timedelta(minutes=1))
    run_due_jobs()

    assert waiting == "frozen"
    assert (the_case().state, lots(NORTH, FUTURE), lots(RING, FUTURE)) == ("closed", 0, 0)
    assert insurance() == 0


def test_nobody_is_closed_at_prices_that_have_grown_stale():
    a_breached_account()
    open_case()
    timekeeping.advance(timekeeping.now() + timedelta(days=2), cause=CAUSE)

    run_due_jobs()
    stuck = the_case()
    seal("79000", at=timekeeping.now() + timedelta(minutes=1))
    cases.resume(NORTH, reason="prices again", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()

    assert (stuck.state, "no progress" in stuck.reason) == ("stuck", True)
    assert the_case().state == "closed"
