"""Rows from facts: cases."""

from __future__ import annotations

from typing import Any

from clearing.store import Recorded
from liquidation import models
from liquidation.domain import events
from liquidation.domain.states import State


def case_opened(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Case.objects.create(
        case_id=fact.case_id,
        account=fact.account_id,
        call_id=fact.call_id,
        correlation_id=recorded.cause.correlation_id,
        state=State.OPENED,
        reason=fact.reason,
        asset=fact.asset,
        equity=fact.equity,
        maintenance=fact.maintenance,
        opened_at=recorded.effective_at,
        moved_at=recorded.effective_at,
        sequence=recorded.sequence,
        latest=recorded.sequence,
    )


def _margined(recorded: Recorded, state: State) -> None:
    fact = recorded.fact
    _moved(
        recorded,
        state=state,
        equity=fact.equity,
        maintenance=fact.maintenance,
        target=fact.target,
    )


def case_frozen(recorded: Recorded) -> None:
    _margined(recorded, State.FROZEN)


def case_reassessed(recorded: Recorded) -> None:
    _margined(recorded, State.REASSESSED)


def case_restored(recorded: Recorded) -> None:
    _margined(recorded, State.RESTORED)


def plan_made(recorded: Recorded) -> None:
    _moved(recorded, state=State.PLANNED)


def plan_voided(recorded: Recorded) -> None:
    _moved(recorded, state=State.FROZEN)


def step_executed(recorded: Recorded) -> None:
    fact = recorded.fact
    row = models.Case.objects.get(case_id=fact.case_id)
    _moved(recorded, state=State.EXECUTED, steps=fact.step, penalty=row.penalty + fact.penalty)


def case_stuck(recorded: Recorded) -> None:
    _moved(recorded, state=State.STUCK, reason=recorded.fact.reason[:300])


def case_resumed(recorded: Recorded) -> None:
    _moved(recorded, state=State.FROZEN, reason=recorded.fact.reason[:300])


def case_closed(recorded: Recorded) -> None:
    _moved(recorded, state=State.CLOSED, closed_at=recorded.effective_at)


def case_flagged(recorded: Recorded) -> None:
    """Not a move: a case that is stuck is as stuck as before."""
    fact = recorded.fact
    models.Case.objects.filter(case_id=fact.case_id).update(
        flagged=recorded.sequence, flagged_because=fact.reason[:300]
    )


def _moved(recorded: Recorded, **changes: Any) -> None:
    models.Case.objects.filter(case_id=recorded.fact.case_id).update(
        latest=recorded.sequence, moved_at=recorded.effective_at, **changes
    )


PROJECTIONS = {
    events.CaseOpened: case_opened,
    events.CaseFrozen: case_frozen,
    events.PlanMade: plan_made,
    events.PlanVoided: plan_voided,
    events.StepExecuted: step_executed,
    events.CaseReassessed: case_reassessed,
    events.CaseRestored: case_restored,
    events.CaseStuck: case_stuck,
    events.CaseResumed: case_resumed,
    events.CaseClosed: case_closed,
    events.CaseFlagged: case_flagged,
}
TABLES = (models.Case,)
