"""What must hold when collateral is attacked, hurried or late: fault cases 4, 12 and 20."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from clearing import models
from clearing import selectors as record
from clearing.domain.schedule import NoticeTooShort, ScheduleNotValid
from clearing.services import (
    collateral,
    pricing,
    schedule,
    substitutions,
    timekeeping,
    trades,
    verification,
)
from liquidation import selectors as liquidation
from margin import selectors as margin
from margin.services import runs, what_if
from tests.builders import CAUSE, a_house, a_price_set, a_trade, after, run_due_jobs

pytestmark = pytest.mark.django_db
NORTH = "NORTH-1"
HOUSE = json.loads(
    (Path(__file__).parents[2] / "clearing" / "schedules" / "house.json").read_text()
)


def a_house_by_the_book(*, usdc: str = "20000") -> None:
    """The schedule we ship, from the start; NORTH's dollars come after it."""
    a_house(NORTH="0", SOUTH="0", RING="0")
    schedule.set_schedule(HOUSE, at=after(), cause=CAUSE)
    for account, amount in ((NORTH, usdc), ("SOUTH-1", "1000000"), ("RING-1", "1000000")):
        collateral.deposit(
            account, key=f"in-{account}", asset="USDC", amount=amount, at=after(), cause=CAUSE
        )
    seal("90000", hour=1)


def seal(index: str, *, hour: float) -> None:
    pricing.seal(a_price_set(index, at=after(hours=hour)), cause=CAUSE)
    run_due_jobs()


def a_called_account() -> None:
    """One bitcoin of perpetual at 90,000 on 20,000; at 81,500 it is called."""
    a_house_by_the_book()
    trades.novate(a_trade(), at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()
    seal("82000", hour=2)
    assert [call.state for call in margin.calls()] == ["issued"]


def test_a_deposit_of_the_second_a_call_is_due_covers_it_before_anybody_is_closed():
    """Case 4: what a substitution brings in counts like any deposit, and at once."""
    a_called_account()
    (call,) = margin.calls()
    substitutions.propose(
        NORTH,
        key="s",
        asset="USDC",
        amount="100",
        incoming="BTC",
        incoming_amount="0.5",
        expires_at=after(hours=9),
        at=timekeeping.now(),
        cause=CAUSE,
    )

    timekeeping.advance(call.due_at, cause=CAUSE)
    substitutions.cover(
        NORTH,
        substitution_id=f"{NORTH}:s",
        key="wire",
        custodian="BANK",
        at=timekeeping.now(),
        cause=CAUSE,
    )
    run_due_jobs()

    (call,) = margin.calls()
    assert call.state == "covered"
    assert liquidation.cases().count() == 0
    assert record.account_row(NORTH).standing == "open"


def test_a_print_on_our_own_venue_a_doubled_haircut_and_a_new_limit_sell_nobody_out_at_once():
    """Case 12: the market on our own venue is empty and prints 40 % lower, while the schedule is
    tightened in every way it can be."""
    a_house_by_the_book(usdc="1000")
    collateral.deposit(NORTH, key="b", asset="BTC", amount="0.3", at=after(hours=1), cause=CAUSE)
    trades.novate(a_trade(quantity="0.5"), at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()
    before = margin.latest_requirement(NORTH)
    assert before.equity > before.maintenance

    harsh = copy.deepcopy(HOUSE)
    harsh["assets"]["BTC"] |= {
        "haircut": "0.2",
        "concentration": {"account_limit": "14000", "member_share": "0.6"},
    }
    schedule.set_schedule(harsh, at=timekeeping.now(), cause=CAUSE)
    found = a_price_set("90000", at=after(hours=2))
    spot = {"BTC-USDC": type(found.quotes["BTC-USDC"])("54000")}
    pricing.seal(a_price_set("90000", at=after(hours=2), quotes=spot), cause=CAUSE)
    run_due_jobs()

    after_it = margin.latest_requirement(NORTH)
    assert (after_it.equity, after_it.maintenance, after_it.initial) == (
        before.equity,
        before.maintenance,
        before.initial,
    )
    assert margin.calls().count() == 0
    timekeeping.advance(after(days=1, hours=2), cause=CAUSE)
    run_due_jobs()
    seal("90000", hour=27)
    assert margin.latest_requirement(NORTH).maintenance > after_it.maintenance, (
        "a day later it cuts"
    )


def test_what_if_goes_by_the_schedule_that_a_run_goes_by():
    a_house_by_the_book(usdc="1000")
    collateral.deposit(NORTH, key="b", asset="BTC", amount="0.3", at=after(hours=1), cause=CAUSE)
    trades.novate(
        a_trade(quantity="0.001"), at=after(hours=1), cause=CAUSE
    )  # else nothing is asked
    run_due_jobs()
    harsh = copy.deepcopy(HOUSE)
    harsh["assets"]["BTC"]["haircut"] = "0.5"
    schedule.set_schedule(harsh, at=timekeeping.now(), cause=CAUSE)
    timekeeping.advance(after(days=1, hours=1), cause=CAUSE)
    run_due_jobs()

    row = runs.remargin(NORTH, cause=CAUSE)
    run = runs.run_of_one(
        "now",
        record.live_book([NORTH]),
        sealed=record.latest_prices(),
        rules=margin.rules(),
        cause=CAUSE,
    )
    (found,) = what_if.levels(
        record.live_book([NORTH]), price_sequence=record.latest_prices().sequence
    )

    assert row is not None
    assert (found.maintenance, found.initial) == (run.maintenance, run.initial)
    # 8,700 of 27,000 count (60 % of 13,500 and 1,000), and the method's worst scenario takes 3,888
    # from them and 14.31001 from the thousandth of a bitcoin that is traded
    assert run.maintenance == 22_202_310_010


def test_one_hour_is_not_enough_to_lift_a_limit_and_leave_by_it():
    """Case 20: whoever may set the schedule raises the limit and asks for everything."""
    a_house_by_the_book(usdc="100000")
    open_ = copy.deepcopy(HOUSE)
    open_["assets"]["USDC"]["outflow"] = {"house_share": "1", "member_share": "1"}

    with pytest.raises(NoticeTooShort):
        hurried = copy.deepcopy(open_)
        hurried["assets"]["USDC"]["effective_from"] = "2026-01-01T01:30:00Z"
        schedule.set_schedule(hurried, at=timekeeping.now(), cause=CAUSE)
    schedule.set_schedule(open_, at=timekeeping.now(), cause=CAUSE)
    for key, amount in (("all", "100000"), ("half", "50000"), ("more", "50000")):
        collateral.request_withdrawal(
            NORTH, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
        )
        run_due_jobs()

    states = {it.withdrawal_id: it.status for it in record.withdrawals(NORTH)}
    assert states == {
        f"{NORTH}:all": "refused",
        f"{NORTH}:half": "settled",
        f"{NORTH}:more": "waiting",
    }


@pytest.mark.parametrize("flag", ["exempt", "no_haircut", "skip_margin"])
def test_no_word_in_a_schedule_exempts_anybody(flag):
    a_house_by_the_book()
    said = copy.deepcopy(HOUSE)
    said["assets"]["BTC"][flag] = [NORTH]

    with pytest.raises(ScheduleNotValid, match=flag):
        schedule.set_schedule(said, at=timekeeping.now(), cause=CAUSE)


def test_while_schedule_and_margin_count_in_different_assets_nobody_is_margined_by_either():
    a_house()
    document = {"reporting": "BTC", "assets": {"USDC": {"admitted": True}}}
    schedule.set_schedule(document, at=after(), cause=CAUSE)
    seal("90000", hour=1)

    row = margin.latest_requirement(NORTH)

    assert row.reason.startswith("schedule-differs")
    assert runs.remargin(NORTH, cause=CAUSE) == row


# --- what verify finds ------------------------------------------------------------------------------


def findings() -> set[str]:
    return {it.check for it in verification.verify()}


def test_a_lot_that_is_promised_to_nothing_is_found():
    a_house_by_the_book()
    models.CollateralLot.objects.filter(account=NORTH).update(encumbered_by="withdrawal:none")

    assert "collateral promises" in findings()


def test_a_lot_that_is_larger_than_what_arrived_is_found():
    a_house_by_the_book()
    models.CollateralLot.objects.filter(account=NORTH).update(units=10**15)

    assert "collateral lots" in findings()


def test_a_lot_that_nobody_brought_is_found():
    a_house_by_the_book()
    models.CollateralLot.objects.create(
        lot_id="lot-1",
        account=NORTH,
        asset="BTC",
        units=5,
        custodian="",
        deposited_at=after(),
        sequence=1,
        encumbered_by="",
    )

    assert "collateral lots" in findings()
