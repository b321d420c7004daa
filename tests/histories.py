"""A short history with a bit of everything in it, for tests of the record as a whole."""

from __future__ import annotations

from accounts.services import people, register
from clearing import selectors
from clearing.domain.policy import Policy
from clearing.services import (
    collateral,
    pricing,
    reference,
    schedule,
    sealing,
    substitutions,
    timekeeping,
    trades,
)
from tests.builders import (
    CALL,
    CAUSE,
    EXPIRY,
    FUTURE,
    SPOT,
    START,
    a_house,
    a_price_set,
    a_trade,
    after,
    run_due_jobs,
)


def a_history() -> None:
    """Trades, a withdrawal paid and one refused, a call, a liquidation, an expiry, people and keys;
    the first half of it sealed."""
    a_house(NORTH="15000")
    _people()
    pricing.seal(a_price_set("90000", at=after(hours=1)), cause=CAUSE)
    _trade("t-1")
    _trade("t-2", symbol=CALL, quantity="0.5", price="0.0123")
    _trade("t-3", symbol=FUTURE, quantity="0.1", price="90100")
    _trade("t-4", symbol=SPOT, quantity="0.01", price="89990")
    run_due_jobs()
    _withdraw("w-1", account="SOUTH-1", amount="100")
    _withdraw("w-2", account="NORTH-1", amount="8000")
    run_due_jobs()
    _exchange_of_collateral()
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


def _trade(trade_id: str, **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)


def _withdraw(key: str, *, account: str, amount: str) -> None:
    collateral.request_withdrawal(
        account, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def _exchange_of_collateral() -> None:
    """A schedule that takes what is held, and bitcoin in place of dollars."""
    at = timekeeping.now()
    document = {"reporting": "USDC", "assets": {"BTC": {"admitted": True}}}
    schedule.set_schedule(document, at=at, cause=CAUSE)
    for key, state in (("s-1", "covered"), ("s-2", "proposed")):
        sequence = substitutions.propose(
            "SOUTH-1",
            key=key,
            asset="USDC",
            amount="700",
            incoming="BTC",
            incoming_amount="0.01",
            expires_at=after(hours=6),
            at=at,
            cause=CAUSE,
        )
        if state == "covered":
            substitutions.cover(
                "SOUTH-1",
                substitution_id=selectors.recorded(sequence).fact.substitution_id,
                key="wire-9",
                custodian="CUSTODY-BANK",
                at=at,
                cause=CAUSE,
            )
    run_due_jobs()


def _closed_account() -> None:
    at = timekeeping.now()
    register.open_account(
        "NORTH-2", member_id="NORTH", kind="house", title="Spare", at=at, cause=CAUSE
    )
    register.suspend("NORTH-2", reason="a drill", at=at, cause=CAUSE)
    register.reinstate("NORTH-2", reason="the drill is over", at=at, cause=CAUSE)
