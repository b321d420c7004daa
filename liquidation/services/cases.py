"""Walking a case from breach to restoration, one fact at a time.

Each step is one decision: it looks at where the case is, does the next thing, records it, and the
fact leaves the job for the step after (config/routes.py). So a step that is repeated, late or
interrupted finds the case where the last committed step left it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from accounts.services import register
from clearing import selectors as record
from clearing import store
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.services import jobs, timekeeping
from liquidation import selectors
from liquidation.domain.case import Case
from liquidation.domain.events import (
    CaseClosed,
    CaseFrozen,
    CaseOpened,
    CaseReassessed,
    CaseRestored,
    CaseResumed,
    CaseStuck,
)
from liquidation.domain.states import OVER, IllegalMove, State
from liquidation.services import execution
from margin import selectors as margin
from margin.domain.calls import Levels
from margin.services import calls, runs

MOST_STEPS = 20  # plans carried out since people last looked; two or three are usual
PATIENCE = timedelta(minutes=15)  # of business time without a step


@store.decision
def open_case(sequence: int, *, cause: Cause) -> int | None:
    """A breached call opens a case; None when one is open already."""
    breach = record.recorded(sequence).fact
    stream = store.claim(f"case-{breach.account_id}")
    case = selectors.case_of(breach.account_id)
    if case.state not in OVER or case.call_id == breach.call_id:
        return None
    call = margin.call(breach.call_id)
    fact = CaseOpened(
        account_id=breach.account_id,
        case_id=f"{breach.account_id}-case-{case.count + 1}",
        call_id=breach.call_id,
        reason=f"margin call breached: {breach.reason}",
        asset=call.asset,
        equity=breach.equity,
        maintenance=breach.maintenance,
        run_id=breach.run_id,
    )
    return store.append(stream, fact, at=timekeeping.now(), cause=cause)


@store.decision
def walk(account_id: str, *, cause: Cause) -> int | None:
    """The next step of the account's case, if there is one to take now. Every branch ends in a
    state: a step that is refused leaves the case with people, and says why.

    Raises NotYet while the book is about to be margined on a new set.
    """
    stream = store.claim(f"case-{account_id}")
    case = selectors.case_of(account_id)
    step, at = STEPS.get(case.state), timekeeping.now()
    if step is None:
        return None
    try:
        with store.attempt():
            return step(stream, account_id, case, at, cause)
    except Refusal as refusal:
        return _stuck(stream, account_id, case, refusal.sentence, at, cause)


def watch(*, cause: Cause) -> int:
    """Leave somebody to mind every case that should be moving; how many there are.

    This is what carries a case over prices that were stale or missing when it was to move.
    """
    rows = [row for row in selectors.open_cases() if row.state != State.STUCK]
    for row in rows:
        address = {
            "account": row.account,
            "sequence": row.latest,
            "correlation_id": row.correlation_id,
        }
        key = f"{row.case_id}:{row.latest}:{cause.sequence}"
        jobs.leave("liquidation.mind_case", key=key, address=address)
    return len(rows)


@store.decision
def mind(account_id: str, *, cause: Cause) -> int | None:
    """Walk a case on, or call people if it has not moved for too long."""
    stream = store.claim(f"case-{account_id}")
    moved = walk(account_id, cause=cause)
    if moved is not None:
        return moved
    row = selectors.open_cases().filter(account=account_id).exclude(state=State.STUCK).first()
    at = timekeeping.now()
    if row is None or at - row.moved_at < PATIENCE:
        return None
    reason = f"no progress for {int(PATIENCE.total_seconds() // 60)} minutes in state {row.state}"
    return _stuck(stream, account_id, selectors.case_of(account_id), reason, at, cause)


@store.decision
def resume(account_id: str, *, reason: str, at: datetime, cause: Cause) -> int:
    """An officer has looked at a stuck case. Raises IllegalMove when it is not stuck."""
    stream = store.claim(f"case-{account_id}")
    case = selectors.case_of(account_id)
    if case.state is not State.STUCK:
        raise IllegalMove(field="case", state=case.state, trigger="resume")
    under = Cause(actor=cause.actor, correlation_id=_correlation(case), sequence=cause.sequence)
    fact = CaseResumed(account_id=account_id, case_id=case.case_id, reason=reason)
    return store.append(stream, fact, at=at, cause=under)


# --- the steps --------------------------------------------------------------------------------

Step = Callable[[store.Stream, str, Case, datetime, Cause], int | None]


def _freeze(
    stream: store.Stream, account_id: str, case: Case, at: datetime, cause: Cause
) -> int | None:
    levels = _levels(account_id, cause)
    if levels is None:
        return None
    register.suspend(account_id, reason=f"liquidation case {case.case_id}", at=at, cause=cause)
    fact = CaseFrozen(case_id=case.case_id, **_margined(account_id, levels))
    return store.append(stream, fact, at=at, cause=cause)


def _assess(
    stream: store.Stream, account_id: str, case: Case, at: datetime, cause: Cause
) -> int | None:
    """Restored if the target is met; otherwise the next plan, or people."""
    levels = _levels(account_id, cause)
    if levels is None:
        return None
    if levels.equity >= levels.target:
        fact = CaseRestored(case_id=case.case_id, **_margined(account_id, levels))
        return store.append(stream, fact, at=at, cause=cause)
    if case.steps - case.looked_at >= MOST_STEPS:
        reason = f"not restored after {MOST_STEPS} steps"
        return _stuck(stream, account_id, case, reason, at, cause)
    try:
        plan = execution.make_plan(account_id, case=case, levels=levels, at=at)
    except execution.NothingToClose as nothing:
        return _stuck(stream, account_id, case, nothing.sentence, at, cause)
    return store.append(stream, plan, at=at, cause=cause) if plan else None


def _execute(
    stream: store.Stream, _account_id: str, case: Case, at: datetime, cause: Cause
) -> int | None:
    assert case.plan is not None, "a planned case has a plan"
    fact = execution.execute(case.plan, at=at, cause=cause)
    return store.append(stream, fact, at=at, cause=cause)


def _reassess(
    stream: store.Stream, account_id: str, case: Case, at: datetime, cause: Cause
) -> int | None:
    levels = _levels(account_id, cause)
    if levels is None:
        return None
    fact = CaseReassessed(case_id=case.case_id, **_margined(account_id, levels))
    return store.append(stream, fact, at=at, cause=cause)


def _close(
    stream: store.Stream, account_id: str, case: Case, at: datetime, cause: Cause
) -> int | None:
    calls.conclude(account_id, outcome="restored", at=at, cause=cause)
    reason = f"liquidation case {case.case_id} is restored"
    register.reinstate(account_id, reason=reason, at=at, cause=cause)
    fact = CaseClosed(account_id=account_id, case_id=case.case_id, steps=case.steps)
    return store.append(stream, fact, at=at, cause=cause)


STEPS: dict[State, Step] = {
    State.OPENED: _freeze,
    State.FROZEN: _assess,
    State.PLANNED: _execute,
    State.EXECUTED: _reassess,
    State.REASSESSED: _assess,
    State.RESTORED: _close,
}


def _stuck(
    stream: store.Stream, account_id: str, case: Case, reason: str, at: datetime, cause: Cause
) -> int:
    fact = CaseStuck(account_id=account_id, case_id=case.case_id, reason=reason)
    return store.append(stream, fact, at=at, cause=cause)


def _levels(account_id: str, cause: Cause) -> Levels | None:
    """The account margined as it is now; None when it cannot be priced, so that the case waits."""
    requirement = runs.remargin(account_id, cause=cause)
    if requirement is None:
        raise jobs.NotYet("the book is about to be margined on a new price set")
    return None if requirement.reason else margin.levels(requirement)


def _margined(account_id: str, levels: Levels) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "run_id": levels.run_id,
        "equity": levels.equity,
        "maintenance": levels.maintenance,
        "target": levels.target,
    }


def _correlation(case: Case) -> str:
    return case.call_id
