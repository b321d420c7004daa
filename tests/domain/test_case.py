"""A liquidation case folded from its facts: what moves it, and what it keeps."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquidation.domain import case as machine
from liquidation.domain.case import Case
from liquidation.domain.events import (
    CaseClosed,
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
from liquidation.domain.states import MOVES, IllegalMove, State, Trigger

NAMED = {"account_id": "NORTH-1", "case_id": "NORTH-1-case-1"}
MARGINED = {**NAMED, "run_id": "r", "equity": 5, "maintenance": 10, "target": 12}
PLAN = PlanMade(
    **NAMED,
    step=1,
    plan="p",
    steps="[]",
    percent=40,
    backstop="RING-1",
    penalty=1,
    equity_before=5,
    maintenance_before=10,
    equity_after=5,
    maintenance_after=4,
    target_after=5,
    price_sequence=1,
    account_version=1,
    run_id="r",
)
FACTS = {
    Trigger.OPEN: CaseOpened(
        **NAMED, call_id="c", reason="due", asset="USDC", equity=5, maintenance=10, run_id="r"
    ),
    Trigger.FREEZE: CaseFrozen(**MARGINED),
    Trigger.PLAN: PLAN,
    Trigger.VOID: PlanVoided(**NAMED, plan="p", reason="moved"),
    Trigger.EXECUTE: StepExecuted(**NAMED, step=1, plan="p", trades=1, penalty=1, last_trade=9),
    Trigger.REASSESS: CaseReassessed(**MARGINED),
    Trigger.ENOUGH: CaseRestored(**MARGINED),
    Trigger.GIVE_UP: CaseStuck(**NAMED, reason="no backstop"),
    Trigger.RESUME: CaseResumed(**NAMED, reason="there is one now"),
    Trigger.CLOSE: CaseClosed(**NAMED, steps=1),
}
OPENED, FROZEN = FACTS[Trigger.OPEN], FACTS[Trigger.FREEZE]


@pytest.mark.parametrize(("state", "trigger"), list(product(State, Trigger)))
def test_a_fact_moves_the_case_or_changes_nothing(state: State, trigger: Trigger):
    before = Case(state=state, count=2, case_id="x", call_id="c", steps=4)

    if trigger in MOVES[state]:
        assert machine.evolve(before, FACTS[trigger]).state is MOVES[state][trigger]
    else:
        with pytest.raises(IllegalMove):
            machine.evolve(before, FACTS[trigger])
    assert before == Case(state=state, count=2, case_id="x", call_id="c", steps=4)


def test_a_case_keeps_its_plan_until_it_is_carried_out():
    planned = machine.replay([OPENED, FROZEN, PLAN])

    executed = machine.evolve(planned, FACTS[Trigger.EXECUTE])

    assert planned.plan == PLAN
    assert (executed.plan, executed.steps) == (None, 1)


@pytest.mark.parametrize("trigger", [Trigger.VOID, Trigger.GIVE_UP])
def test_a_plan_that_is_not_carried_out_is_forgotten(trigger: Trigger):
    assert machine.replay([OPENED, FROZEN, PLAN, FACTS[trigger]]).plan is None


def test_a_case_can_take_several_steps():
    again = replace(FACTS[Trigger.EXECUTE], step=2)
    facts = [
        *(OPENED, FROZEN, PLAN, FACTS[Trigger.EXECUTE], FACTS[Trigger.REASSESS]),
        *(PLAN, again, FACTS[Trigger.REASSESS], FACTS[Trigger.ENOUGH], FACTS[Trigger.CLOSE]),
    ]

    closed = machine.replay(facts)

    assert (closed.state, closed.steps, closed.count) == (State.CLOSED, 2, 1)


def test_the_next_case_starts_from_nothing():
    facts = [OPENED, FROZEN, FACTS[Trigger.ENOUGH], FACTS[Trigger.CLOSE], OPENED]

    assert machine.replay(facts) == Case(
        state=State.OPENED, count=2, case_id=NAMED["case_id"], call_id="c"
    )


@given(st.lists(st.sampled_from(Trigger), max_size=60), st.integers(0, 60))
def test_any_legal_walk_folds_and_may_stop_and_resume_anywhere(triggers, cut):
    state, facts = State.NONE, []
    for trigger in triggers:
        if trigger in MOVES[state]:
            state = MOVES[state][trigger]
            facts.append(FACTS[trigger])

    snapshot = machine.replay(facts[:cut])
    for fact in facts[cut:]:
        snapshot = machine.evolve(snapshot, fact)

    assert snapshot == machine.replay(facts)
    assert snapshot.state is state
    assert (snapshot.plan is not None) == (state is State.PLANNED)
