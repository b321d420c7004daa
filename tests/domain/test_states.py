"""The liquidation machine: every pair of state and trigger."""

from __future__ import annotations

from itertools import product

import pytest

from liquidation.domain.states import MOVES, OVER, IllegalMove, State, Trigger, move
from liquidation.services.cases import STEPS


@pytest.mark.parametrize(("state", "trigger"), list(product(State, Trigger)))
def test_a_move_is_in_the_table_or_is_refused(state: State, trigger: Trigger):
    if trigger in MOVES[state]:
        assert move(state, trigger) is MOVES[state][trigger]
    else:
        with pytest.raises(IllegalMove) as refused:
            move(state, trigger)
        assert refused.value.facts == {"state": state.value, "trigger": trigger.value}


def test_every_state_is_in_the_table_and_can_be_reached_from_the_first():
    reached, last = {State.NONE}, None
    while reached != last:
        last = set(reached)
        reached |= {to for state in reached for to in MOVES[state].values()}

    assert reached == set(State) == set(MOVES)


def test_every_state_can_still_be_closed():
    closing = {State.CLOSED}
    for _ in State:
        closing |= {state for state in State if closing & set(MOVES[state].values())}

    assert closing == set(State)


def test_every_state_that_is_not_over_has_a_step_or_waits_for_people():
    assert set(STEPS) == set(State) - set(OVER) - {State.STUCK}


def test_a_case_that_waits_can_always_be_given_to_people():
    waits = {State.OPENED, State.FROZEN, State.EXECUTED, State.REASSESSED}

    assert all(Trigger.GIVE_UP in MOVES[state] for state in waits)
