"""Ways to lose money, to escape a call or to stop the house that were tried once and must not work."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from importlib import import_module

import pytest

from accounts.services import register
from clearing import selectors as record
from clearing.domain import clock
from clearing.domain.policy import Policy
from clearing.domain.prices import PriceOutsideBand
from clearing.services import accounts as standing
from clearing.services import collateral, pricing, reference, timekeeping, trades
from liquidation import selectors as liquidation
from liquidation.services import cases
from margin import selectors as margin
from tests.builders import (
    CAUSE,
    EXPIRY,
    FUTURE,
    PERPETUAL,
    PUT,
    START,
    a_house,
    a_price_set,
    a_third_member,
    a_trade,
    after,
    an_option,
    run_due_jobs,
)
from tests.doors.callers import Caller, a_key

pytestmark = pytest.mark.django_db
NORTH, SOUTH, RING = "NORTH-1", "SOUTH-1", "RING-1"


def a_quiet_house(**funds: str) -> None:
    """Prices at 90,000; no periodic run comes in between."""
    a_house(**funds)
    policy = Policy(price_max_age_seconds=86_400, margin_period_seconds=30 * 86_400)
    reference.set_policy(policy, at=timekeeping.now(), cause=CAUSE)
    seal("90000", hours=1)
    run_due_jobs()


def seal(index: str, *, hours: float = 3) -> int:
    at = timekeeping.now() + timedelta(hours=hours)
    return pricing.seal(a_price_set(index, at=at), cause=CAUSE)


def trade(trade_id: str, **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)


def ask(amount: str) -> None:
    collateral.request_withdrawal(
        NORTH, key="w", asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def work(*, without: Iterable[str] = ()) -> None:
    """Due jobs but for some kinds, which a slow or dead worker has."""
    tried: set[int] = set()
    while True:
        due = record.jobs().filter(state="due").exclude(id__in=tried).exclude(kind__in=without)
        job = due.order_by("id").first()
        if job is None:
            return
        tried.add(job.id)
        run(job)


def run(job) -> None:
    app, _, name = job.kind.partition(".")
    getattr(import_module(f"{app}.tasks"), name)(job_id=job.id)


def called() -> list[str]:
    return [call.account for call in margin.calls()]


# --- escaping a call --------------------------------------------------------------------------


def test_a_speck_of_something_nobody_prices_shields_nobody():
    a_quiet_house(NORTH="20000")
    trade("t-1")
    collateral.deposit(
        NORTH, key="dust", asset="ETH", amount="0.000000001", at=timekeeping.now(), cause=CAUSE
    )

    seal("79000")
    run_due_jobs()

    assert called() == [NORTH]


def test_a_lot_of_an_option_nobody_quotes_shields_nobody():
    a_quiet_house(NORTH="20000")
    trade("t-1")
    trade("t-2", symbol=PUT, quantity="0.1", price="0")
    run_due_jobs()

    found = a_price_set("79000", at=timekeeping.now() + timedelta(hours=3))
    quotes = {symbol: quote for symbol, quote in found.quotes.items() if symbol != PUT}
    pricing.seal(replace(found, quotes=quotes), cause=CAUSE)
    run_due_jobs()

    assert called() == [NORTH]


def test_one_account_that_is_too_large_stops_nobody_elses_margin():
    a_quiet_house(NORTH="20000")
    trade("t-1")
    trade("t-big", quantity="1000000", buyer=SOUTH, seller=a_third_member())
    run_due_jobs()

    seal("79000")
    run_due_jobs()

    assert NORTH in called()
    assert margin.latest_requirement(SOUTH).reason.startswith("too-large")


def test_sums_of_costs_do_not_wrap():
    a_quiet_house()
    trade("t-1", quantity="0.001", price="9000000000000000")
    trade("t-2", symbol=FUTURE, quantity="0.001", price="9000000000000000")
    run_due_jobs()

    row = margin.latest_requirement(NORTH)

    assert row.reason or row.equity < 0


# --- taking what is not there -----------------------------------------------------------------


def test_one_wire_told_over_two_keys_of_a_custodian_is_credited_once():
    a_quiet_house(NORTH="20000")
    old, new = Caller(a_key(custodian="CUSTODY-BANK")), Caller(a_key(custodian="CUSTODY-BANK"))
    body = {"asset": "USDC", "amount": "1000"}

    first = old.post(f"/accounts/{NORTH}/deposits", body, key="wire-77")
    again = new.post(f"/accounts/{NORTH}/deposits", body, key="wire-77")

    assert first.status_code == 201
    assert again.json()["sequence"] == first.json()["sequence"]
    assert record.account(NORTH).cash("USDC") == 21_000 * 10**6


def test_money_does_not_leave_an_account_that_was_frozen_meanwhile():
    a_quiet_house(NORTH="40000")
    trade("t-1")
    run_due_jobs()

    ask("100")
    standing.suspend(NORTH, reason="case", at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()

    assert record.withdrawals(NORTH)[0].status == "refused"


def test_nobody_is_closed_for_money_that_waits_and_comes_back():
    a_quiet_house(NORTH="30000")
    trade("t-1")
    run_due_jobs()

    ask("30000")
    seal("90000")
    work()  # the test says not yet while expiries settle
    time.sleep(0.3)
    run_due_jobs()

    assert record.account(NORTH).lots(PERPETUAL) == 1_000
    assert list(liquidation.cases()) == []


def test_expiry_pays_at_the_first_set_after_it_in_whatever_order_jobs_run():
    a_quiet_house()
    trade("t-1", symbol=FUTURE)
    run_due_jobs()
    for index, late in (("91000", timedelta(minutes=1)), ("50000", timedelta(hours=5))):
        pricing.seal(a_price_set(index, at=EXPIRY + late), cause=CAUSE)

    waiting = record.jobs().filter(kind="clearing.settle_expiries", state="due")
    for job in list(waiting.order_by("-id")):
        run(job)
    run_due_jobs()

    settled = [it.fact for it in record.stream(f"instrument-{FUTURE}")][-1]
    assert settled.index == "91000"


def test_no_venue_trades_with_the_backstop():
    a_quiet_house()
    venue = Caller(a_key(venue="XDER"))
    body = {
        "trade_id": "t-x",
        "symbol": PERPETUAL,
        "quantity": "10",
        "price": "180000",
        "buyer": RING,
        "seller": SOUTH,
    }

    answer = venue.post("/trades", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "account-ring-fenced")


# --- stopping the house -----------------------------------------------------------------------


def test_an_index_that_is_missing_at_an_expiry_stops_nobody_elses_margin():
    a_quiet_house(NORTH="20000")
    trade("t-1")
    listed = an_option(
        "ETH-X",
        strike="3000",
        option_type="call",
        underlying="ETH",
        settlement="ETH",
        lot_size="1",
        expiry_at=clock.text(after(hours=2)),
    )
    reference.list_instruments([listed], at=timekeeping.now(), cause=CAUSE)

    seal("79000")
    run_due_jobs()

    assert called() == [NORTH]


def test_withdrawals_of_two_members_never_share_an_id():
    a_quiet_house()
    register.open_account(
        "NORTH", member_id="SOUTH", kind="client", title="x", at=START, cause=CAUSE
    )
    collateral.deposit(
        "NORTH", key="n", asset="USDC", amount="1000", at=timekeeping.now(), cause=CAUSE
    )
    south, north = Caller(a_key(member="SOUTH")), Caller(a_key(member="NORTH"))
    body = {"asset": "USDC", "amount": "1"}

    answers = [
        south.post("/accounts/NORTH/withdrawals", body, key="1-today"),
        north.post("/accounts/NORTH-1/withdrawals", body, key="today"),
    ]

    assert [answer.status_code for answer in answers] == [202, 202]


# --- misleading a liquidation -----------------------------------------------------------------


def a_planned_case() -> None:
    a_quiet_house(NORTH="20000")
    trade("t-1")
    run_due_jobs()
    seal("79000")
    work(without=["liquidation.walk_case"])
    cases.walk(NORTH, cause=CAUSE)
    cases.walk(NORTH, cause=CAUSE)
    (case,) = liquidation.cases()
    assert case.state == "planned"


def test_a_plan_is_not_carried_out_on_prices_that_grew_too_old():
    a_planned_case()
    timekeeping.advance(timekeeping.now() + timedelta(days=3), cause=CAUSE)

    cases.walk(NORTH, cause=CAUSE)

    names = [it.fact.NAME for it in record.stream(f"case-{NORTH}")]
    assert names[-1] == "liquidation.plan-voided.v1"
    assert "liquidation.step-executed.v1" not in names


def test_a_plan_whose_backstop_may_not_trade_any_more_reaches_people():
    a_planned_case()
    standing.suspend(RING, reason="full", at=timekeeping.now(), cause=CAUSE)

    run_due_jobs()

    (case,) = liquidation.cases()
    assert case.state == "stuck"


def test_a_backstop_that_cannot_carry_it_takes_nothing_over():
    a_quiet_house(NORTH="20000", RING="0")
    trade("t-1")
    run_due_jobs()

    seal("79000")
    run_due_jobs()

    (case,) = liquidation.cases()
    assert (record.account(RING).lots(PERPETUAL), case.state) == (0, "stuck")


def test_a_call_that_is_decided_late_still_gives_its_member_time():
    a_quiet_house(NORTH="20000")
    trade("t-1")
    run_due_jobs()
    seal("83500")
    work(without=["margin.decide_call"])
    timekeeping.advance(timekeeping.now() + timedelta(hours=2), cause=CAUSE)

    run_due_jobs()

    (call,) = margin.calls()
    assert call.due_at > timekeeping.now()


def test_no_step_of_a_hedged_book_leaves_more_missing_even_at_a_steep_penalty():
    a_quiet_house(NORTH="100000")
    policy = replace(record.policy(), penalty_rate=Decimal("0.03"))
    reference.set_policy(policy, at=timekeeping.now(), cause=CAUSE)
    trade("t-1", symbol=FUTURE, quantity="10")
    trade("t-2", quantity="10", buyer=SOUTH, seller=NORTH)
    run_due_jobs()
    found = a_price_set("90000", at=timekeeping.now() + timedelta(hours=3))
    quotes = {**found.quotes, FUTURE: replace(found.quotes[FUTURE], mark="82000")}

    pricing.seal(replace(found, quotes=quotes), cause=CAUSE)
    run_due_jobs()

    facts = [it.fact for it in record.stream(f"case-{NORTH}")]
    plans = [it for it in facts if it.NAME == "liquidation.plan-made.v1"]
    assert plans
    for made in plans:
        before, later = (
            made.maintenance_before - made.equity_before,
            made.maintenance_after - made.equity_after,
        )
        assert later <= before


def test_a_caller_cannot_write_itself_into_the_trail_of_a_call():
    a_quiet_house(NORTH="20000")
    trade("t-1")
    run_due_jobs()
    south = Caller(a_key(member="SOUTH"))
    south.post(
        "/accounts/SOUTH-1/withdrawals",
        {"asset": "USDC", "amount": "1"},
        headers={"X-Correlation-Id": f"{NORTH}-call-1"},
    )

    seal("79000")
    run_due_jobs()

    assert {getattr(it.fact, "account_id", NORTH) for it in record.trail(f"{NORTH}-call-1")} <= {
        NORTH,
        RING,
    }


@pytest.mark.parametrize(
    ("symbol", "price", "outcome"),
    [
        (PERPETUAL, "99000", "taken"),
        (PERPETUAL, "99000.5", "price-outside-band"),
        (PERPETUAL, "1000", "price-outside-band"),
        (PUT, "0.1101", "taken"),
        (PUT, "0.1102", "price-outside-band"),
        (PUT, "0", "taken"),
    ],
)
def test_a_price_far_from_the_mark_is_refused_where_the_policy_has_a_band(symbol, price, outcome):
    a_quiet_house()
    policy = replace(record.policy(), price_band=Decimal("0.1"))
    reference.set_policy(policy, at=timekeeping.now(), cause=CAUSE)

    if outcome == "taken":
        trade("t-1", symbol=symbol, price=price)
        assert record.account(NORTH).lots(symbol)
        return
    with pytest.raises(PriceOutsideBand) as refused:
        trade("t-1", symbol=symbol, price=price)
    assert (refused.value.code, refused.value.field) == (outcome, "price")
    assert record.account(NORTH).lots(symbol) == 0
