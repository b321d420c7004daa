"""The liquidation plan: shares, steps, the penalty, and which share is chosen."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import account as record
from clearing.domain.account import Account, AccountNotOpen, Standing
from clearing.domain.instrument import Instrument, Kind, Payoff
from clearing.domain.trade import Leg
from liquidation.domain import plan
from liquidation.domain.plan import Outlook, Step
from tests.builders import CALL, EXPIRY, INVERSE, PERPETUAL

TERMS = {
    PERPETUAL: Instrument(
        symbol=PERPETUAL,
        kind=Kind.PERPETUAL,
        payoff=Payoff.LINEAR,
        underlying="BTC",
        quote="USDC",
        settlement="USDC",
        scale=6,
        underlying_scale=8,
        lot_size=Decimal("0.001"),
        tick_size=Decimal("0.5"),
    ),
    INVERSE: Instrument(
        symbol=INVERSE,
        kind=Kind.PERPETUAL,
        payoff=Payoff.INVERSE,
        underlying="BTC",
        quote="USDC",
        settlement="BTC",
        scale=8,
        underlying_scale=8,
        lot_size=Decimal("10"),
        tick_size=Decimal("0.5"),
    ),
    CALL: Instrument(
        symbol=CALL,
        kind=Kind.OPTION,
        payoff=Payoff.INVERSE,
        underlying="BTC",
        quote="USDC",
        settlement="BTC",
        scale=8,
        underlying_scale=8,
        lot_size=Decimal("0.1"),
        tick_size=Decimal("0.0001"),
        expiry_at=EXPIRY,
        strike=Decimal("100000"),
        is_call=True,
    ),
}
INDICES = {"BTC": Decimal("90000")}
MARKS = {PERPETUAL: Decimal("90000.2"), INVERSE: Decimal("90000"), CALL: Decimal("0.01234")}
HELD = st.integers(-(10**9), 10**9).filter(bool)
PERCENT = st.sampled_from(plan.SHARES)


def penalty(*steps: Step, rate: str = "0.005", equity: int = 10**15) -> int:
    return plan.penalty(
        steps, terms=TERMS, indices=INDICES, rate=Decimal(rate), scale=6, equity=equity
    )


def an_outlook(percent: int, equity: int, maintenance: int) -> Outlook:
    return Outlook(
        percent=percent, equity=equity, maintenance=maintenance, target=maintenance * 12 // 10
    )


# --- shares -----------------------------------------------------------------------------------


@given(HELD, PERCENT)
def test_a_share_is_rounded_up_and_never_closes_more_than_is_held(held, percent):
    share = plan.share_of(held, percent)

    assert 1 <= abs(share) <= abs(held)
    assert math.copysign(1, share) == math.copysign(1, held)
    assert abs(share) * 100 >= abs(held) * percent > (abs(share) - 1) * 100
    assert plan.share_of(-held, percent) == -share


@pytest.mark.parametrize("held", [1, -1])
def test_a_single_lot_can_be_closed_at_any_share(held: int):
    assert {plan.share_of(held, percent) for percent in plan.SHARES} == {held}


@given(HELD)
def test_a_larger_share_never_closes_less(held):
    closed = [abs(plan.share_of(held, percent)) for percent in plan.SHARES]

    assert closed == sorted(closed)
    assert closed[-1] == abs(held)


# --- steps ------------------------------------------------------------------------------------


def test_closing_a_long_sells_and_closing_a_short_buys():
    steps = plan.steps_for(
        50, lots={PERPETUAL: 1_000, CALL: -7, INVERSE: 0}, terms=TERMS, marks=MARKS
    )

    assert steps == (
        Step(symbol=CALL, lots=4, price_ticks=123),
        Step(symbol=PERPETUAL, lots=-500, price_ticks=180_000),
    )


def test_steps_are_spelled_and_read_without_loss():
    steps = plan.steps_for(33, lots={PERPETUAL: 10, CALL: -7}, terms=TERMS, marks=MARKS)

    assert plan.read(plan.spelled(steps)) == steps


@given(st.integers(-1_000, 1_000).filter(bool), st.integers(-1_000, 1_000).filter(bool), PERCENT)
def test_the_account_afterwards_is_the_records_own(perpetual, option, percent):
    held = {PERPETUAL: perpetual, CALL: option}
    before = an_account(held)
    steps = plan.steps_for(percent, lots=held, terms=TERMS, marks=MARKS)

    after = plan.after(before, steps, TERMS)

    for step in steps:
        assert after.lots(step.symbol) == held[step.symbol] + step.lots
        assert abs(after.lots(step.symbol)) < abs(held[step.symbol])
    assert after == by_hand(before, steps)
    assert before == an_account(held), "a plan moves nothing"


def test_a_whole_closing_leaves_neither_lots_nor_cost():
    held = {PERPETUAL: 1_000, INVERSE: -37}
    steps = plan.steps_for(100, lots=held, terms=TERMS, marks=MARKS)

    after = plan.after(an_account(held), steps, TERMS)

    assert {asset.partition(":")[0] for asset in after.holdings} == {"cash"}


def test_a_step_that_is_not_a_closing_is_refused_of_a_suspended_account():
    wrong = Step(symbol=PERPETUAL, lots=1, price_ticks=180_000)

    with pytest.raises(AccountNotOpen):
        plan.after(an_account({PERPETUAL: 5}), [wrong], TERMS)


def an_account(held: dict[str, int]) -> Account:
    """Suspended, as an account in a case is; each position carried at 300 a lot."""
    lots = {f"lots:{symbol}": amount for symbol, amount in held.items()}
    cost = {f"cost:{it}": 300 * lots for it, lots in held.items() if TERMS[it].carried_at_cost}
    cash = {"cash:USDC": 5_000_000}
    return Account(
        account_id="NORTH-1", standing=Standing.SUSPENDED, holdings={**lots, **cost, **cash}
    )


def by_hand(account: Account, steps: tuple[Step, ...]) -> Account:
    """One trade after the other through the record's decision, as execution does it."""
    for step in steps:
        leg = Leg(
            account_id="NORTH-1",
            side="buyer" if step.lots > 0 else "seller",
            trade_id="any",
            venue="any",
            lots=step.lots,
            price_ticks=step.price_ticks,
        )
        account = record.replay([record.novate(account, leg, TERMS[step.symbol])], account)
    return account


# --- the penalty ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "lots", "ticks", "expected"),
    [
        # 1000 lots x 0.001 BTC x 90,000 = 90,000 USDC; half a percent is 450
        (PERPETUAL, -1_000, 180_000, 450_000_000),
        # 37 contracts of 10 USDC are 370, whatever the price; half a percent is 1.85
        (INVERSE, 37, 123, 1_850_000),
        # 7 lots x 0.1 x premium 0.0123 BTC = 0.00861 BTC x 90,000 = 774.9; half a percent 3.8745
        (CALL, 7, 123, 3_874_500),
        # a worthless option costs nothing to close
        (CALL, 7, 0, 0),
    ],
)
def test_the_penalty_is_its_rate_of_what_is_traded(symbol, lots, ticks, expected):
    assert penalty(Step(symbol=symbol, lots=lots, price_ticks=ticks)) == expected


def test_the_penalties_of_all_steps_add_up_and_round_up():
    one = Step(symbol=INVERSE, lots=1, price_ticks=180_000)

    assert penalty(one, rate="0.0000001") == 1  # one millionth of a dollar
    assert penalty(one, replace(one, lots=-1), rate="0.00000001") == 1


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_the_penalty_is_never_more_than_the_equity_there_is(equity, lots):
    charged = penalty(Step(symbol=PERPETUAL, lots=lots, price_ticks=180_000), equity=equity)

    assert 0 <= charged <= max(0, equity)


@given(st.integers(0, 10**9), st.integers(-(10**9), 10**9))
def test_what_is_left_of_a_penalty_pushes_nobody_below_zero(most, equity_after):
    left = plan.bearable(most, equity=equity_after)

    assert 0 <= left <= most
    assert equity_after + most - left >= 0 or left == 0
    assert left == most or equity_after + most - left <= 0, "no less than can be borne"


# --- the choice -------------------------------------------------------------------------------


def test_the_smallest_share_that_restores_is_chosen():
    outlooks = [an_outlook(40, 100, 80), an_outlook(30, 100, 83), an_outlook(20, 100, 90)]

    assert plan.choose(outlooks, maintenance=100, missing=200).percent == 30


def test_without_one_that_restores_the_least_missing_is_chosen():
    outlooks = [an_outlook(10, 0, 100), an_outlook(100, -10, 50), an_outlook(90, -10, 50)]

    assert plan.choose(outlooks, maintenance=100, missing=200).percent == 90


def test_a_share_that_raises_the_requirement_is_never_chosen():
    raising = an_outlook(1, 10_000, 101)

    assert plan.choose([raising], maintenance=100, missing=200) is None
    assert (
        plan.choose([raising, an_outlook(99, 0, 100)], maintenance=100, missing=200).percent == 99
    )
    assert plan.choose([], maintenance=100, missing=200) is None


def test_a_closing_that_leaves_as_much_missing_as_there_is_helps_nobody():
    same = an_outlook(1, 0, 100)

    assert plan.choose([same], maintenance=100, missing=same.target) is None
    assert plan.choose([same], maintenance=100, missing=same.target + 1) is same


@given(
    st.lists(
        st.builds(an_outlook, PERCENT, st.integers(-500, 500), st.integers(0, 500)), max_size=20
    ),
    st.integers(0, 500),
    st.integers(1, 1_000),
)
def test_the_choice_is_the_best_of_what_does_not_hurt(outlooks, maintenance, missing):
    chosen = plan.choose(outlooks, maintenance=maintenance, missing=missing)

    helpful = [it for it in outlooks if it.maintenance <= maintenance]
    helpful = [it for it in helpful if it.target - it.equity < missing]
    assert (chosen is None) == (not helpful)
    if chosen is not None:
        assert chosen in helpful
        better = [it for it in helpful if it.restores and it.percent < chosen.percent]
        assert not better
        assert chosen.restores or not any(it.restores for it in helpful)


# --- the name ---------------------------------------------------------------------------------


def test_a_plans_name_is_bound_to_everything_it_was_made_of():
    usual = {
        "case_id": "c",
        "step": 1,
        "steps": "[]",
        "price_sequence": 5,
        "account_version": 7,
    }
    others = [{"case_id": "d"}, {"step": 2}, {"steps": "[1]"}, {"price_sequence": 6}]
    others.append({"account_version": 8})

    names = {plan.name_of(**usual), *(plan.name_of(**{**usual, **but}) for but in others)}

    assert len(names) == 1 + len(others)
    assert plan.name_of(**usual) in names
