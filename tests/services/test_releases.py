"""A withdrawal is tested when it is asked for and again when it leaves: at the prices of then, at
stressed ones, without gains nobody has paid, and within what may leave in an hour."""

from __future__ import annotations

from typing import Any

import pytest

from clearing import selectors as record
from clearing.domain import entries
from clearing.domain.errors import NotFound
from clearing.domain.withdrawal import WithdrawalNotInstructed
from clearing.services import collateral, pricing, schedule, timekeeping, trades, verification
from liquidation import selectors as liquidation
from margin import selectors as margin
from margin.services import stress, withdrawals
from margin.services.results import Pins
from tests.builders import CAUSE, PUT, a_house, a_price_set, a_trade, after, run_due_jobs
from tests.tampering import rolled_back

pytestmark = pytest.mark.django_db
NORTH = "NORTH-1"


def a_house_with(
    usdc: dict[str, Any], *, funds: str = "30000", index: str = "90000", **others: dict[str, Any]
) -> None:
    """The schedule first, then NORTH's money from CUSTODY-BANK, then prices and a long perpetual."""
    a_house(NORTH="0", SOUTH="0", RING="0")
    said = {"USDC": usdc, "BTC": {}} | others
    assets = {asset: {"admitted": True} | each for asset, each in said.items()}
    schedule.set_schedule({"reporting": "USDC", "assets": assets}, at=after(), cause=CAUSE)
    for account, amount in ((NORTH, funds), ("SOUTH-1", "1000000")):
        collateral.deposit(
            account,
            key=f"in-{account}",
            asset="USDC",
            amount=amount,
            holder="custodian:CUSTODY-BANK",
            at=after(),
            cause=CAUSE,
        )
    seal(index, hour=1)


def seal(index: str, *, hour: float) -> None:
    pricing.seal(a_price_set(index, at=after(hours=hour)), cause=CAUSE)
    run_due_jobs()


def trade(trade_id: str = "t-1", **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()


def ask(amount: str, *, key: str = "w-1", account: str = NORTH) -> str:
    sequence = collateral.request_withdrawal(
        account, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )
    return record.recorded(sequence).fact.withdrawal_id


def confirm(key: str = "w-1", *, custodian: str = "CUSTODY-BANK") -> int | None:
    found = collateral.confirm_withdrawal(
        NORTH,
        withdrawal_id=f"{NORTH}:{key}",
        custodian=custodian,
        at=timekeeping.now(),
        cause=CAUSE,
    )
    run_due_jobs()
    return found


def outcome(key: str = "w-1", account: str = NORTH) -> tuple[str, str]:
    row = record.withdrawal(f"{account}:{key}")
    return row.status, row.reason.partition(":")[0]


def advance(**delta: float) -> None:
    timekeeping.advance(after(**delta), cause=CAUSE)
    run_due_jobs()


def cash(account: str = NORTH) -> int:
    return record.account(account).cash("USDC")


CONFIRMS = {"custodian_confirms": True}

# --- the custodian's word, and the second test ----------------------------------------------------


def test_nothing_leaves_before_the_custodian_confirms():
    a_house_with(CONFIRMS)

    ask("5000")
    run_due_jobs()
    assert outcome() == ("instructed", "")
    assert record.holdings(entries.PENDING) == {"cash:USDC": 5_000_000_000}

    confirm()

    assert outcome() == ("settled", "")
    assert record.holdings(entries.PENDING) == {}
    assert [it.units for it in record.lots_of(NORTH)["USDC"]] == [25_000_000_000]


def test_a_market_that_fell_meanwhile_refuses_and_the_money_is_back():
    """Approved at 90,000 with 18,001 left for an initial level of some 18,000; at 88,000 it is not."""
    a_house_with(CONFIRMS)
    trade()
    ask("11999")
    run_due_jobs()
    assert outcome()[0] == "instructed"

    pricing.seal(a_price_set("88000", at=after(hours=2)), cause=CAUSE)
    run_due_jobs()
    confirmed = outcome()[0] == "instructed" and confirm()

    assert outcome() == ("refused", "margin-short")
    assert cash() == 30_000_000_000
    assert [it.encumbered_by for it in record.lots_of(NORTH)["USDC"]] == ["", ""]
    assert confirmed or margin.calls().count() == 0


def test_confirming_twice_is_once_and_too_early_is_refused():
    a_house_with(CONFIRMS)
    ask("5000")
    with pytest.raises(WithdrawalNotInstructed):
        confirm()
    run_due_jobs()

    assert confirm() is not None
    assert confirm() is None
    assert outcome() == ("settled", "")
    assert cash() == 25_000_000_000


def test_a_custodian_that_does_not_hold_it_has_nothing_to_confirm():
    a_house_with(CONFIRMS)
    ask("5000")
    run_due_jobs()

    with pytest.raises(NotFound):
        confirm(custodian="OTHER-BANK")
    assert outcome()[0] == "instructed"


def test_releasing_twice_is_once():
    a_house_with({})
    name = ask("5000")
    sequence = record.withdrawal(name).sequence
    withdrawals.test(sequence, cause=CAUSE)

    withdrawals.release(sequence, cause=CAUSE)
    again = withdrawals.release(sequence, cause=CAUSE)
    run_due_jobs()

    assert again is None
    assert (outcome(), cash()) == (("settled", ""), 25_000_000_000)


def test_money_on_its_way_out_does_not_hold_up_a_margin_call():
    """It waits for a custodian who never comes; the account falls below its call level, its own
    money returns to it first, and what is then short is called."""
    a_house_with(CONFIRMS)
    trade()
    ask("11000")
    run_due_jobs()
    assert outcome()[0] == "instructed"

    seal("72000", hour=2)

    assert outcome() == ("refused", "margin-short")
    assert cash() == 30_000_000_000
    assert margin.calls().count() == 1
    (call,) = margin.calls()
    assert call.equity == 12_000_000_000, "with the money back"


def test_a_case_that_opens_finds_all_of_the_accounts_money():
    a_house_with(CONFIRMS)
    trade()
    ask("11000")
    run_due_jobs()

    seal("66000", hour=2)

    assert outcome() == ("refused", "margin-short")
    assert liquidation.cases().count() == 1
    assert verification.verify() == []


# --- stress, and gains that nobody has paid --------------------------------------------------------


STRESSED = {"BTC": {"stress_move": "0.05"}}


def test_what_is_enough_now_and_not_after_a_move_is_refused():
    """30,000 less 18,000 of initial level are free; a fall of 5 % costs 4,500 less 900 of level."""
    a_house_with({}, **STRESSED)
    trade()

    ask("8500")
    run_due_jobs()
    ask("8300", key="w-2")
    run_due_jobs()

    assert outcome() == ("refused", "stressed-short")
    assert outcome("w-2") == ("settled", "")


def test_a_short_account_is_stressed_upward():
    a_house_with({}, **STRESSED)
    trade(buyer="SOUTH-1", seller=NORTH)

    ask("8500")
    run_due_jobs()

    assert outcome() == ("refused", "stressed-short")


def test_stressed_levels_are_those_of_an_account_margined_at_the_moved_prices():
    """The worse of both ways, by the house's own run over books at sets that are really sealed."""
    frees, found = [], None
    for index in ("85500", "90000", "94500"):
        with rolled_back():
            a_house_with({}, funds="60000", index=index, **STRESSED)
            trade()
            trade("t-2", symbol=PUT, quantity="0.3", price="0.01", buyer="SOUTH-1", seller=NORTH)
            row = margin.latest_requirement(NORTH)
            frees.append(row.equity - row.initial)
            pins = Pins(
                run_id="x",
                kind="what-if",
                sealed=record.latest_prices(),
                rules=margin.rules(),
                at=timekeeping.now(),
            )
            if index == "90000":
                found = stress.free(record.live_book([NORTH]), pins)

    assert found is not None
    assert abs(found - min(frees)) <= 1
    assert min(frees) < frees[1], "one of the ways is worse than none"


def test_a_gain_that_is_not_settled_lets_nothing_out():
    """The price doubles and the account could pay out all it ever put in; it may take what its
    money covers without the gain, and no more."""
    a_house_with({}, funds="60000")
    trade()
    seal("110000", hour=2)
    row = margin.latest_requirement(NORTH)
    assert row.equity == 80_000_000_000, "20,000 of it is gain"

    ask("45000")
    run_due_jobs()
    assert outcome() == ("refused", "gains-unsettled")
    ask("37000", key="w-2")
    run_due_jobs()

    assert outcome("w-2") == ("settled", "")
    assert cash() == 23_000_000_000


def test_a_gain_is_no_balance():
    a_house_with({}, funds="60000")
    trade()
    seal("110000", hour=2)

    with pytest.raises(Exception, match="does not have that much free"):
        ask("60000.000001")


def test_the_moved_set_moves_indices_forwards_and_marks_and_leaves_options_to_the_model():
    from decimal import Decimal

    a_house_with({})
    sealed = record.latest_prices()

    found = stress.moved(sealed, {"BTC": Decimal("-0.1")})

    assert Decimal(found.prices.indices["BTC"]) == 81_000
    assert {Decimal(it) for it in found.prices.forwards.values()} == {Decimal(81_000)}
    assert Decimal(found.prices.quotes["BTC-PERP"].mark) == 81_000
    assert found.prices.quotes[PUT] == sealed.prices.quotes[PUT]
    assert found.name != sealed.name


# --- an hour's worth -------------------------------------------------------------------------------


LIMITED = {"outflow": {"member_amount": "1000"}}


def test_beyond_the_hours_limit_it_waits_and_goes_when_there_is_room():
    a_house_with(LIMITED)
    ask("700")
    run_due_jobs()
    advance(hours=1, minutes=20)
    ask("400", key="w-2")
    run_due_jobs()

    row = record.withdrawal(f"{NORTH}:w-2")
    assert (row.status, row.goes_at) == ("waiting", after(hours=2))
    assert "has left the member NORTH within the hour" in row.reason

    advance(hours=1, minutes=59)
    assert outcome("w-2")[0] == "waiting"
    advance(hours=2)
    assert outcome("w-2") == ("settled", "")


def test_who_came_first_goes_first():
    a_house_with(LIMITED)
    ask("900")
    run_due_jobs()
    for key, amount in (("w-2", "600"), ("w-3", "50")):
        ask(amount, key=key)
        run_due_jobs()

    assert (outcome("w-2")[0], outcome("w-3")[0]) == ("waiting", "waiting"), "though 50 would fit"
    ask("500", key="w-4")
    run_due_jobs()
    advance(hours=2)
    assert [outcome(it)[0] for it in ("w-2", "w-3", "w-4")] == ["settled", "settled", "waiting"]
    advance(hours=3)
    assert outcome("w-4")[0] == "settled"


def test_what_could_never_leave_at_once_is_refused_with_how():
    a_house_with(LIMITED)

    ask("1000.000001")
    run_due_jobs()

    assert outcome() == ("refused", "outflow-too-large")
    assert cash() == 30_000_000_000


def test_the_houses_limit_is_on_everybody_together():
    a_house_with({"outflow": {"house_share": "0.01"}})  # of 1,030,000

    ask("10000")
    ask("300", key="w-2", account="SOUTH-1")
    run_due_jobs()
    ask("1", key="w-3", account="SOUTH-1")
    run_due_jobs()

    assert (outcome(), outcome("w-2", "SOUTH-1")) == (("settled", ""), ("settled", ""))
    assert outcome("w-3", "SOUTH-1")[0] == "waiting"


def test_what_waits_is_tested_again_when_it_goes():
    a_house_with(LIMITED)
    trade()
    ask("900")
    ask("900", key="w-2")
    run_due_jobs()
    assert outcome("w-2")[0] == "waiting"

    seal("76500", hour=1.5)
    advance(hours=2, minutes=1)

    assert outcome("w-2") == ("refused", "margin-short")
