"""The queue in a world of its own: one seed decides who works when, what the broker loses, repeats or
turns around, who dies at which point, and how late everybody is.

The queue is the real one, on the real database; broker, clock and workers are not. A worker's step
is cut where a process can die: after it took the job, after its work and before the commit, after
the commit and before the job is finished. Time is the simulator's, so a lease runs out in no time.
Nothing is random but what the seed says: a run that fails is run again by its number.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from unittest.mock import patch

from django.db import connection, transaction

from clearing import jobs

KIND = "test.step"


def soon() -> datetime:
    """Where a world's time starts: past the server's own, which stamps a job when it is left."""
    return datetime.now(UTC) + timedelta(days=1)


class Fate(StrEnum):
    """Where a worker's process ends, if it does."""

    LIVES = "lives"
    DIES_LEASED = "dies after it took the job"
    DIES_WORKING = "dies before its commit"
    DIES_DONE = "dies after its commit, before it said so"
    SLEEPS = "is slower than its lease, and wakes up late"
    FAILS = "raises"


class Died(Exception):
    """The process is gone: whatever was not committed is, too."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Probabilities of one world, themselves drawn from its seed."""

    lost: float
    doubled: float
    fates: tuple[float, ...]  # weights, in the order of Fate

    @classmethod
    def drawn(cls, chance: random.Random) -> Faults:
        return cls(
            lost=chance.choice((0, 0.1, 0.5, 0.9)),
            doubled=chance.choice((0, 0.2, 0.5)),
            fates=(1, *(chance.choice((0, 0.05, 0.2)) for _ in range(len(Fate) - 1))),
        )


@dataclass
class World:
    """`work(key)` is what a job does; it must be idempotent. `runs` counts commits of it by key;
    `stolen` counts jobs that were finished by somebody who had lost them to another."""

    chance: random.Random
    faults: Faults
    work: Callable[[str], None]
    now: datetime = field(default_factory=soon)
    broker: list[int] = field(default_factory=list)
    asleep: list[tuple[datetime, jobs.Leased]] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    finished: Counter[int] = field(default_factory=Counter)
    met: Counter[Fate] = field(default_factory=Counter)
    stolen: int = 0
    elapsed: timedelta = timedelta(0)

    def poke(self, job_id: int, _kind: str) -> None:
        """The broker may lose a message or deliver it twice."""
        if self.chance.random() < self.faults.lost:
            return
        copies = 2 if self.chance.random() < self.faults.doubled else 1
        self.broker.extend([job_id] * copies)

    def leave(self, key: str) -> None:
        assert jobs.leave(KIND, key=key, address={"key": key}) is not None
        job_id = self._id_of(key)
        self.poke(job_id, KIND)  # the commit's own; nothing commits in a test's transaction

    def step(self) -> None:
        """One thing happens: a message arrives, a sleeper wakes, the relay looks, time goes by."""
        happens = self.chance.choices(
            (self._deliver, self._wake, self._relay, self._wait), weights=(6, 1, 2, 2)
        )[0]
        happens()

    def settle(self, *, most: int = 2_000) -> None:
        """Until nothing is open, faults and all; then the late sleepers."""
        for _ in range(most):
            if not self._open():
                break
            self.step()
        else:
            raise AssertionError(f"still open after {most} steps")
        self.now += timedelta(days=1)
        while self.asleep:
            self._wake()

    def _deliver(self) -> None:
        """Any message, not the oldest: brokers turn things around."""
        if not self.broker:
            return
        job_id = self.broker.pop(self.chance.randrange(len(self.broker)))
        job = jobs.lease(job_id, kind=KIND, worker=f"w-{self.chance.randrange(4)}")
        if job is None:
            return
        fate = self.chance.choices(tuple(Fate), weights=self.faults.fates)[0]
        self.met[fate] += 1
        try:
            self._do(job, fate)
        except Died:
            pass
        except ZeroDivisionError as error:
            jobs.put_back(job, error=str(error), delay=timedelta(seconds=1), counts=True)

    def _do(self, job: jobs.Leased, fate: Fate) -> None:
        if fate is Fate.DIES_LEASED:
            raise Died
        if fate is Fate.SLEEPS:
            late = timedelta(seconds=self.chance.randrange(1, 3 * int(jobs.LEASE.total_seconds())))
            self.asleep.append((self.now + late, job))
            return
        with transaction.atomic():
            self.work(job.key)
            if fate is Fate.DIES_WORKING:
                raise Died
            if fate is Fate.FAILS:
                raise ZeroDivisionError("a bug in the step")
        self.runs[job.key] += 1
        if fate is Fate.DIES_DONE:
            raise Died
        self._finish(job)

    def _wake(self) -> None:
        """A sleeper does its work late, however many others have done it since."""
        due = [it for it in self.asleep if it[0] <= self.now]
        if not due:
            return
        sleeper = self.chance.choice(due)
        self.asleep.remove(sleeper)
        self.work(sleeper[1].key)
        self.runs[sleeper[1].key] += 1
        self._finish(sleeper[1])

    def _finish(self, job: jobs.Leased) -> None:
        owner = self._count(f"id = {job.job_id} AND token = {job.token}")
        if jobs.finish(job):
            self.finished[job.job_id] += 1
            self.stolen += not owner

    def _relay(self) -> None:
        """What the work's own facts left for other workers is none of this world's business."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE clearing_job SET state = 'done' WHERE kind <> %s", [KIND])
        jobs.relay(limit=self.chance.choice((1, 3, 500)))

    def _wait(self) -> None:
        step = timedelta(seconds=self.chance.choice((0, 1, 2, 4)))
        self.now += step
        self.elapsed += step

    def _open(self) -> int:
        return self._count("state IN ('due', 'leased')")

    def dead(self) -> int:
        return self._count("state = 'dead'")

    def _count(self, where: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM clearing_job WHERE kind = %s AND {where}", [KIND])
            return int(cursor.fetchone()[0])

    def _id_of(self, key: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM clearing_job WHERE kind = %s AND key = %s", [KIND, key])
            return int(cursor.fetchone()[0])


class _Clock:
    def __init__(self, world: World) -> None:
        self.world = world

    def now(self) -> datetime:
        return self.world.now


@contextmanager
def in_force(world: World) -> Any:
    """The queue's clock and broker are the world's."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(jobs, "timezone", _Clock(world)))
        stack.enter_context(patch.object(jobs, "poke", world.poke))
        yield world
