"""Durable appends beside an event-sourcing library, a bare INSERT and a bare COPY.

    python -m tests.benchmarks.bench_append [--events 1000] [--writers 1 8] [--rounds 5] [--bulk 20000]

One PostgreSQL with fsync on; writers are processes; sides take turns within each round, and the
medians of the rounds are compared. What each side does for one event:

    ours      key looked up and kept, head moved, hash chained by the server, event written: one call
    library   `eventsourcing` with its PostgreSQL recorder as it comes: aggregate event mapped,
              table locked, event written (no key, no chain)
    bare      psycopg: INSERT of the same row with the same indexes, commit (no key, no chain)

Flushes are held up by a millisecond in two ways, and what one commit takes without and with each is
measured and printed. `commit_delay` has whoever flushes wait first, and take along who comes
meanwhile. A small library preloaded into the server waits within each `fdatasync` (`slow_flush.c`),
as a slow disk does: who comes meanwhile is in the next flush, so of many writers about half are in
each, whatever they write.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tests.benchmarks import durable
from tests.benchmarks import eventsourcing_peer as peer
from tests.benchmarks.report import Row, median_rate, show

Work = Callable[[int, int], None]
WARM = 30  # of each writer before the clock starts: statements are planned, caches are filled
_rounds = itertools.count()


def main(argv: Sequence[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1000, help="of each writer in each round")
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bulk", type=int, default=20_000, help="facts of a bulk load")
    asked = parser.parse_args(argv)
    rows: list[Row] = []
    with durable.house() as url:
        usual = durable.one_commit(url)
        sides = _sides(url)
        for writers in asked.writers:
            rows += _durable(sides, writers, asked, floor=3.5 if writers == 1 else 6.0)
        rows += _batches(url, asked)
    return rows + _with_slow_flushes(asked, usual)


def _with_slow_flushes(asked: Any, usual: float) -> list[Row]:
    """Where a commit takes ten milliseconds already, another one changes little; so that is said."""
    rows: list[Row] = []
    for way, held_up, floor in (
        ("commit_delay", durable.house(commit_delay="1000", commit_siblings="0"), 9.0),
        ("a slow fdatasync", durable.slow_house(), 0.0),
    ):
        try:
            with held_up as url:
                slow = durable.one_commit(url)
                what = f"1 ms more a flush by {way} (a commit {usual:.1f} -> {slow:.1f} ms): "
                rows += _durable(_sides(url), max(asked.writers), asked, floor=floor, what=what)
        except durable.NoCompiler as reason:
            print(f"not held up by {way}: {reason}")
    return rows


def _durable(
    sides: dict[str, Work], writers: int, asked: Any, *, floor: float, what: str = ""
) -> list[Row]:
    rates: dict[str, list[int]] = {name: [] for name in sides}
    for _ in range(asked.rounds):
        for name, work in sides.items():
            number = next(_rounds)
            rates[name].append(round(durable.rate(writers, asked.events, partial(work, number))))
    ours, library, bare = (median_rate(rates[name]) for name in ("ours", "library", "bare"))
    one_trip = median_rate(rates["bare, autocommit"])
    print(f"{what}{writers} writers: {rates}", flush=True)
    work = f"{what}durable append, {writers} writer{'s' * (writers > 1)}"
    rows = [
        Row(work, ours, "eventsourcing, PostgreSQL", library, ours / library, floor),
        Row(work, ours, "psycopg INSERT, commit", bare, ours / bare, 0 if what else 0.9),
        Row(work, ours, "psycopg INSERT in autocommit", one_trip, ours / one_trip, 0),
    ]
    return rows[:2] if what else rows


def _fact() -> Any:
    """One that nothing follows from, of the size of a price set's."""
    from clearing.domain.events import AssignmentDrawn

    return AssignmentDrawn(
        cycle_id="expiry-1", symbol="BTC-20260101", algorithm="a draw", seed="a" * 64,
        exercised=400, shorts="[]", assigned='[["A comparison",400]]',
    )  # fmt: skip


# --- sides ------------------------------------------------------------------------------------


def _sides(url: str) -> dict[str, Any]:
    """What takes turns; each is called with the round, the writer, and how many."""
    import psycopg

    from clearing import codec, store
    from tests.builders import CAUSE, START

    fact = _fact()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE bench_event (LIKE clearing_event INCLUDING ALL)")
    payload = codec.encode(fact)
    there: dict[str, Any] = {}

    def ours(number: int, writer: int, count: int) -> None:
        stream = f"reconciliation-{number}-{writer}"
        for each in _numbers(count):
            key = store.Key(scope="venue:XDER", key=f"{number}-{writer}-{each}", content=payload)
            store.append_once(stream, fact, at=START, cause=CAUSE, key=key)

    def bare(autocommit: bool, number: int, writer: int, count: int) -> None:
        if not count:
            there["bare"] = psycopg.connect(url, autocommit=autocommit)
        connection, digest = there["bare"], b"x" * 32
        for each in _numbers(count):
            row = [
                *(f"reconciliation-{number}-{writer}", each, fact.NAME, START, START),
                *(CAUSE.actor, CAUSE.correlation_id, None, payload, digest),
            ]
            connection.execute(INSERT, row, prepare=True)
            if not autocommit:
                connection.commit()

    peer.make_table(url)

    def library(_number: int, _writer: int, count: int) -> None:
        if not count:
            there["library"] = peer.Writer(url)
        there["library"].one_by_one(count or WARM)

    return {
        "ours": ours,
        "library": library,
        "bare": partial(bare, False),
        "bare, autocommit": partial(bare, True),
    }


def _numbers(count: int) -> range:
    """What a writer's facts are called; the first few come before the clock starts."""
    return range(WARM + 1, WARM + 1 + count) if count else range(1, WARM + 1)


INSERT = """
    INSERT INTO bench_event (stream, version, name, effective_at, recorded_at, actor,
                             correlation_id, cause, payload, hash)
    VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b)
"""


# --- batches ----------------------------------------------------------------------------------


def _batches(url: str, asked: Any) -> list[Row]:
    """A thousand events of one stream in one save; and many of many streams in one load."""
    from clearing import store
    from tests.builders import CAUSE, START

    fact = _fact()
    library = peer.Writer(url)

    @store.decision
    def batch(stream: str, count: int) -> None:
        claimed = store.claim(stream)
        store.append_all([(claimed, fact)] * count, at=START, cause=CAUSE)

    told = [store.Told(f"cycle-{each % 500}", fact, START) for each in range(asked.bulk)]
    rates: dict[str, list[float]] = {"batch": [], "library": [], "load": [], "copy": []}
    for _ in range(asked.rounds):
        number = next(_rounds)
        rates["batch"].append(_timed(1000, lambda n=number: batch(f"group-{n}", 1000)))
        rates["library"].append(_timed(1000, lambda: library.batch(1000)))
        rates["load"].append(_timed(asked.bulk, lambda: store.load(told, cause=CAUSE)))
        rates["copy"].append(_copied(url, asked.bulk))
    print(rates, flush=True)
    ours, theirs, load, copy = (median_rate(them) for them in rates.values())
    return [
        Row("batch of 1,000", ours, "eventsourcing batch of 1,000", theirs, ours / theirs, 4.0),
        Row("bulk load with chain", load, "COPY BINARY of the same bytes", copy, load / copy, 0.67),
    ]


def _timed(count: int, work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def _copied(url: str, count: int) -> float:
    """The same rows again, as bytes the server sent, into a table with the same indexes."""
    import psycopg

    columns = INSERT.partition("(")[2].partition(")")[0]
    with psycopg.connect(url) as there:
        there.execute("TRUNCATE bench_event")
        there.commit()
        newest = f"SELECT {columns} FROM clearing_event ORDER BY sequence DESC LIMIT {count}"
        with there.cursor() as cursor:
            with cursor.copy(f"COPY ({newest}) TO STDOUT (FORMAT binary)") as copy:
                held = b"".join(bytes(part) for part in copy)
            start = time.perf_counter()
            with cursor.copy(f"COPY bench_event ({columns}) FROM STDIN (FORMAT binary)") as copy:
                copy.write(held)
            there.commit()
        return count / (time.perf_counter() - start)


if __name__ == "__main__":
    show(main())
