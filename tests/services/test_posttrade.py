"""Allocation, give-up, average price, transfer and porting, on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.services import register
from clearing import models, selectors
from clearing.domain.account import AccountNotOpen
from clearing.domain.average_price import GroupNotAllocated
from clearing.domain.errors import NotFound
from clearing.domain.handover import DeadlineNotValid, DeadlinePassed, HandoverEnded
from clearing.domain.instrument import InstrumentNotTrading
from clearing.domain.parts import LotsNotFree
from clearing.services import (
    allocations,
    collateral,
    give_ups,
    pricing,
    settlement,
    timekeeping,
    transfers,
)
from clearing.services.porting import PortNotWhole
from clearing.store import KeyReused
from margin import selectors as margin
from tests.builders import (
    CALL,
    CAUSE,
    EXPIRY,
    FUTURE,
    INVERSE,
    SPOT,
    START,
    a_price_set,
    after,
    run_due_jobs,
)
from tests.services.posttrade import (
    VENUE,
    a_busy_house,
    accept,
    allocate,
    assert_sound,
    average,
    claim,
    give_up,
    port,
    revalue,
    totals,
    trade,
    transfer,
)

pytestmark = pytest.mark.django_db


def lots(account_id: str, symbol: str = "BTC-PERP") -> int:
    return selectors.account(account_id).lots(symbol)


def holders_of(trade_id: str = "t-1") -> dict[str, tuple[int, int]]:
    found = selectors.trade_parts([f"{VENUE}:{trade_id}"])[f"{VENUE}:{trade_id}"]
    return {it.account_id: (it.lots, it.value) for it in found if it.lots or it.value}


def expire() -> None:
    sequence = pricing.seal(a_price_set("95000", at=EXPIRY), cause=CAUSE)
    settlement.settle_expiries(sequence, cause=CAUSE)
    timekeeping.advance(EXPIRY + timedelta(hours=1), cause=CAUSE)


# --- the register ---------------------------------------------------------------------------------


def test_a_trade_stands_in_the_register_with_a_part_a_leg():
    a_busy_house()

    sequence = trade()

    row = selectors.trade(VENUE, "t-1")
    assert (row.buyer, row.seller, row.sequence) == ("NORTH-1", "SOUTH-1", sequence)
    assert (row.lots, row.value, row.price_ticks) == (1_000, 90_000_000_000, 180_000)
    assert {row.buyer_sequence, row.seller_sequence} == {sequence - 1, sequence}
    assert holders_of() == {
        "NORTH-1": (1_000, 90_000_000_000),
        "SOUTH-1": (-1_000, -90_000_000_000),
    }
    assert_sound()


def test_a_trade_of_a_long_name_is_registered_like_any_other():
    """The house names its own after the case, the step and the instrument."""
    a_busy_house()

    trade("t" * 89)

    assert selectors.trade(VENUE, "t" * 89).buyer == "NORTH-1"


def test_a_leg_that_closes_a_position_has_the_value_it_traded_for():
    a_busy_house()
    trade("t-1", price="90000")

    trade("t-2", price="91000", buyer="SOUTH-1", seller="NORTH-1")

    assert holders_of("t-2") == {
        "SOUTH-1": (1_000, 91_000_000_000),
        "NORTH-1": (-1_000, -91_000_000_000),
    }


# --- allocation -----------------------------------------------------------------------------------


def test_a_leg_is_allocated_at_its_own_price():
    a_busy_house()
    trade()

    allocate(shares={"NORTH-2": "0.4", "NORTH-3": "0.1"})

    assert (lots("NORTH-1"), lots("NORTH-2"), lots("NORTH-3")) == (500, 400, 100)
    assert selectors.account("NORTH-2").cost("BTC-PERP") == 36_000_000_000
    assert_sound()


def test_the_coin_of_an_inverse_leg_is_split_to_the_last_unit():
    a_busy_house()
    trade(symbol=INVERSE, quantity="70", price="88888.5")
    (_, whole) = holders_of()["NORTH-1"]

    allocate(shares={"NORTH-2": "20", "NORTH-3": "20"})

    split = [holders_of()[account][1] for account in ("NORTH-1", "NORTH-2", "NORTH-3")]
    assert sum(split) == whole
    assert all(abs(each * 7 - whole * n) < 7 for each, n in zip(split, (3, 2, 2), strict=True))
    assert_sound()


def test_an_options_and_a_spot_leg_are_allocated_too():
    a_busy_house()
    trade("t-1", symbol=CALL, quantity="0.5", price="0.0123")
    trade("t-2", symbol=SPOT, quantity="0.01", price="89990")

    allocate("t-1", shares={"NORTH-2": "0.5"})
    allocate("t-2", shares={"NORTH-2": "0.01"})

    assert selectors.account("NORTH-2").cash("BTC") == -615_000 + 1_000_000
    assert selectors.account("NORTH-1").cash("BTC") == 0
    assert_sound()


def test_an_allocation_is_all_or_nothing():
    a_busy_house()
    trade()

    with pytest.raises(LotsNotFree):
        allocate(shares={"NORTH-2": "0.9", "NORTH-3": "0.2"})

    assert lots("NORTH-2") == 0


@pytest.mark.parametrize("taker", ["SOUTH-1", "EAST-1", "NOBODY-1", "NORTH-1", "ccp-novation"])
def test_nothing_is_allocated_to_another_member(taker):
    a_busy_house()
    trade()

    with pytest.raises(NotFound):
        allocate(shares={taker: "0.1"})


def test_an_allocation_told_twice_is_one_and_under_other_content_refused():
    a_busy_house()
    trade()

    allocate(shares={"NORTH-2": "0.4"}, key="a-1")
    count = models.Event.objects.count()
    allocate(shares={"NORTH-2": "0.4"}, key="a-1")
    with pytest.raises(KeyReused):
        allocate(shares={"NORTH-2": "0.5"}, key="a-1")

    assert models.Event.objects.count() == count


def test_an_allocation_is_taken_back_and_made_anew():
    a_busy_house()
    trade()
    made = allocate(shares={"NORTH-2": "0.4"})

    allocations.cancel(VENUE, "t-1", made, key="c-1", at=START, cause=CAUSE)
    allocate(shares={"NORTH-3": "1"})

    assert (lots("NORTH-1"), lots("NORTH-2"), lots("NORTH-3")) == (0, 0, 1_000)
    with pytest.raises(HandoverEnded):
        allocations.cancel(VENUE, "t-1", made, key="c-2", at=START, cause=CAUSE)
    assert_sound()


def test_an_allocation_is_taken_back_only_in_time_and_only_while_it_is_there():
    a_busy_house()
    trade()
    made = allocate(shares={"NORTH-2": "0.4"})
    passed_on = allocate(account_id="NORTH-2", shares={"NORTH-3": "0.4"})

    with pytest.raises(NotFound):
        allocations.cancel(VENUE, "t-1", made, key="c-1", at=START, cause=CAUSE)
    with pytest.raises(DeadlinePassed):
        allocations.cancel(VENUE, "t-1", passed_on, key="c-2", at=after(days=1), cause=CAUSE)


def test_lots_of_an_expired_contract_move_no_more():
    a_busy_house()
    trade(symbol=FUTURE, price="90000")
    expire()

    with pytest.raises(InstrumentNotTrading):
        allocate()


def test_a_repeated_request_is_answered_after_the_contract_has_expired():
    a_busy_house()
    trade(symbol=FUTURE, price="90000")
    allocate(key="a-1")
    expire()

    allocate(key="a-1")


# --- average price --------------------------------------------------------------------------------


def test_a_group_is_allocated_at_its_exact_average():
    a_busy_house()
    trade("t-1", quantity="0.003", price="90000")
    trade("t-2", quantity="0.004", price="90100.5")

    average(("t-1", "t-2"), NORTH_2="0.002", NORTH_3="0.005")

    worth = 270_000_000 + 360_402_000
    costs = [selectors.account(it).cost("BTC-PERP") for it in ("NORTH-2", "NORTH-3")]
    assert sum(costs) == worth
    assert costs[0] == round(worth * 2 / 7)
    assert totals("NORTH-1") == (0, 1_000_000_000_000)
    assert_sound()


def test_a_group_may_leave_a_share_with_whoever_made_it():
    a_busy_house()
    trade("t-1", quantity="0.003", price="90000")
    trade("t-2", quantity="0.004", price="91000")

    average(("t-1", "t-2"), NORTH_1="0.005", NORTH_2="0.002")

    worth = 270_000_000 + 364_000_000
    theirs = selectors.account("NORTH-2").cost("BTC-PERP")
    assert totals("NORTH-1") == (5, 1_000_000_000_000 - (worth - theirs))
    assert_sound()


def test_a_group_leaves_nothing_over():
    a_busy_house()
    trade("t-1", quantity="0.003")

    with pytest.raises(GroupNotAllocated):
        average(("t-1",), NORTH_2="0.002")


# --- give-up and claim ----------------------------------------------------------------------------


def test_a_leg_given_up_stays_until_it_is_claimed():
    a_busy_house()
    trade()

    asked = give_up(quantity="0.6")
    assert (lots("NORTH-1"), lots("EAST-1")) == (1_000, 0)
    timekeeping.advance(after(minutes=5), cause=CAUSE)
    claim(asked)

    assert (lots("NORTH-1"), lots("EAST-1")) == (400, 600)
    row = selectors.handover(asked, kind="give-up")
    assert (row.status, row.to_account) == ("claimed", "EAST-1")
    assert row.requested_at - row.executed_at == timedelta(0)
    assert row.ended_at - row.requested_at == timedelta(minutes=5)
    assert_sound()


def test_what_waits_to_be_claimed_is_promised_once():
    a_busy_house()
    trade()
    give_up(quantity="0.6")

    with pytest.raises(LotsNotFree):
        give_up(quantity="0.5")
    with pytest.raises(LotsNotFree):
        allocate(shares={"NORTH-2": "0.5"})
    allocate(shares={"NORTH-2": "0.4"})


def test_only_the_carrying_member_claims_and_only_into_its_own_account():
    a_busy_house()
    trade()
    asked = give_up()

    for stranger in (
        {"member_id": "SOUTH", "account_id": "SOUTH-1"},
        {"member_id": "NORTH", "account_id": "NORTH-1"},
        {"member_id": "EAST", "account_id": "SOUTH-1"},
    ):
        with pytest.raises(NotFound):
            claim(asked, **stranger)

    assert lots("EAST-1") == 0


def test_a_give_up_is_rejected_by_one_and_cancelled_by_the_other_alone():
    a_busy_house()
    trade()
    first, second = give_up(quantity="0.5"), give_up(quantity="0.5")
    end = {"reason": "not ours", "at": START, "cause": CAUSE}

    with pytest.raises(NotFound):
        give_ups.reject(first, member_id="NORTH", key="r-1", **end)
    with pytest.raises(NotFound):
        give_ups.cancel(first, member_id="EAST", key="r-2", **end)
    give_ups.reject(first, member_id="EAST", key="r-3", **end)
    give_ups.cancel(second, member_id="NORTH", key="r-4", **end)

    assert selectors.handover(first, kind="give-up").status == "rejected"
    assert selectors.handover(second, kind="give-up").status == "cancelled"
    with pytest.raises(HandoverEnded):
        claim(first)
    give_up(quantity="1")


def test_nobody_claims_after_the_deadline_and_the_clock_sweeps_it():
    a_busy_house()
    trade()
    asked = give_up(claim_by=after(minutes=10))
    timekeeping.advance(after(minutes=10), cause=CAUSE)

    with pytest.raises(DeadlinePassed):
        claim(asked)
    run_due_jobs()

    assert selectors.handover(asked, kind="give-up").status == "expired"
    give_up(quantity="1")
    assert_sound()


@pytest.mark.parametrize("claim_by", [START, after(days=2)])
def test_a_deadline_lies_ahead_and_within_a_day(claim_by):
    a_busy_house()
    trade()

    with pytest.raises(DeadlineNotValid):
        give_up(claim_by=claim_by)


def test_a_suspended_account_claims_nothing():
    a_busy_house()
    trade()
    asked = give_up()
    register.suspend("EAST-1", reason="called", at=START, cause=CAUSE)

    with pytest.raises(AccountNotOpen):
        claim(asked)


def test_both_accounts_of_a_claim_are_margined_again():
    a_busy_house()
    pricing.seal(a_price_set(), cause=CAUSE)
    trade()
    asked = give_up(quantity="1")
    run_due_jobs()
    before = margin.latest_requirement("NORTH-1").maintenance

    claim(asked)
    run_due_jobs()

    assert margin.latest_requirement("NORTH-1").maintenance < before
    assert margin.latest_requirement("EAST-1").maintenance == before


# --- transfer -------------------------------------------------------------------------------------


def test_lots_are_transferred_at_what_is_carried_for_them_and_no_cash_moves():
    a_busy_house()
    trade("t-1", price="90000")
    trade("t-2", price="92000")

    accept(transfer(quantity="0.5"))

    assert (lots("NORTH-1"), lots("EAST-1")) == (1_500, 500)
    assert selectors.account("EAST-1").cost("BTC-PERP") == 45_500_000_000
    assert selectors.account("NORTH-1").cash("USDC") == 1_000_000_000_000
    assert selectors.account("EAST-1").cash("USDC") == 1_000_000_000_000
    assert_sound()


def test_a_transfer_at_a_price_pays_the_giver_its_gain():
    a_busy_house()
    trade(price="90000")

    accept(transfer(quantity="1", price="95000"))

    assert selectors.account("NORTH-1").cash("USDC") == 1_005_000_000_000
    assert selectors.account("EAST-1").cost("BTC-PERP") == 95_000_000_000
    assert_sound()


def test_a_member_moves_lots_between_its_own_accounts_at_once():
    a_busy_house()
    trade()

    moved = transfer(quantity="0.3", to_member="NORTH", to_account="NORTH-2")

    assert lots("NORTH-2") == 300
    assert selectors.handover(moved, kind="transfer").status == "claimed"


def test_a_transfer_takes_no_position_past_zero():
    a_busy_house()
    trade()

    with pytest.raises(LotsNotFree):
        transfer(quantity="1.001")
    asked = transfer(quantity="1")
    trade("t-2", buyer="SOUTH-1", seller="NORTH-1", quantity="0.5")
    with pytest.raises(LotsNotFree):
        accept(asked)


def test_a_transfer_needs_the_other_members_consent():
    a_busy_house()
    trade()
    asked = transfer()

    with pytest.raises(NotFound):
        accept(asked, member_id="SOUTH", account_id="SOUTH-1")
    with pytest.raises(NotFound):
        accept(asked, member_id="EAST", account_id="SOUTH-1")
    with pytest.raises(NotFound):
        transfer(to_member="SOUTH", to_account="SOUTH-1")
    with pytest.raises(NotFound):
        transfer(to_member="NOBODY")
    end = {"reason": "no", "at": START, "cause": CAUSE}
    transfers.reject(asked, member_id="EAST", key="no-1", **end)
    with pytest.raises(HandoverEnded):
        accept(asked)


def test_a_transfer_nobody_accepts_expires():
    a_busy_house()
    trade()
    asked = transfer()

    timekeeping.advance(after(minutes=30), cause=CAUSE)
    run_due_jobs()

    assert selectors.handover(asked, kind="transfer").status == "expired"
    assert_sound()


# --- porting --------------------------------------------------------------------------------------


def test_every_position_is_ported_at_what_is_carried_and_no_cash_moves():
    a_busy_house()
    trade("t-1", price="90000")
    trade("t-2", symbol=CALL, quantity="0.5", price="0.0123")
    revalue("BTC-PERP", 93_000_000)

    port("NORTH-1", "EAST-1")

    held = selectors.account("EAST-1")
    assert (held.lots("BTC-PERP"), held.lots(CALL)) == (1_000, 5)
    assert held.cost("BTC-PERP") == 93_000_000_000
    assert selectors.account("NORTH-1").holdings == {
        "cash:USDC": 1_003_000_000_000,
        "cash:BTC": -615_000,
    }
    assert_sound()


def test_a_successor_takes_everything():
    a_busy_house()
    trade("t-1", price="90000")
    trade("t-2", symbol=CALL, quantity="0.5", price="0.0123")

    port("NORTH-1", "EAST-1", whole=True)

    assert selectors.account("NORTH-1").holdings == {}
    assert selectors.account("EAST-1").cash("USDC") == 2_000_000_000_000
    assert selectors.account("EAST-1").cash("BTC") == -615_000
    assert_sound()


def test_a_port_is_of_everything_or_of_nothing():
    a_busy_house()
    trade()
    collateral.request_withdrawal(
        "NORTH-1", key="w-1", asset="USDC", amount="5", at=START, cause=CAUSE
    )

    with pytest.raises(PortNotWhole):
        port("NORTH-1", "EAST-1")
    register.suspend("EAST-1", reason="called", at=START, cause=CAUSE)
    with pytest.raises(AccountNotOpen):
        port("SOUTH-1", "EAST-1")


def test_an_account_in_trouble_can_be_ported():
    a_busy_house()
    trade()
    register.suspend("NORTH-1", reason="called", at=START, cause=CAUSE)

    port("NORTH-1", "EAST-1")

    assert (lots("NORTH-1"), lots("EAST-1")) == (0, 1_000)
