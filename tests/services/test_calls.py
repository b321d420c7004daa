"""Margin calls on a real record: issued by a fall, acknowledged, paid, swept, breached."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clearing import selectors as record
from clearing.domain import amounts
from clearing.domain.account import AccountNotOpen
from clearing.domain.policy import Policy
from clearing.services import collateral, pricing, reference, timekeeping, trades
from clearing.store import KeyReused
from liquidation import selectors as liquidation
from margin import selectors as margin
from margin.services import calls, runs
from tests.builders import (
    CALL,
    CAUSE,
    EXPIRY,
    FUTURE,
    a_house,
    a_price_set,
    a_trade,
    after,
    run_due_jobs,
)

pytestmark = pytest.mark.django_db
NORTH = "NORTH-1"


def a_long_account(funds: str = "20000") -> None:
    """NORTH-1 holds one bitcoin of perpetual, bought at 90,000 and well covered there."""
    a_house(NORTH=funds)
    rules(price_max_age_seconds=86_400)
    seal("90000", at=after(hours=1))
    trade("t-1")


def rules(**but: int) -> None:
    """No periodic runs: they would decide, too."""
    policy = Policy(**({"margin_period_seconds": 30 * 86_400} | but))
    reference.set_policy(policy, at=timekeeping.now(), cause=CAUSE)


def seal(index: str, *, at=None) -> None:
    pricing.seal(a_price_set(index, at=at or timekeeping.now() + timedelta(hours=3)), cause=CAUSE)
    run_due_jobs()


def trade(trade_id: str, **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()


def deposit(amount: str, *, key: str = "pay", jobs: bool = True) -> None:
    collateral.deposit(
        NORTH, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )
    if jobs:
        run_due_jobs()


def the_call():
    (call,) = margin.calls()
    return call


def missing() -> str:
    return str(amounts.shown(the_call().amount, scale=6))


def reach(at) -> None:
    timekeeping.advance(at, cause=CAUSE)
    run_due_jobs()


def standing() -> str:
    return record.account_row(NORTH).standing


def facts(call_id: str) -> list[str]:
    names = [it.fact.NAME.split(".")[1] for it in record.stream(f"call-{the_call().account}")]
    assert call_id == the_call().call_id
    return names


def test_a_fall_that_is_survived_calls_nobody():
    a_long_account()

    seal("86000")

    assert margin.calls().count() == 0


def test_a_fall_leads_to_a_call_for_what_is_missing():
    a_long_account()

    seal("84000")

    call, row = the_call(), margin.latest_requirement(NORTH)
    assert (call.state, call.account) == ("issued", NORTH)
    assert call.equity + call.amount == call.target == row.initial
    assert timedelta(minutes=49) < call.due_at - call.issued_at < timedelta(minutes=50)
    assert standing() == "open"


def test_a_call_refers_to_a_completed_run():
    a_long_account()

    seal("84000")

    run = margin.run(the_call().run_id)
    assert run.completed
    assert run.price_sequence == record.latest_prices().sequence


def test_a_call_is_acknowledged_once():
    a_long_account()
    seal("84000")
    call_id, at = the_call().call_id, timekeeping.now()

    first = calls.acknowledge(call_id, key="k", at=at, cause=CAUSE)
    again = calls.acknowledge(call_id, key="k", at=at, cause=CAUSE)
    under_another_key = calls.acknowledge(call_id, key="other", at=at, cause=CAUSE)

    assert first == again == under_another_key
    assert the_call().state == "acknowledged"
    assert facts(call_id).count("call-acknowledged") == 1


def test_a_key_used_for_something_else_is_refused():
    a_long_account()
    seal("84000")
    deposit("1", key="k")

    with pytest.raises(KeyReused):
        calls.acknowledge(the_call().call_id, key="k", at=timekeeping.now(), cause=CAUSE)


def test_a_call_that_is_paid_is_covered():
    a_long_account()
    seal("84000")
    calls.acknowledge(the_call().call_id, key="k", at=timekeeping.now(), cause=CAUSE)

    deposit(missing())

    assert (the_call().state, the_call().outcome) == ("covered", "paid")
    assert the_call().equity == margin.latest_requirement(NORTH).initial - the_call().amount


def test_a_payment_of_less_is_not_enough():
    a_long_account()
    seal("84000")

    deposit("1")

    assert the_call().state == "issued"


def test_a_call_is_covered_when_prices_recover():
    a_long_account()
    seal("84000")

    pricing.seal(a_price_set("89000", at=timekeeping.now() + timedelta(minutes=5)), cause=CAUSE)
    run_due_jobs()

    assert (the_call().state, the_call().outcome) == ("covered", "requirement-fell")


def test_a_call_is_covered_when_the_account_sheds_risk():
    a_long_account()
    seal("84000")

    trade("t-2", buyer="SOUTH-1", seller=NORTH, quantity="0.5", price="84000")

    assert (the_call().state, the_call().outcome) == ("covered", "requirement-fell")


def test_a_further_fall_makes_the_call_due_earlier():
    a_long_account()
    seal("84000")
    first = the_call()

    pricing.seal(a_price_set("83000", at=timekeeping.now() + timedelta(minutes=5)), cause=CAUSE)
    run_due_jobs()

    assert the_call().due_at < first.due_at
    assert the_call().amount > first.amount
    assert facts(first.call_id) == ["call-issued", "call-tightened"]


def test_deciding_a_run_again_changes_nothing():
    a_long_account()
    seal("84000")
    before = facts(the_call().call_id)

    calls.decide(NORTH, run_id=the_call().run_id, cause=CAUSE)

    assert facts(the_call().call_id) == before


def test_an_older_run_that_is_decided_late_changes_nothing():
    a_long_account()
    fine = margin.latest_requirement(NORTH).run_id
    seal("84000")

    calls.decide(NORTH, run_id=fine, cause=CAUSE)

    assert the_call().state == "issued"


def test_a_run_that_is_decided_after_a_newer_one_changes_nothing_even_when_all_is_over():
    a_long_account()
    seal("79000")
    over = facts(the_call().call_id)
    older = [row.run_id for row in margin.requirements(NORTH) if row.price_sequence > 0]

    for run_id in older:
        calls.decide(NORTH, run_id=run_id, cause=CAUSE)

    assert the_call().state == "concluded"
    assert facts(the_call().call_id) == over
    assert len(older) > 3


def test_a_severe_fall_opens_a_case_at_once():
    a_long_account()

    seal("79000")

    assert (the_call().state, the_call().outcome) == ("concluded", "restored")
    assert facts(the_call().call_id)[:2] == ["call-issued", "call-breached"]
    assert liquidation.cases().count() == 1


def test_a_call_that_is_not_paid_is_breached_when_it_is_due_and_opens_one_case():
    a_long_account()
    seal("82500")
    call = the_call()

    reach(call.due_at - timedelta(seconds=1))
    before = the_call().state
    reach(call.due_at)
    reach(call.due_at + timedelta(minutes=1))

    assert before == "issued"
    assert facts(call.call_id) == ["call-issued", "call-breached", "call-concluded"]
    assert [case.call_id for case in liquidation.cases()] == [call.call_id]


def test_a_payment_in_the_instant_of_the_sweep_counts():
    a_long_account()
    seal("82500")
    timekeeping.advance(the_call().due_at, cause=CAUSE)

    deposit(missing(), jobs=False)
    calls.sweep_one(NORTH, cause=CAUSE)
    run_due_jobs()

    assert (the_call().state, the_call().outcome) == ("covered", "paid")
    assert liquidation.cases().count() == 0


def test_sweeping_twice_is_once():
    a_long_account()
    seal("84000")
    reach(the_call().due_at)

    assert calls.sweep_one(NORTH, cause=CAUSE) == []
    assert facts(the_call().call_id) == ["call-issued", "call-overdue"]


def test_nobody_is_breached_on_prices_that_have_grown_stale():
    a_long_account()
    rules(price_max_age_seconds=600)
    seal("82500")
    due_at = the_call().due_at

    reach(due_at)
    swept_stale = the_call().state
    pricing.seal(a_price_set("82500", at=due_at + timedelta(minutes=1)), cause=CAUSE)
    run_due_jobs()
    reach(due_at + timedelta(minutes=2))

    assert swept_stale == "issued"
    assert facts(the_call().call_id)[:2] == ["call-issued", "call-breached"]


# --- overdue: maintenance is met, the target is not --------------------------------------------


def an_overdue_account() -> None:
    a_long_account()
    seal("84000")
    reach(the_call().due_at)
    assert the_call().state == "overdue"


def test_an_overdue_account_may_only_shed():
    an_overdue_account()

    with pytest.raises(AccountNotOpen) as refused:
        trade("t-2", quantity="0.1", price="84000")
    with pytest.raises(AccountNotOpen):
        trade("t-3", symbol=CALL, quantity="0.1", price="0.0123")
    trade("t-4", buyer="SOUTH-1", seller=NORTH, quantity="0.1", price="84000")

    assert refused.value.code == "account-not-open"
    assert record.account(NORTH).lots("BTC-PERP") == 900


def test_an_overdue_account_may_pay_and_not_withdraw():
    an_overdue_account()

    with pytest.raises(AccountNotOpen):
        collateral.request_withdrawal(
            NORTH, key="w", asset="USDC", amount="1", at=timekeeping.now(), cause=CAUSE
        )
    deposit("1")

    assert record.account(NORTH).cash("USDC") == 20_001_000_000


def test_an_overdue_account_that_pays_is_reinstated():
    an_overdue_account()

    deposit(missing())

    assert (the_call().state, the_call().outcome, standing()) == ("covered", "paid", "open")
    trade("t-2", quantity="0.001", price="84000")


def test_an_overdue_account_whose_requirement_falls_did_not_pay():
    an_overdue_account()

    seal("89000")

    assert (the_call().outcome, standing()) == ("requirement-fell", "open")


def test_an_overdue_account_that_falls_below_maintenance_is_liquidated():
    an_overdue_account()

    seal("83000")

    assert facts(the_call().call_id)[-2:] == ["call-breached", "call-concluded"]
    assert [case.reason for case in liquidation.cases()] == ["margin call breached: due"]


# --- debts ------------------------------------------------------------------------------------


def test_a_debt_that_is_left_when_everything_has_expired_is_called_for():
    a_house(NORTH="20000")
    seal("90000", at=after(hours=1))
    trade("t-1", symbol=FUTURE)

    seal("60000", at=EXPIRY)

    row = margin.latest_requirement(NORTH)
    assert (row.equity, row.maintenance) == (-10_000_000_000, 0)
    assert (the_call().state, the_call().amount) == ("breached", 10_000_000_000)
    (case,) = liquidation.cases()
    assert (case.state, "no positions left" in case.reason) == ("stuck", True)


def test_an_account_that_was_emptied_is_not_called():
    a_house(NORTH="0")
    seal("90000", at=after(hours=1))

    assert runs.remargin(NORTH, cause=CAUSE).equity == 0
    assert margin.calls().count() == 0
