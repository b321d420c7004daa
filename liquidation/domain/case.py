"""One account's latest liquidation case, folded from its facts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import reduce

from liquidation.domain.events import (
    CaseClosed,
    CaseFact,
    CaseFlagged,
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
class Doubt:
    """Plans of one case that were carried out on wrong prices, and the penalties charged by them."""

    case_id: str
    plans: int
    penalty: int


def doubts(
    facts: Iterable[CaseFact], *, price_sequences: Collection[int], correction: int
) -> list[Doubt]:
    """Of one account's facts: the cases that traded on any of the sets and are not flagged for the
    correction yet."""
    made: dict[str, PlanMade] = {}
    found: dict[str, list[int]] = {}
    flagged: set[str] = set()
    for fact in facts:
        match fact:
            case PlanMade():
                made[fact.plan] = fact
            case StepExecuted() if made[fact.plan].price_sequence in price_sequences:
                found.setdefault(fact.case_id, []).append(fact.penalty)
            case CaseFlagged() if fact.correction == correction:
                flagged.add(fact.case_id)
    return [
        Doubt(case_id=case_id, plans=len(penalties), penalty=sum(penalties))
        for case_id, penalties in found.items()
        if case_id not in flagged
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    state: State = State.NONE
    count: int = 0
    case_id: str = ""
    call_id: str = ""
    steps: int = 0
    looked_at: int = 0  # steps there were when people last let it go on
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
            state = move(case.state, Trigger.RESUME)
            return replace(case, state=state, looked_at=case.steps)
        case CaseFlagged():
            return case  # of this case or of one before it; nothing moves
        case CaseClosed():
            return replace(case, state=move(case.state, Trigger.CLOSE))
