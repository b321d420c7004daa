"""What a decision may rely on: histories of many writers, checked for every known anomaly.

A decision reads and appends to the streams it claimed; so it is serializable although the database
runs at READ COMMITTED. Reading a stream without claiming it is not: the checker shows what follows.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from random import Random
from typing import Any

import pytest

from clearing import models, selectors, store
from clearing.domain import events
from tests.builders import CAUSE, START, a_house, a_third_member
from tests.faults.interleavings import explore
from tests.oracle.isolation import Append, Read, Transaction, anomalies
from tests.seeds import chance
from tests.threads import at_once

KEYS = ("EAST-1", "NORTH-1", "SOUTH-1")


# --- the checker itself -------------------------------------------------------------------------


def done(number: int, *operations: Append | Read, committed: bool = True) -> Transaction:
    return Transaction(number, operations, committed)


CASES: dict[str, tuple[list[Transaction], dict[str, list[int]]]] = {
    "G0": (
        [done(1, Append("x", 1), Append("y", 1_0)), done(2, Append("x", 2), Append("y", 2_0))],
        {"x": [1, 2], "y": [20, 10]},
    ),
    "G1a": ([done(1, Append("x", 1), committed=False), done(2, Read("x", (1,)))], {"x": []}),
    "G1b": (
        [done(1, Append("x", 1), Append("x", 2)), done(2, Read("x", (1,)))],
        {"x": [1, 2]},
    ),
    "G1c": (
        [
            done(1, Append("x", 1), Read("y", (2,))),
            done(2, Append("y", 2), Read("x", (1,))),
        ],
        {"x": [1], "y": [2]},
    ),
    "G-single": (
        [
            done(1, Read("x", ()), Read("y", (2,))),
            done(2, Append("x", 1), Append("y", 2)),
        ],
        {"x": [1], "y": [2]},
    ),
    "G2": (
        [done(1, Read("x", ()), Append("y", 1)), done(2, Read("y", ()), Append("x", 2))],
        {"x": [2], "y": [1]},
    ),
    "lost": ([done(1, Append("x", 1)), done(2, Append("x", 2))], {"x": [2]}),
    "phantom": ([done(1, Append("x", 1))], {"x": [1, 9]}),
    "not a prefix": (
        [done(1, Append("x", 1)), done(2, Append("x", 2)), done(3, Read("x", (2,)))],
        {"x": [1, 2]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_checker_knows_each_anomaly(name: str):
    assert name in anomalies(*CASES[name])


def test_the_checker_finds_nothing_in_a_serial_history():
    history = [
        done(1, Read("x", ()), Append("x", 1)),
        done(2, Read("x", (1,)), Append("y", 2)),
        done(3, Read("y", (2,)), Read("x", (1,)), Append("x", 3)),
    ]

    assert anomalies(history, {"x": [1, 3], "y": [2]}) == set()


# --- the store ----------------------------------------------------------------------------------


def values_of(account: str) -> tuple[int, ...]:
    rows = models.Event.objects.filter(
        stream=f"account-{account}", name=events.CollateralDeposited.NAME
    ).order_by("version")
    facts = (selectors.as_recorded(row).fact for row in rows)
    return tuple(fact.amount for fact in facts if fact.deposit_id.startswith("v-"))


def append(stream: store.Stream, account: str, value: int) -> Append:
    fact = events.CollateralDeposited(
        account_id=account, deposit_id=f"v-{value}", asset="USDC", amount=value
    )
    store.append(stream, fact, at=START, cause=CAUSE)
    return Append(account, value)


class Abort(Exception):
    """The transaction changes its mind."""


def test_decisions_of_many_writers_are_serializable(house):
    """Eight writers over three lists; each claims what it touches, and one in five changes its mind."""
    a_house()
    a_third_member()
    numbers, values = count(1), count(1)
    draw = chance("serializable")
    seeds = [draw.random() for _ in range(8)]

    def writer(seed: float) -> list[Transaction]:
        mine = Random(seed)
        return [transact(mine) for _ in range(12)]

    def transact(mine: Random) -> Transaction:
        number, operations = next(numbers), []

        @store.decision
        def decide() -> None:
            operations.clear()
            touched = sorted(mine.sample(KEYS, mine.randint(1, 3)))
            streams = store.claim_all(f"account-{it}" for it in touched)
            for account in mine.choices(touched, k=3):
                if mine.random() < 0.5:
                    operations.append(Read(account, values_of(account)))
                else:
                    stream = streams[f"account-{account}"]
                    operations.append(append(stream, account, next(values)))
            if mine.random() < 0.2:
                raise Abort

        try:
            decide()
        except Abort:
            return Transaction(number, tuple(operations), committed=False)
        return Transaction(number, tuple(operations))

    history = [
        it
        for future in at_once([partial(writer, seed) for seed in seeds])
        for it in future.result()
    ]

    final = {account: values_of(account) for account in KEYS}
    assert sum(map(len, final.values())) > 20
    assert anomalies(history, final) == set()


def skewed(*, claiming: bool) -> set[str]:
    """Two decisions that each read one list and append to the other, in every order; what is seen."""
    values = count(1)
    seen: set[str] = set()
    history: list[Transaction] = []

    @store.decision
    def decide(number: int, reads: str, writes: str) -> None:
        names = [f"account-{writes}"] + ([f"account-{reads}"] if claiming else [])
        streams = store.claim_all(names)
        read = Read(reads, values_of(reads))
        wrote = append(streams[f"account-{writes}"], writes, next(values))
        history.append(done(number, read, wrote))

    def scenario() -> list[Any]:
        return [
            partial(decide, next(values), "NORTH-1", "SOUTH-1"),
            partial(decide, next(values), "SOUTH-1", "NORTH-1"),
        ]

    for outcome in explore(scenario, stops=((store, "append"),)):
        assert outcome.errors == (None, None)
        seen |= anomalies(history, {it: values_of(it) for it in KEYS})
    return seen


def test_claiming_what_one_reads_rules_out_write_skew(house):
    a_house()

    assert skewed(claiming=True) == set()


def test_reading_without_claiming_is_write_skew(house):
    """The documented price of READ COMMITTED; no rule of the house reads a stream it did not claim."""
    a_house()

    assert skewed(claiming=False) == {"G2"}
