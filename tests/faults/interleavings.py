"""Every order in which a few sessions can go on, each with a real connection of its own.

A session is a function that runs in a thread; it stops wherever the code under test calls one of
the watched functions (`store.claim`, say), and goes on when the explorer says so. The explorer runs
the whole scenario again and again, each time with another choice of who goes next, until no choice
is left (stateless model checking). PostgreSQL says who waits for whom: a session that is blocked
cannot be chosen, and one that is let go runs on to its next stop by itself.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import psycopg
from django.conf import settings
from django.db import connection

PATIENCE = 60.0  # seconds without any progress: the harness itself is stuck
LOOK_EVERY = 0.002
_here = threading.local()


class Stuck(AssertionError):
    """Nobody can go on and PostgreSQL has not said why."""


@dataclass
class _Session:
    number: int
    work: Callable[[], Any]
    go: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    pid: int = 0
    over: bool = False
    answer: Any = None
    error: BaseException | None = None
    trail: list[str] = field(default_factory=list)

    def run(self) -> None:
        _here.session = self
        try:
            connection.ensure_connection()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (self.pid,) = cursor.fetchone()
            self.pause("start")
            self.answer = self.work()
        except Exception as error:  # noqa: BLE001 - what came of it is the result
            self.error = error
        finally:
            connection.close()
            self.over = True
            self.stopped.set()

    def pause(self, place: str) -> None:
        self.trail.append(place)
        self.stopped.set()
        self.go.wait()
        self.go.clear()


@dataclass(frozen=True)
class Outcome:
    """`order` is who went on, step by step; answers, errors and the stops met are by session.

    `met_a_lock` says that somebody once was passed over because somebody else had what it wanted.
    """

    order: tuple[int, ...]
    answers: tuple[Any, ...]
    errors: tuple[BaseException | None, ...]
    trails: tuple[tuple[str, ...], ...]
    met_a_lock: bool


def explore(
    scenario: Callable[[], Sequence[Callable[[], Any]]],
    *,
    stops: Sequence[tuple[Any, str]],
    limit: int = 5_000,
) -> Iterator[Outcome]:
    """Run all orders of a scenario's sessions, depth first; a fresh scenario for each.

    `stops` are (module, name) of the functions before which a session stops. More than `limit`
    orders is an error: a test that looks at a part of them must not say it looked at all.
    """
    prefix: list[int] | None = []
    count = 0
    while prefix is not None:
        count += 1
        assert count <= limit, f"more than {limit} orders"
        outcome, widths = _run(scenario(), stops, prefix)
        yield outcome
        prefix = _next([*prefix, *[0] * (len(widths) - len(prefix))], widths)


def sample(
    scenario: Callable[[], Sequence[Callable[[], Any]]],
    *,
    stops: Sequence[tuple[Any, str]],
    orders: int,
    chance: random.Random,
) -> Iterator[Outcome]:
    """Some orders, drawn by chance: for scenarios with too many to run them all every time."""
    for _ in range(orders):
        outcome, _widths = _run(scenario(), stops, [], chance)
        yield outcome


def _next(choices: list[int], widths: list[int]) -> list[int] | None:
    while choices:
        if choices[-1] + 1 < widths[len(choices) - 1]:
            return [*choices[:-1], choices[-1] + 1]
        choices.pop()
    return None


def _run(
    works: Sequence[Callable[[], Any]],
    stops: Sequence[tuple[Any, str]],
    choices: list[int],
    chance: random.Random | None = None,
) -> tuple[Outcome, list[int]]:
    sessions = [_Session(number, work) for number, work in enumerate(works)]
    order: list[int] = []
    widths: list[int] = []
    met_a_lock = False
    with _stopping(stops), _watcher() as blocked:
        threads = [threading.Thread(target=it.run, daemon=True) for it in sessions]
        for thread in threads:
            thread.start()
        while ready := _ready(sessions, blocked):
            met_a_lock |= any(not it.stopped.is_set() for it in sessions)
            pick = choices[len(widths)] if len(widths) < len(choices) else 0
            if chance is not None:
                pick = chance.randrange(len(ready))
            widths.append(len(ready))
            chosen = ready[pick]
            order.append(chosen.number)
            chosen.stopped.clear()
            chosen.go.set()
        for thread in threads:
            thread.join(PATIENCE)
    outcome = Outcome(
        order=tuple(order),
        answers=tuple(it.answer for it in sessions),
        errors=tuple(it.error for it in sessions),
        trails=tuple(tuple(it.trail) for it in sessions),
        met_a_lock=met_a_lock,
    )
    return outcome, widths


def _ready(sessions: list[_Session], blocked: Callable[[list[int]], set[int]]) -> list[_Session]:
    """Who can be chosen, once everybody has stopped, is over, or waits for a lock."""
    deadline = time.monotonic() + PATIENCE
    while True:
        running = [it for it in sessions if not it.stopped.is_set()]
        waiting = blocked([it.pid for it in running]) if running else set()
        if all(it.stopped.is_set() or it.pid in waiting for it in sessions):
            ready = [it for it in sessions if it.stopped.is_set() and not it.over]
            if ready or all(it.over for it in sessions):
                return ready
            # all that are left wait for each other: PostgreSQL ends that by itself
        if time.monotonic() > deadline:
            raise Stuck([(it.number, it.trail, it.over) for it in sessions])
        time.sleep(LOOK_EVERY)


@contextmanager
def _stopping(stops: Sequence[tuple[Any, str]]) -> Iterator[None]:
    """The watched functions stop a session first; for everybody else they are as ever."""
    with ExitStack() as stack:
        for module, name in stops:
            stack.enter_context(patch.object(module, name, _stop_before(module, name)))
        yield


def _stop_before(module: Any, name: str) -> Callable[..., Any]:
    original = getattr(module, name)

    def stopping(*args: Any, **named: Any) -> Any:
        session = getattr(_here, "session", None)
        if session is not None:
            session.pause(name)
        return original(*args, **named)

    return stopping


@contextmanager
def _watcher() -> Iterator[Callable[[list[int]], set[int]]]:
    """Who waits for a lock, as the server sees it; a session counts only if it still waits the
    next time somebody looks, since a lock that is just being passed on also looks like waiting."""
    url = settings.DATABASE_URL
    with psycopg.connect(url, autocommit=True) as there:

        def look(pids: list[int]) -> set[int]:
            rows = there.execute(
                "SELECT pid FROM unnest(%s::int[]) AS pid WHERE pg_blocking_pids(pid) <> '{}'",
                [pids],
            )
            return {pid for (pid,) in rows}

        def twice(pids: list[int]) -> set[int]:
            first = look(pids)
            if len(first) < len(pids):
                return first
            time.sleep(LOOK_EVERY)
            return first & look(pids)

        yield twice
