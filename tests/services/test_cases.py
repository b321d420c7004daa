"""Liquidation cases on a real record: walked to the end, interrupted, stuck, and raced for."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.services import register
from clearing import selectors as record
from clearing.domain import entries
from clearing.domain.policy import Policy
from clearing.domain.prices import Quote
from clearing.services import collateral, pricing, reference, timekeeping, trades
from liquidation import models
from liquidation import selectors as liquidation
from liquidation.domain.states import IllegalMove
from liquidation.services import cases
from margin import selectors as margin
from tests.builders import (
    CALL,
    CAUSE,
    EXPIRY,
    FUTURE,
    INVERSE,
    PERPETUAL,
    a_house,
    a_price_set,
    a_trade,
    after,
    run_due_jobs,
)

on_one_transaction = pytest.mark.django_db
NORTH, RING = "NORTH-1", "RING-1"


# --- arranging --------------------------------------------------------------------------------


def an_account(funds: str = "20000") -> None:
    a_house(NORTH=funds)
    policy = Policy(price_max_age_seconds=86_400, margin_period_seconds=30 * 86_400)
    reference.set_policy(policy, at=timekeeping.now(), cause=CAUSE)
    seal("90000", at=after(hours=1))


def seal(index: str, *, at=None, **quotes: Quote) -> None:
    at = at or timekeeping.now() + timedelta(hours=3)
    pricing.seal(a_price_set(index, at=at, quotes=quotes), cause=CAUSE)


def trade(trade_id: str, **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)


def pay(amount: str) -> None:
    collateral.deposit(
        NORTH, key=f"pay-{amount}", asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def up_to_liquidation() -> None:
    """What workers would do, but for the liquidation's own steps."""
    while True:
        due = record.jobs().filter(state="due").exclude(kind__startswith="liquidation.")
        job = due.order_by("id").first()
        if job is None:
            return
        app, _, name = job.kind.partition(".")
        getattr(import_module(f"{app}.tasks"), name)(job_id=job.id)
        job.refresh_from_db()
        assert job.state == "done", job.error


def a_breached_account(index: str = "79000", **but: str) -> None:
    """NORTH-1 is long one bitcoin from 90,000 with 20,000 behind it, and prices fell at a stroke."""
    an_account(**but)
    trade("t-1")
    up_to_liquidation()
    seal(index)
    up_to_liquidation()
    assert [call.state for call in margin.calls()] == ["breached"]


def open_case() -> int | None:
    """As the job does that the breach left."""
    (breach,) = [it.sequence for it in record.stream(f"call-{NORTH}") if is_breach(it.fact)]
    return cases.open_case(breach, cause=CAUSE)


def is_breach(fact) -> bool:
    return fact.NAME == "margin.call-breached.v1"


def walk(steps: int = 1) -> None:
    for _ in range(steps):
        assert cases.walk(NORTH, cause=CAUSE) is not None


def a_planned_case() -> None:
    a_breached_account()
    open_case()
    walk(2)
    assert the_case().state == "planned"


# --- asking -----------------------------------------------------------------------------------


def the_case() -> models.Case:
    (case,) = liquidation.cases()
    return case


def told() -> list:
    return [it.fact for it in record.stream(f"case-{NORTH}")]


def names() -> list[str]:
    return [fact.NAME.split(".")[1] for fact in told()]


def plans() -> list:
    return [fact for fact in told() if fact.NAME == "liquidation.plan-made.v1"]


def lots(account: str, symbol: str = PERPETUAL) -> int:
    return record.account(account).lots(symbol)


def insurance() -> int:
    return record.holdings(entries.INSURANCE).get("cash:USDC", 0)


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


# --- stuck ------------------------------------------------------------------------------------


@on_one_transaction
def test_without_a_backstop_people_are_called_and_can_resume():
    a_breached_account()
    register.suspend(RING, reason="full", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()
    stuck = the_case()

    register.reinstate(RING, reason="room again", at=timekeeping.now(), cause=CAUSE)
    waited = cases.walk(NORTH, cause=CAUSE)
    cases.resume(NORTH, reason="there is room", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()

    assert (stuck.state, "no backstop account is open" in stuck.reason) == ("stuck", True)
    assert waited is None
    assert (the_case().state, record.account_row(NORTH).standing) == ("closed", "open")


@on_one_transaction
def test_only_a_stuck_case_can_be_resumed():
    a_breached_account()
    open_case()

    with pytest.raises(IllegalMove):
        cases.resume(NORTH, reason="why not", at=timekeeping.now(), cause=CAUSE)


@on_one_transaction
def test_a_gap_to_negative_equity_ends_with_nothing_held_no_fee_and_people():
    a_breached_account("66000")

    run_due_jobs()

    assert (lots(NORTH), lots(RING), insurance()) == (0, 1_000, 0)
    case = the_case()
    assert (case.state, "no positions left" in case.reason) == ("stuck", True)
    assert margin.latest_requirement(NORTH).equity == -4_000_000_000
    assert record.account_row(NORTH).standing == "suspended"


@on_one_transaction
def test_a_member_that_pays_its_debt_is_restored_when_people_resume():
    a_breached_account("66000")
    run_due_jobs()

    pay("4000")
    run_due_jobs()
    cases.resume(NORTH, reason="it was paid", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()

    assert the_case().state == "closed"


@on_one_transaction
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


@on_one_transaction
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


@on_one_transaction
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


@on_one_transaction
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
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
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
