"""One account's latest liquidation case, folded from its facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from liquidation.domain.events import (
    CaseClosed,
    CaseFact,
    CaseFrozen,
    CaseOpened,
    CaseReassessed,
    CaseRestored,
    CaseResumed,
    CaseStuck,
    PlanMade,
    PlanVoided,
    StepExecuted,
)
from liquidation.domain.states import State, Trigger, move


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    state: State = State.NONE
    count: int = 0
    case_id: str = ""
    call_id: str = ""
    steps: int = 0
    plan: PlanMade | None = None


def replay(facts: Iterable[CaseFact]) -> Case:
    return reduce(evolve, facts, Case())


def evolve(case: Case, fact: CaseFact) -> Case:
    match fact:
        case CaseOpened():
            return Case(
                state=move(case.state, Trigger.OPEN),
                count=case.count + 1,
                case_id=fact.case_id,
                call_id=fact.call_id,
            )
        case CaseFrozen():
            return replace(case, state=move(case.state, Trigger.FREEZE))
        case PlanMade():
            return replace(case, state=move(case.state, Trigger.PLAN), plan=fact)
        case PlanVoided():
            return replace(case, state=move(case.state, Trigger.VOID), plan=None)
        case StepExecuted():
            state = move(case.state, Trigger.EXECUTE)
            return replace(case, state=state, steps=fact.step, plan=None)
        case CaseReassessed():
            return replace(case, state=move(case.state, Trigger.REASSESS))
        case CaseRestored():
            return replace(case, state=move(case.state, Trigger.ENOUGH))
        case CaseStuck():
            return replace(case, state=move(case.state, Trigger.GIVE_UP), plan=None)
        case CaseResumed():
            return replace(case, state=move(case.state, Trigger.RESUME))
        case CaseClosed():
            return replace(case, state=move(case.state, Trigger.CLOSE))
