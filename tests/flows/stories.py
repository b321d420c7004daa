"""A story told in the database that is in use, and what came of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from clearing import selectors as record
from clearing.domain.cause import Cause
from config.celery import app
from config.story import proof, stage, telling
from config.story.cast import Cast
from config.story.feed import Snapshot
from config.story.proof import Check
from liquidation import selectors as liquidation
from margin import selectors as margin

CAUSE = Cause(actor="system:test", correlation_id="story:test")
CALLED = ("state", "outcome", "asset", "amount", "equity", "maintenance", "target")
CALLED_AT = ("issued_at", "due_at", "ended_at")
LIQUIDATED = ("state", "equity", "maintenance", "target", "steps", "penalty", "closed_at")


@dataclass(frozen=True)
class Told:
    """Calls and cases are rows of (account, number of it, what became of it)."""

    snapshots: int
    checks: dict[str, Check]
    calls: list[tuple[Any, ...]]
    cases: list[tuple[Any, ...]]
    facts: int
    facts_told_again: int
    workers: set[int]  # process ids


@contextmanager
def workers(environment: Mapping[str, str]) -> Iterator[None]:
    """Real ones, and real pulses, on the servers that the environment names; nobody's old wake-ups."""
    app.control.purge()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "BROKER_URL"):
            patch.setenv(name, environment[name])
        with stage.processes(site=False):
            yield


@contextmanager
def a_thread() -> Iterator[None]:
    """Does what workers do, and needs no start: for what a story says, not for who works in it."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.005):
            for job in record.jobs().filter(state="due").order_by("not_before", "id")[:100]:
                module, _, name = job.kind.partition(".")
                getattr(import_module(f"{module}.tasks"), name)(job_id=job.id)
        connection.close()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def tell(
    cast: Cast, market: Iterable[Snapshot], by: AbstractContextManager[None], *, fall: bool = True
) -> Told:
    """Twice, the second time on the log of the first."""
    snapshots = list(market)
    telling.begin(cast, snapshots[0], cause=CAUSE)
    with by:
        count = telling.tell(cast, snapshots, cause=CAUSE, heard=nothing)
        facts = record.sealed_up_to()
        telling.tell(cast, snapshots, cause=CAUSE, heard=nothing)
    return Told(
        snapshots=count,
        checks={check.name: check for check in (ask() for ask in proof.whole(cast, fall=fall))},
        calls=[
            (row.account, number(row.call_id), *values(row, CALLED + CALLED_AT))
            for row in margin.calls().order_by("call_id")
        ],
        cases=[
            (row.account, number(row.case_id), *values(row, LIQUIDATED))
            for row in liquidation.cases().order_by("case_id")
        ],
        facts=facts,
        facts_told_again=record.sealed_up_to(),
        workers={int(job.worker.rpartition(":")[2]) for job in record.jobs()},
    )


def broken(told: Told) -> list[str]:
    return [f"{check.name}: {check.says}" for check in told.checks.values() if not check.holds]


def foreign(told: Told) -> bool:
    """True when every job was done by processes other than this one."""
    return bool(told.workers) and os.getpid() not in told.workers


def nothing() -> None:
    """Nobody listens."""


def number(name: str) -> int:
    return int(name.rpartition("-")[2])


def values(row: Any, names: Iterable[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)
