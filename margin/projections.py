"""Rows from facts: parameter sets and calls."""

from __future__ import annotations

from typing import Any

from clearing.domain import clock
from clearing.store import Recorded
from margin import models
from margin.domain import events
from margin.domain.calls import State


def parameters_activated(recorded: Recorded) -> None:
    fact = recorded.fact
    models.ParameterSet.objects.create(
        sequence=recorded.sequence,
        name=fact.parameter_set,
        method=fact.method,
        reporting=fact.reporting,
        effective_at=recorded.effective_at,
    )


def call_issued(recorded: Recorded) -> None:
    fact = recorded.fact
    models.MarginCall.objects.create(
        call_id=fact.call_id,
        account=fact.account_id,
        state=State.ISSUED,
        asset=fact.asset,
        amount=fact.amount,
        equity=fact.equity,
        maintenance=fact.maintenance,
        target=fact.target,
        issued_at=recorded.effective_at,
        due_at=clock.parsed(fact.due_at),
        outcome="",
        run_id=fact.run_id,
        correlation_id=recorded.cause.correlation_id,
        sequence=recorded.sequence,
        latest=recorded.sequence,
    )


def call_acknowledged(recorded: Recorded) -> None:
    _moved(recorded, state=State.ACKNOWLEDGED)


def call_tightened(recorded: Recorded) -> None:
    fact = recorded.fact
    _moved(
        recorded,
        amount=fact.amount,
        equity=fact.equity,
        maintenance=fact.maintenance,
        target=fact.target,
        due_at=clock.parsed(fact.due_at),
    )


def call_covered(recorded: Recorded) -> None:
    _moved(
        recorded,
        state=State.COVERED,
        outcome=recorded.fact.reason,
        ended_at=recorded.effective_at,
    )


def call_overdue(recorded: Recorded) -> None:
    _moved(recorded, state=State.OVERDUE)


def call_breached(recorded: Recorded) -> None:
    _moved(recorded, state=State.BREACHED, outcome=recorded.fact.reason)


def call_concluded(recorded: Recorded) -> None:
    _moved(
        recorded,
        state=State.CONCLUDED,
        outcome=recorded.fact.outcome,
        ended_at=recorded.effective_at,
    )


def _moved(recorded: Recorded, **changes: Any) -> None:
    models.MarginCall.objects.filter(call_id=recorded.fact.call_id).update(
        latest=recorded.sequence, **changes
    )


PROJECTIONS = {
    events.ParametersActivated: parameters_activated,
    events.CallIssued: call_issued,
    events.CallAcknowledged: call_acknowledged,
    events.CallTightened: call_tightened,
    events.CallCovered: call_covered,
    events.CallOverdue: call_overdue,
    events.CallBreached: call_breached,
    events.CallConcluded: call_concluded,
}
TABLES = (models.ParameterSet, models.MarginCall)
