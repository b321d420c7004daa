"""Issuing, sweeping, acknowledging and concluding margin calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from accounts.services import register
from clearing import selectors as record
from clearing import store
from clearing.domain.cause import Cause
from clearing.domain.events import CollateralDeposited
from clearing.services import jobs, timekeeping
from margin import selectors
from margin.domain import calls, events
from margin.domain.calls import Calls, Levels
from margin.domain.events import WITHDRAWAL, CallFact
from margin.services import runs, withdrawals


def decide_run(sequence: int, *, cause: Cause) -> int:
    """Leave a decision for each account of a completed run that is short or called; how many.

    A job each, worst first: they run side by side, and one that fails holds up nobody else.
    """
    run = record.recorded(sequence).fact
    if run.kind == WITHDRAWAL:
        return 0  # the money is on its way out or back; after that the account is margined again
    run_id = run.run_id
    accounts = selectors.to_decide(run_id)
    for account_id in accounts:
        address = {
            "run": run_id,
            "account": account_id,
            "sequence": sequence,
            "correlation_id": cause.correlation_id,
        }
        jobs.leave("margin.decide_call", key=f"{run_id}:{account_id}", address=address)
    return len(accounts)


@store.decision
def decide(account_id: str, *, run_id: str, cause: Cause) -> list[int]:
    """Issue, tighten, cover or breach, by one run. Deciding again on the same run changes nothing,
    and so does deciding on a run after the account was margined anew: the newer one decides. An
    account that moved since, is under other parameters now, or was margined on a set that turned out
    wrong, is margined afresh first.
    """
    store.claim(f"call-{account_id}")
    if withdrawals.under_test(account_id):
        raise jobs.NotYet("a withdrawal of the account is being decided")
    at = timekeeping.now()  # a decision that comes late still gives the member its time
    found = selectors.requirement_in(run_id, account_id)
    levels = selectors.levels(found)
    latest = selectors.latest_requirement(account_id)
    if latest is not None and selectors.levels(latest).order > levels.order:
        return []
    moved = record.account_row(account_id).version != levels.account_version
    other = found.parameter_set != selectors.rules().name
    if moved or other or record.superseded(levels.price_sequence):
        fresh = runs.remargin(account_id, cause=cause)
        if fresh is None:
            raise jobs.NotYet("the account is about to be margined on a new set")
        if fresh.reason:
            return []
        levels = selectors.levels(fresh)
    if levels.equity < levels.initial and (
        returned := withdrawals.take_back(account_id, cause=cause)
    ):
        return returned  # with its money back the account is margined anew, and decided on then
    return _decide(account_id, levels, at=at, cause=cause, rule=calls.decide)


def sweep(*, cause: Cause) -> int:
    """Leave a decision for every open call whose due time has passed; how many there were."""
    due = selectors.due_calls(at=timekeeping.now())
    for call in due:
        address = {
            "account": call.account,
            "sequence": cause.sequence,
            "correlation_id": call.correlation_id,
        }
        jobs.leave("margin.sweep_call", key=f"{call.call_id}:{cause.sequence}", address=address)
    return len(due)


@store.decision
def sweep_one(account_id: str, *, cause: Cause) -> list[int]:
    """What becomes of a call that is due. The account is margined afresh first, so a payment of the
    last second counts. Raises NotYet while the latest set's expiries are being settled.
    """
    at = timekeeping.now()
    store.claim(f"call-{account_id}")
    requirement = runs.remargin(account_id, cause=cause)
    if requirement is None:
        raise jobs.NotYet("the account is about to be margined on a new set")
    if requirement.reason:
        return []  # nobody is breached on a requirement we could not compute
    levels = selectors.levels(requirement)
    return _decide(account_id, levels, at=at, cause=cause, rule=calls.decide_due)


def _decide(
    account_id: str,
    levels: Levels,
    *,
    at: datetime,
    cause: Cause,
    rule: Callable[..., list[CallFact]],
) -> list[int]:
    stream = store.claim(f"call-{account_id}")
    state = state_of(account_id)
    before = state.state
    covers = state.is_open and levels.equity >= levels.target
    paid = covers and _paid(account_id, since=state.version_when_called, by=levels.account_version)
    sequences = []
    for fact in rule(state, levels, account_id=account_id, at=at, paid=paid):
        under = Cause(actor=cause.actor, correlation_id=fact.call_id, sequence=cause.sequence)
        sequences.append(store.append(stream, fact, at=at, cause=under))
        _tell_accounts(fact, before=before, at=at, cause=under.because_of(sequences[-1]))
    return sequences


def _paid(account_id: str, *, since: int, by: int) -> bool:
    """Whether collateral came in after one version of the account and up to another."""
    return any(
        isinstance(it.fact, CollateralDeposited) and it.version <= by
        for it in record.stream(f"account-{account_id}", after=since)
    )


def _tell_accounts(fact: CallFact, *, before: calls.State, at: datetime, cause: Cause) -> None:
    """An overdue call makes its account reduce-only; covering it ends that."""
    match fact:
        case events.CallOverdue():
            reason = f"margin call {fact.call_id} is overdue"
            register.suspend(fact.account_id, reason=reason, at=at, cause=cause)
        case events.CallCovered() if before is calls.State.OVERDUE:
            reason = f"margin call {fact.call_id} is covered"
            register.reinstate(fact.account_id, reason=reason, at=at, cause=cause)
        case _:
            return


def state_of(account_id: str) -> Calls:
    return calls.replay(recorded.fact for recorded in record.stream(f"call-{account_id}"))


@store.decision
def acknowledge(call_id: str, *, key: str, at: datetime, cause: Cause) -> int:
    """The member has seen it. Twice is once, under any key.

    Raises NotFound, CallNotOpen, IllegalMove, KeyReused.
    """
    call, content = selectors.call(call_id), json.dumps(["acknowledge", call_id])
    stream = store.claim(f"call-{call.account}")
    recorded = store.earlier(scope=cause.actor, key=key, content=content)
    if recorded is not None:
        return recorded
    fact = calls.acknowledge(state_of(call.account), account_id=call.account, call_id=call_id)
    if fact is None:
        return call.latest
    under = Cause(actor=cause.actor, correlation_id=call_id, sequence=cause.sequence)
    sequence = store.append(stream, fact, at=at, cause=under)
    return store.remember(scope=cause.actor, key=key, content=content, sequence=sequence)


@store.decision
def conclude(account_id: str, *, outcome: str, at: datetime, cause: Cause) -> int | None:
    """What came of a breached call; None when none waits for it."""
    stream = store.claim(f"call-{account_id}")
    fact: Any = calls.conclude(state_of(account_id), account_id=account_id, outcome=outcome)
    return store.append(stream, fact, at=at, cause=cause) if fact else None
