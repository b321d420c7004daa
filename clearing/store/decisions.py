"""Decisions: one transaction each, the streams it claims, and what is run again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, transaction
from psycopg.errors import (
    DeadlockDetected,
    InvalidSqlStatementName,
    SerializationFailure,
    UniqueViolation,
)

from clearing.store import binary, packing
from clearing.store.binary import Question, Rows
from clearing.store.keys import Kept, Key, earlier_question, found

P = ParamSpec("P")
R = TypeVar("R")

TRIES = 5


@dataclass(slots=True)
class Stream:
    """A claimed stream: its head is locked until the transaction ends."""

    name: str
    version: int
    head: bytes


@dataclass(slots=True)
class _Decision:
    claimed: dict[str, Stream] = field(default_factory=dict)
    last: tuple[int, str] = (-1, "")


_decision: ContextVar[_Decision | None] = ContextVar("decision", default=None)


def decision(service: Callable[P, R]) -> Callable[P, R]:
    """Run a service as one transaction; inside another decision it joins that one.

    A deadlock, a serialization failure or a race for one idempotency key is run again; a Refusal
    rolls back and goes to the caller.
    """

    @wraps(service)
    def decided(*args: P.args, **kwargs: P.kwargs) -> R:
        if _decision.get() is not None:
            return service(*args, **kwargs)

        def once() -> R:
            token = _decision.set(_Decision())
            try:
                with transaction.atomic():
                    return service(*args, **kwargs)
            finally:
                _decision.reset(token)

        return patiently(once)

    return decided


def patiently(once: Callable[[], R]) -> R:
    """Run it again, after a moment, when it met somebody and not when it is wrong."""
    for attempt_number in range(1, TRIES + 1):
        try:
            return once()
        except DatabaseError as error:
            if attempt_number == TRIES or not _worth_another_try(error):
                raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt_number))  # noqa: S311 - jitter
    raise AssertionError("the loop returns or raises")


def _worth_another_try(error: DatabaseError) -> bool:
    match error.__cause__:
        case DeadlockDetected() | SerializationFailure() | InvalidSqlStatementName():
            return True
        case UniqueViolation() as violation:
            return violation.diag.constraint_name in ("command_key_once", "job_once")
        case _:
            return False


def deciding() -> bool:
    return _decision.get() is not None


def claim(name: str) -> Stream:
    """Lock a stream's head for this decision, waiting for whoever has it."""
    return claim_all([name])[name]


def claim_all(names: Iterable[str]) -> dict[str, Stream]:
    """Lock many heads in one round trip, in the claiming order; name -> stream."""
    wanted, new = _unclaimed(names)
    if new:
        (rows,) = binary.ask([_claiming(new, opening=True)])
        _take(new, rows)
    return {name: _current().claimed[name] for _, name in wanted}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """`kept` is place of a key -> what came under it and what it led to (`keys.answer`)."""

    streams: dict[str, Stream]
    kept: dict[int, tuple[bytes, Kept]]
    before: list[Rows]
    after: list[Rows]


def claim_known(
    names: Iterable[str],
    *,
    keys: Sequence[Key] = (),
    before: Sequence[Question] = (),
    after: Sequence[Question] = (),
) -> Claimed:
    """Lock those heads that exist and learn what there is to know, in one round trip in all.

    `before` is asked first, for whatever is locked before streams are; the keys, and then `after`,
    when the heads are ours, so that the answers are as of them. Streams that nobody opened are left
    out.
    """
    wanted, new = _unclaimed(names)
    asked = [*before, *([_claiming(new, opening=False)] if new else ())]
    asked += [earlier_question(keys)] if keys else []
    answers = iter(binary.ask([*asked, *after]))
    first = [next(answers) for _ in before]
    if new:
        _take(new, next(answers))
    kept = found(next(answers)) if keys else {}
    claimed = _current().claimed
    streams = {name: claimed[name] for _, name in wanted if name in claimed}
    return Claimed(streams=streams, kept=kept, before=first, after=list(answers))


def _current() -> _Decision:
    current = _decision.get()
    assert current is not None, "streams are claimed inside a decision"
    return current


_Places = list[tuple[int, str]]


def _unclaimed(names: Iterable[str]) -> tuple[_Places, _Places]:
    """All of them in claiming order, and those that are not ours yet; ours come first."""
    current = _current()
    wanted = sorted((rank(name), name) for name in set(names))
    new = [place for place in wanted if place[1] not in current.claimed]
    if new:
        assert new[0] > current.last, f"{new[0][1]} is claimed after {current.last[1]}: wrong order"
    return wanted, new


def _claiming(new: _Places, *, opening: bool) -> Question:
    return Question(_CLAIM, [packing.texts([name for _, name in new]), opening])


def _take(new: _Places, rows: Rows) -> None:
    current = _current()
    current.last = new[-1]
    for name, version, head in zip(*rows[0], strict=True):
        current.claimed[name] = Stream(name=name, version=version, head=head)


@contextmanager
def attempt() -> Iterator[None]:
    """A part of a decision that may be refused without losing the rest: what it wrote is undone,
    and the streams it claimed are let go."""
    current = _decision.get()
    assert current is not None, "an attempt is part of a decision"
    before = {name: (it.version, it.head) for name, it in current.claimed.items()}
    last = current.last
    try:
        with transaction.atomic():
            yield
    except Exception:
        current.claimed = {name: current.claimed[name] for name in before}
        for name, (version, head) in before.items():
            current.claimed[name].version, current.claimed[name].head = version, head
        current.last = last
        raise


@cache
def _prefixes() -> dict[str, int]:
    return {prefix: place for place, prefix in enumerate(settings.SURETY_STREAMS)}


def rank(name: str) -> int:
    """Place of a stream's kind in the claiming order: top app first."""
    return _prefixes()[name.split("-", 1)[0]]


_CLAIM = "SELECT claimed, versions, heads FROM surety_claim(%b::text[], %b::boolean)"
