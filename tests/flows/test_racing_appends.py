"""The log's own functions under many writers: one key is one fact, one version has one winner, and
terms a process remembers are never older than the lock says."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from clearing import models, store
from clearing.domain.events import AssignmentDrawn
from clearing.domain.instrument import InstrumentNotTrading
from clearing.services import reference, timekeeping, trades, verification
from tests.builders import CAUSE, PERPETUAL, START, a_house, a_trade
from tests.flows.test_racing_writers import deadlocks
from tests.threads import at_once

FACT = AssignmentDrawn(  # nothing follows from it
    cycle_id="", symbol="", algorithm="", seed="", exercised=1, shorts="[]", assigned="[]"
)


def once(stream: str, **rest) -> int:
    return store.append_once(stream, FACT, at=START, cause=CAUSE, **rest)


def test_one_key_from_many_threads_is_one_fact(house):
    """On one stream and on different ones, where only the key itself can stop the second."""
    for number in range(10):
        key = store.Key(scope="s", key=f"k-{number}", content="c")
        same = at_once([partial(once, "reconciliation-A", key=key)] * 4)
        assert len({it.result() for it in same}) == 1

        key = store.Key(scope="s", key=f"other-{number}", content="c")
        apart = at_once([partial(once, f"reconciliation-{each}", key=key) for each in range(4)])
        assert len({it.result() for it in apart}) == 1

    assert models.Event.objects.count() == 20


def test_of_many_who_expect_one_version_one_appends(house):
    for version in range(10):
        answers = at_once([partial(once, "reconciliation-A", expected=version)] * 4)
        kinds = Counter(type(it.exception()) for it in answers)
        assert kinds == {type(None): 1, store.StreamMoved: 3}

    assert models.Stream.objects.get(name="reconciliation-A").version == 10
    assert verification.verify() == []


def test_streams_claimed_together_never_deadlock(house):
    """Each writer names them in another order, and some are new."""
    before = deadlocks()

    @store.decision
    def append(names: list[str]) -> None:
        streams = store.claim_all(names)
        store.append_all([(streams[name], FACT) for name in names], at=START, cause=CAUSE)

    def writer(number: int) -> None:
        for each in range(10):
            names = [f"reconciliation-{(number * 3 + each + step) % 9}" for step in range(5)]
            append(names[:: -1 if number % 2 else 1])

    for done in at_once([partial(writer, number) for number in range(6)]):
        done.result()

    assert deadlocks() == before
    assert models.Event.objects.count() == 6 * 10 * 5
    assert verification.verify() == []


def test_no_trade_is_recorded_after_a_halt_whatever_a_process_remembers(house):
    """Terms are remembered by the content of a row that is read under its lock. Each writer has
    traded before, so each remembers the instrument as listed when the halt comes."""
    a_house()

    def trade(turn: int, number: int) -> None:
        for each in range(30):
            reported = a_trade(trade_id=f"{turn}-{number}-{each}", quantity="0.001")
            trades.novate(reported, at=timekeeping.now(), cause=CAUSE)

    def halt() -> int | None:
        return reference.halt(PERPETUAL, reason="a test", at=timekeeping.now(), cause=CAUSE)

    for turn in range(3):
        *traded, halted = at_once([*(partial(trade, turn, number) for number in range(4)), halt])

        refusals = {type(it.exception()) for it in traded}
        assert refusals <= {type(None), InstrumentNotTrading}
        with pytest.raises(InstrumentNotTrading):
            trade(turn, 9)
        legs = models.Event.objects.filter(name="clearing.trade-novated.v1")
        assert not legs.filter(sequence__gt=halted.result()).exists()
        reference.resume(PERPETUAL, reason="a test", at=timekeeping.now(), cause=CAUSE)

    assert verification.verify() == []
