"""Margin calls without a database: every move, every threshold, and any sequence of runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import clock
from clearing.domain.errors import NotFound
from margin.domain import calls
from margin.domain.calls import MOVES, CallNotOpen, Calls, IllegalMove, Levels, State, Trigger
from margin.domain.events import (
    CallAcknowledged,
    CallBreached,
    CallConcluded,
    CallCovered,
    CallIssued,
    CallOverdue,
    CallTightened,
)
from tests.builders import after

WHO = "NORTH-1"
HOUR = timedelta(hours=1)


def levels(equity: int, *, maintenance: int = 1_000, **but) -> Levels:
    """Maintenance 1000 and initial 1200 unless said otherwise, so that equity reads as per mille."""
    usual = {
        "asset": "USDC",
        "equity": equity,
        "maintenance": maintenance,
        "initial": maintenance * 12 // 10,
        "run_id": f"run-{equity}",
        "price_sequence": 1,
        "account_version": 1,
    }
    return Levels(**(usual | but))


def run(state: Calls, found: Levels, *, at: datetime | None = None, paid: bool = False):
    return calls.decide(state, found, account_id=WHO, at=at or after(), paid=paid)


def due(state: Calls, found: Levels, *, at: datetime, paid: bool = False):
    return calls.decide_due(state, found, account_id=WHO, at=at, paid=paid)


def told(*facts, start: Calls | None = None) -> Calls:
    state = start or Calls()
    for fact in facts:
        state = calls.evolve(state, fact)
    return state


def called(equity: int = 1_000, *, at: datetime | None = None) -> Calls:
    """Called at the given equity, by the run of price set 1 and account version 1."""
    return told(*run(Calls(), levels(equity), at=at))


def overdue() -> Calls:
    state = called(1_050)
    return told(*due(state, levels(1_050), at=state.due_at), start=state)


def breached() -> Calls:
    return told(*run(Calls(), levels(700)))


# --- the machine ------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "trigger"), list(product(State, Trigger)))
def test_a_move_is_in_the_table_or_is_refused(state: State, trigger: Trigger):
    if trigger in MOVES[state]:
        assert calls.move(state, trigger) is MOVES[state][trigger]
    else:
        with pytest.raises(IllegalMove) as refused:
            calls.move(state, trigger)
        assert refused.value.facts == {"state": state.value, "trigger": trigger.value}


FACTS = {
    Trigger.SHORT: run(Calls(), levels(1_000))[0],
    Trigger.ACKNOWLEDGE: CallAcknowledged(account_id=WHO, call_id="c"),
    Trigger.WORSE: run(called(1_050), levels(900, price_sequence=2))[0],
    Trigger.ENOUGH: run(called(), levels(1_200, price_sequence=2))[0],
    Trigger.LATE: due(called(1_050), levels(1_050), at=after(hours=2))[0],
    Trigger.FAIL: run(called(), levels(700, price_sequence=2))[0],
    Trigger.CONCLUDE: CallConcluded(account_id=WHO, call_id="c", outcome="restored"),
}


@pytest.mark.parametrize(("state", "trigger"), list(product(State, Trigger)))
def test_a_fact_moves_the_call_or_changes_nothing(state: State, trigger: Trigger):
    before = Calls(state=state, count=3, call_id="c", amount=7, due_at=after(), seen=(1, 1))

    if trigger in MOVES[state]:
        assert calls.evolve(before, FACTS[trigger]).state is MOVES[state][trigger]
    else:
        with pytest.raises(IllegalMove):
            calls.evolve(before, FACTS[trigger])
    assert before == Calls(state=state, count=3, call_id="c", amount=7, due_at=after(), seen=(1, 1))


def test_every_state_but_none_can_be_reached():
    assert {to for moves in MOVES.values() for to in moves.values()} == set(State) - {State.NONE}


# --- thresholds -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equity", "minutes"),
    [(1_300, 60), (1_100, 60), (1_000, 40), (900, 20), (850, 10), (800, 0), (500, 0), (-5, 0)],
)
def test_the_deeper_the_shorter(equity: int, minutes: int):
    assert levels(equity).term == timedelta(minutes=minutes)


def test_a_call_is_issued_just_below_the_call_level():
    (issued,) = run(Calls(), levels(1_099_999, maintenance=1_000_000))

    assert isinstance(issued, CallIssued)
    assert issued.amount == 1_200_000 - 1_099_999
    assert issued.target == issued.equity + issued.amount
    assert clock.parsed(issued.due_at) - after() == timedelta(minutes=59, seconds=59)


@pytest.mark.parametrize("equity", [1_100_000, 1_100_001, 5_000_000])
def test_none_is_issued_at_the_call_level_or_above(equity: int):
    assert run(Calls(), levels(equity, maintenance=1_000_000)) == []


def test_an_account_that_needs_no_margin_and_owes_nothing_is_left_alone():
    assert run(Calls(), levels(0, maintenance=0)) == []


def test_a_debt_with_nothing_left_to_margin_is_breached_at_once():
    issued, breach = run(Calls(), levels(-5, maintenance=0))

    assert (issued.amount, issued.due_at) == (5, clock.text(after()))
    assert breach.reason == "severe"


def test_the_target_is_never_below_the_call_level():
    odd = levels(1_000, maintenance=1_001, initial=1_010)

    (issued,) = run(Calls(), odd)

    assert issued.target == 1_102  # 1.1 x 1001, up to a whole unit
    assert run(told(issued), replace(odd, equity=1_102, price_sequence=2))[0].NAME.startswith(
        "margin.call-covered"
    )


def test_what_was_called_for_restores_the_target():
    state = called(950)

    facts = run(state, levels(950 + state.amount, account_version=2), paid=True)

    assert [type(fact) for fact in facts] == [CallCovered]
    assert run(state, levels(950 + state.amount - 1, account_version=2)) == []


@pytest.mark.parametrize("equity", [799, 400, 0, -1_000])
def test_a_severe_shortfall_is_breached_at_once(equity: int):
    issued, breach = run(Calls(), levels(equity))

    assert (issued.call_id, issued.amount) == (breach.call_id, 1_200 - equity)
    assert (breach.reason, told(issued, breach).state) == ("severe", State.BREACHED)


def test_at_eighty_percent_it_is_called_for_now_and_not_breached_yet():
    (issued,) = run(Calls(), levels(800))

    assert clock.parsed(issued.due_at) == after()


# --- what later runs do -----------------------------------------------------------------------


def test_a_worse_run_makes_it_due_earlier():
    state = called(1_050)

    (fact,) = run(state, levels(900, price_sequence=2), at=after(minutes=1))

    assert isinstance(fact, CallTightened)
    assert (fact.amount, clock.parsed(fact.due_at)) == (300, after(minutes=21))
    assert told(fact, start=state).state is State.ISSUED


def test_a_worse_run_that_would_be_due_later_changes_nothing():
    state = called(900)  # due in 20 minutes

    assert run(state, levels(890, price_sequence=2), at=after(minutes=10)) == []


def test_a_better_run_that_is_not_enough_changes_nothing():
    assert run(called(900), levels(1_190, price_sequence=2), at=after(minutes=1)) == []


def test_an_acknowledged_call_can_be_tightened_and_stays_acknowledged():
    state = told(CallAcknowledged(account_id=WHO, call_id=f"{WHO}-call-1"), start=called(1_050))

    tightened = told(*run(state, levels(900, price_sequence=2)), start=state)

    assert tightened.state is State.ACKNOWLEDGED


def test_an_open_call_that_becomes_severe_is_breached_before_it_is_due():
    (fact,) = run(called(1_050), levels(799, price_sequence=2), at=after(minutes=1))

    assert isinstance(fact, CallBreached)
    assert fact.reason == "severe"


@pytest.mark.parametrize(("paid", "reason"), [(True, "paid"), (False, "requirement-fell")])
def test_a_covered_call_says_why(paid: bool, reason: str):
    (fact,) = run(called(), levels(1_200, account_version=2), paid=paid)

    assert isinstance(fact, CallCovered)
    assert fact.reason == reason


@pytest.mark.parametrize("equity", [100, 900, 1_000, 1_200, 5_000])
def test_an_older_run_never_undoes_a_newer_one(equity: int):
    newer = levels(1_000, price_sequence=3, account_version=7)
    state = told(*run(Calls(), newer))

    for older in ((2, 9), (3, 6), (-1, -1)):
        found = levels(equity, price_sequence=older[0], account_version=older[1])
        assert run(state, found) == []


@pytest.mark.parametrize("equity", [700, 799, 800, 900, 1_050, 1_099, 1_100, 1_200])
def test_deciding_twice_on_one_run_changes_nothing(equity: int):
    found = levels(equity)
    once = told(*run(Calls(), found))

    assert run(once, found) == []


def test_a_covered_call_is_not_followed_by_another_on_the_same_run():
    found = levels(1_200, price_sequence=2)
    state = told(*run(called(), found), start=called())

    assert run(state, replace(found, equity=1_000)) == []
    (again,) = run(state, levels(1_000, price_sequence=3))
    assert again.call_id == f"{WHO}-call-2"


def test_a_covered_call_is_followed_by_another_when_other_parameters_say_so():
    """Prices and account are the same; only another run, under other parameters, differs."""
    found = levels(1_200, price_sequence=2)
    state = told(*run(called(), found), start=called())

    (again,) = run(state, replace(found, run_id="under other parameters", maintenance=1_150))

    assert again.call_id == f"{WHO}-call-2"


def test_a_concluded_call_is_not_followed_by_another_before_something_moves():
    found = levels(700)
    state = told(*run(Calls(), found))
    state = told(calls.conclude(state, account_id=WHO, outcome="restored"), start=state)

    assert run(state, replace(found, run_id="another")) == []
    assert run(state, replace(found, run_id="another", price_sequence=2)) != []


# --- the due time -----------------------------------------------------------------------------


def test_nothing_happens_before_it_is_due():
    state = called(1_000)

    assert due(state, levels(1_000), at=state.due_at - timedelta(microseconds=1)) == []
    assert due(Calls(), levels(1), at=after(days=9)) == []


@pytest.mark.parametrize(
    ("equity", "kind"),
    [(1_200, CallCovered), (1_199, CallOverdue), (1_000, CallOverdue), (999, CallBreached)],
)
def test_a_due_call_is_covered_overdue_or_breached(equity: int, kind: type):
    state = called(1_000)

    (fact,) = due(state, levels(equity), at=state.due_at)

    assert isinstance(fact, kind)


def test_an_overdue_call_stays_open_and_is_not_told_twice():
    state = overdue()

    assert (state.state, state.is_open) == (State.OVERDUE, True)
    assert due(state, levels(1_050), at=after(days=1)) == []
    assert run(state, levels(1_050, price_sequence=2)) == []


@pytest.mark.parametrize(("equity", "reason"), [(999, "due"), (799, "severe")])
def test_an_overdue_call_is_breached_below_maintenance(equity: int, reason: str):
    (fact,) = run(overdue(), levels(equity, price_sequence=2))

    assert (type(fact), fact.reason) == (CallBreached, reason)


def test_an_overdue_call_can_be_covered():
    (fact,) = run(overdue(), levels(1_200, account_version=3), paid=True)

    assert (type(fact), fact.reason) == (CallCovered, "paid")


@pytest.mark.parametrize("equity", [-50, 700, 1_000, 9_999])
def test_a_breached_call_waits_to_be_concluded(equity: int):
    found = levels(equity, price_sequence=2)

    assert run(breached(), found) == []
    assert due(breached(), found, at=after(days=1)) == []


def test_a_concluded_call_can_be_followed_by_another():
    conclusion = calls.conclude(breached(), account_id=WHO, outcome="restored")
    state = told(conclusion, start=breached())

    (issued,) = run(state, levels(1_000, price_sequence=2))

    assert state.state is State.CONCLUDED
    assert (issued.call_id, told(issued, start=state).count) == (f"{WHO}-call-2", 2)
    assert calls.conclude(state, account_id=WHO, outcome="restored") is None


# --- the member -------------------------------------------------------------------------------


def test_acknowledging_twice_is_once():
    state = called()
    fact = calls.acknowledge(state, account_id=WHO, call_id=state.call_id)

    assert isinstance(fact, CallAcknowledged)
    again = calls.acknowledge(told(fact, start=state), account_id=WHO, call_id=state.call_id)
    assert again is None


def test_a_call_that_is_not_the_latest_cannot_be_acknowledged():
    with pytest.raises(NotFound):
        calls.acknowledge(called(), account_id=WHO, call_id=f"{WHO}-call-7")


def test_a_call_that_is_over_cannot_be_acknowledged():
    with pytest.raises(CallNotOpen):
        calls.acknowledge(breached(), account_id=WHO, call_id=f"{WHO}-call-1")


def test_an_overdue_call_cannot_be_acknowledged():
    with pytest.raises(IllegalMove):
        calls.acknowledge(overdue(), account_id=WHO, call_id=f"{WHO}-call-1")


# --- any sequence -----------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["run", "old run", "due", "acknowledge", "conclude"]),
        st.integers(-200, 1_500),  # equity
        st.integers(0, 1_500),  # maintenance
        st.integers(0, 90),  # minutes that pass
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_the_promises_hold(steps):
    state, now, newest, facts = Calls(), after(), 0, []

    for kind, equity, maintenance, minutes in steps:
        now += timedelta(minutes=minutes)
        newest += kind == "run"
        place = max(0, newest - (3 if kind == "old run" else 0))
        found = levels(equity, maintenance=maintenance, price_sequence=place)
        for fact in told_by(kind, state, found, now):
            moved = calls.evolve(state, fact)
            facts.append(fact)
            assert moved.count in (state.count, state.count + 1)
            assert moved.count == state.count or not state.is_open, "one open call at a time"
            if moved.call_id == state.call_id:
                assert moved.due_at <= state.due_at, "due never moves out"
                assert moved.seen >= state.seen, "runs are taken in order"
            assert not hasattr(fact, "amount") or fact.amount > 0
            state = moved

    assert calls.replay(facts) == state
    assert sum(isinstance(fact, CallIssued) for fact in facts) == state.count


def told_by(kind: str, state: Calls, found: Levels, now: datetime) -> list:
    match kind:
        case "run" | "old run":
            return run(state, found, at=now)
        case "due":
            return due(state, found, at=now)
        case "acknowledge" if state.state is State.ISSUED:
            return [calls.acknowledge(state, account_id=WHO, call_id=state.call_id)]
        case "conclude" if state.state is State.BREACHED:
            return [calls.conclude(state, account_id=WHO, outcome="restored")]
        case _:
            return []
