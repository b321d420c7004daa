"""A short history with a bit of everything in it, for tests of the record as a whole."""

from __future__ import annotations

from accounts.services import people, register
from clearing.domain.policy import Policy
from clearing.services import (
    collateral,
    funding,
    pricing,
    reference,
    schedules,
    sealing,
    timekeeping,
    trades,
)
from clearing.services.funding import Fixing
from tests.builders import (
    CALL,
    CAUSE,
    EXPIRY,
    FUTURE,
    PERPETUAL,
    SPOT,
    START,
    a_house,
    a_price_set,
    a_trade,
    after,
    run_due_jobs,
)


def a_history() -> None:
    """Trades, a withdrawal paid and one refused, a call, a liquidation, an expiry, a cycle, people and
    keys; the first half of it sealed."""
    a_house(NORTH="15000")
    _people()
    pricing.seal(a_price_set("90000", at=after(hours=1)), cause=CAUSE)
    _trade("t-1")
    _trade("t-2", symbol=CALL, quantity="0.5", price="0.0123")
    _trade("t-3", symbol=FUTURE, quantity="0.1", price="90100")
    _trade("t-4", symbol=SPOT, quantity="0.01", price="89990")
    _settlement()
    run_due_jobs()
    _withdraw("w-1", account="SOUTH-1", amount="100")
    _withdraw("w-2", account="NORTH-1", amount="8000")
    run_due_jobs()
    sealing.seal()

    pricing.seal(a_price_set("80000", at=after(hours=2)), cause=CAUSE)
    run_due_jobs()
    pricing.seal(a_price_set("81000", at=EXPIRY), cause=CAUSE)
    run_due_jobs()
    _closed_account()
    reference.halt(SPOT, reason="an auction", at=timekeeping.now(), cause=CAUSE)
    reference.set_policy(Policy(price_max_age_seconds=7_200), at=timekeeping.now(), cause=CAUSE)


def _people() -> None:
    people.create_user("ada", password="correct horse battery")
    people.grant_role("ada", role="risk-officer", at=START, cause=CAUSE)
    people.issue_credential(title="desk", member_id="NORTH", at=START, cause=CAUSE)
    people.issue_credential(title="venue", venue="XDER", at=START, cause=CAUSE)
    people.issue_credential(title="bank", custodian="CUSTODY-BANK", at=START, cause=CAUSE)


def _settlement() -> None:
    """A schedule whose cycle the expiry's prices reach, a fee, a funding rate, and lots abandoned."""
    at = timekeeping.now()
    schedules.set_schedule("08:00", at=at, cause=CAUSE)
    schedules.set_fee("perpetual", rate="0.000001", at=at, cause=CAUSE)
    schedules.instruct_exercise("NORTH-1", key="x", symbol=CALL, abandon=1, at=at, cause=CAUSE)
    rate = Fixing(symbol=PERPETUAL, source="XDER", interval_end=at, hours=8, rate="0.000001")
    funding.fix(rate, cause=CAUSE)


def _trade(trade_id: str, **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)


def _withdraw(key: str, *, account: str, amount: str) -> None:
    collateral.request_withdrawal(
        account, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def _closed_account() -> None:
    at = timekeeping.now()
    register.open_account(
        "NORTH-2", member_id="NORTH", kind="house", title="Spare", at=at, cause=CAUSE
    )
    register.suspend("NORTH-2", reason="a drill", at=at, cause=CAUSE)
    register.reinstate("NORTH-2", reason="the drill is over", at=at, cause=CAUSE)
