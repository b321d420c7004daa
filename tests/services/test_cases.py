"""Liquidation cases on a real record: walked to the end, interrupted, and raced for."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from clearing import selectors as record
from liquidation import selectors as liquidation
from liquidation.services import cases
from margin import selectors as margin
from tests.builders import CAUSE, FUTURE, INVERSE, PERPETUAL, run_due_jobs
from tests.services.breached import (
    NORTH,
    RING,
    a_breached_account,
    a_planned_case,
    an_account,
    insurance,
    lots,
    names,
    open_case,
    pay,
    plans,
    seal,
    the_case,
    trade,
    up_to_liquidation,
    walk,
)

on_one_transaction = pytest.mark.django_db


# --- to the end -------------------------------------------------------------------------------


@on_one_transaction
def test_a_case_is_walked_to_its_end():
    a_breached_account()

    run_due_jobs()

    assert names() == [
        "case-opened",
        "case-frozen",
        "plan-made",
        "step-executed",
        "case-reassessed",
        "case-restored",
        "case-closed",
    ]
    latest = margin.latest_requirement(NORTH)
    assert latest.equity >= margin.levels(latest).target
    assert (the_case().state, record.account_row(NORTH).standing) == ("closed", "open")
    assert [(call.state, call.outcome) for call in margin.calls()] == [("concluded", "restored")]


@on_one_transaction
def test_the_backstop_takes_what_is_closed_at_the_sealed_price():
    a_breached_account()

    run_due_jobs()

    taken = lots(RING)
    assert taken > 0
    assert lots(NORTH) == 1_000 - taken
    traded = [it.fact for it in record.stream(f"account-{RING}") if hasattr(it.fact, "lots")]
    assert [fact.price_ticks for fact in traded] == [158_000]  # 79,000 in ticks of 0.5
    assert all(members + house == 0 for _, members, house in record.trial_balance())


@on_one_transaction
def test_the_penalty_is_its_rate_of_the_value_and_goes_to_the_insurance():
    a_breached_account()

    run_due_jobs()

    value = lots(RING) * 79_000 * 1_000  # minor units: a lot is a thousandth
    assert insurance() == the_case().penalty == value * 5 // 1_000


@on_one_transaction
def test_the_book_and_its_margin_are_what_the_plan_said():
    a_breached_account()

    run_due_jobs()

    (plan,), row = plans(), margin.latest_requirement(NORTH)
    assert (row.equity, row.maintenance) == (plan.equity_after, plan.maintenance_after)
    assert margin.levels(row).target == plan.target_after


@on_one_transaction
def test_hedges_stay_hedges():
    an_account()
    trade("t-1")
    trade("t-2", symbol=FUTURE, quantity="0.4", buyer="SOUTH-1", seller=NORTH)
    trade("t-3", symbol=INVERSE, quantity="9000", buyer=NORTH)
    seal("71000")

    run_due_jobs()

    (plan,) = plans()
    left = 100 - plan.percent
    assert 0 < left < 100
    for symbol, held in ((PERPETUAL, 1_000), (FUTURE, -400), (INVERSE, 900)):
        assert abs(lots(NORTH, symbol) - held * left / 100) < 1
        assert lots(NORTH, symbol) * held > 0


@on_one_transaction
@pytest.mark.parametrize("index", ["79000", "76000", "71500"])
def test_no_step_raises_the_requirement_or_the_worst_loss(index: str):
    a_breached_account(index)
    before = margin.latest_requirement(NORTH)

    run_due_jobs()

    after_it = margin.latest_requirement(NORTH)
    assert after_it.maintenance <= before.maintenance
    assert worst(after_it) >= worst(before)
    for plan in plans():
        assert plan.maintenance_after <= plan.maintenance_before
        assert all(abs(step["lots"]) <= 1_000 for step in json.loads(plan.steps))


def worst(row) -> float:
    """Profit is positive."""
    return sum(group["worst"] for group in margin.components(row))


@on_one_transaction
def test_a_single_lot_can_be_closed():
    an_account(funds="20")
    trade("t-1", quantity="0.001")
    seal("79000")

    run_due_jobs()

    assert (lots(NORTH), lots(RING), the_case().state) == (0, 1, "closed")


# --- twice, late, interrupted -----------------------------------------------------------------


@on_one_transaction
def test_a_breach_that_is_told_twice_opens_one_case():
    a_breached_account()

    first, again = open_case(), open_case()
    run_due_jobs()
    long_after = open_case()

    assert first is not None
    assert (again, long_after) == (None, None)
    assert liquidation.cases().count() == 1


@on_one_transaction
def test_the_database_holds_one_open_case_an_account():
    a_breached_account()
    open_case()
    row = the_case()
    row.case_id = "another"

    with pytest.raises(IntegrityError, match="one_open_case"), transaction.atomic():
        row.save(force_insert=True)


@on_one_transaction
def test_walking_a_closed_case_changes_nothing():
    a_breached_account()
    run_due_jobs()
    before = names()

    assert cases.walk(NORTH, cause=CAUSE) is None
    assert cases.walk("SOUTH-1", cause=CAUSE) is None
    assert names() == before


@on_one_transaction
@pytest.mark.parametrize("steps_before", [0, 1])
def test_an_account_that_paid_meanwhile_is_restored_without_a_trade(steps_before: int):
    a_breached_account()
    open_case()
    walk(steps_before)

    pay("20000")
    run_due_jobs()

    assert names() == ["case-opened", "case-frozen", "case-restored", "case-closed"]
    assert (lots(NORTH), lots(RING), insurance()) == (1_000, 0, 0)
    assert record.account_row(NORTH).standing == "open"


@on_one_transaction
def test_a_payment_after_the_plan_voids_it():
    a_planned_case()

    pay("20000")
    run_due_jobs()

    assert names()[2:] == ["plan-made", "plan-voided", "case-restored", "case-closed"]
    assert lots(NORTH) == 1_000


@on_one_transaction
def test_a_set_that_is_sealed_after_the_plan_voids_it():
    a_planned_case()

    seal("78000")
    up_to_liquidation()
    run_due_jobs()

    assert names()[2:6] == ["plan-made", "plan-voided", "plan-made", "step-executed"]
    first, second = plans()
    assert first.plan != second.plan
    assert second.price_sequence > first.price_sequence
    assert the_case().state == "closed"


@on_one_transaction
def test_a_closing_by_the_member_after_the_plan_voids_it():
    a_planned_case()

    trade("t-2", quantity="0.3", price="79000", buyer="SOUTH-1", seller=NORTH)
    run_due_jobs()

    assert names()[2:4] == ["plan-made", "plan-voided"]
    assert the_case().state == "closed"
    assert 0 <= lots(NORTH) <= 700


# --- two at once ------------------------------------------------------------------------------


def test_two_workers_on_one_case_take_each_step_once(house):
    a_breached_account()

    both(open_case)
    both(until_closed)

    assert names() == [
        "case-opened",
        "case-frozen",
        "plan-made",
        "step-executed",
        "case-reassessed",
        "case-restored",
        "case-closed",
    ]
    assert lots(NORTH) + lots(RING) == 1_000
    assert insurance() == the_case().penalty


def test_a_trade_that_is_being_booked_while_the_plan_is_carried_out_voids_it(house):
    a_planned_case()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            trade("t-2", quantity="0.3", price="79000", buyer="SOUTH-1", seller=NORTH)
            walked = pool.submit(alone, lambda: cases.walk(NORTH, cause=CAUSE))
            until_somebody_waits()
        walked.result(timeout=60)

    assert names()[2:] == ["plan-made", "plan-voided"]
    assert (lots(NORTH), lots(RING)) == (700, 0)


def until_somebody_waits() -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def until_closed() -> None:
    while the_case().state != "closed":
        cases.walk(NORTH, cause=CAUSE)


def both(work) -> None:
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(alone, work), pool.submit(alone, work)]:
            done.result(timeout=60)


def alone(work) -> None:
    """In a thread, which has a connection of its own."""
    try:
        work()
    finally:
        connection.close()
