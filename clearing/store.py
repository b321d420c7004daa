"""Claim, append, decide: the only writer of the log.

Theory of operation. A decision is one transaction. It claims the streams it needs (a lock on each
head row, so writers to one stream queue and never conflict), looks at their state, decides, and
appends. Appending writes the event, chains its hash to its stream, and in the same transaction
writes what can be read at once (entries, holdings, the apps' projections) and one job for each
thing that must follow (config/routes.py). Nothing else is written and nobody is called: workers
find the jobs.

Streams are claimed in one order everywhere (top app first, then by name), so two decisions that
need the same streams queue up instead of deadlocking; an assertion holds us to it. No lock is
global: the sealer fixes the order of all streams afterwards.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, wraps
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation

from clearing import codec, jobs
from clearing.domain import clock, entries
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal

P = ParamSpec("P")
R = TypeVar("R")

TRIES = 5
GENESIS = bytes(32)


class KeyReused(Refusal):
    code = "key-reused"
    says = "This key was used before with other content."
    remedy = "Repeat the first request exactly, or use a new key."


@dataclass(slots=True)
class Stream:
    """A claimed stream: its head is locked until the transaction ends."""

    name: str
    version: int
    head: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A fact in its place in the log."""

    sequence: int
    stream: str
    version: int
    effective_at: datetime
    recorded_at: datetime
    cause: Cause
    fact: Any


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
        for attempt in range(1, TRIES + 1):
            token = _decision.set(_Decision())
            try:
                with transaction.atomic():
                    return service(*args, **kwargs)
            except DatabaseError as error:
                if attempt == TRIES or not _worth_another_try(error):
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter
            finally:
                _decision.reset(token)
        raise AssertionError("the loop returns or raises")

    return decided


def _worth_another_try(error: DatabaseError) -> bool:
    match error.__cause__:
        case DeadlockDetected() | SerializationFailure():
            return True
        case UniqueViolation() as violation:
            return violation.diag.constraint_name in ("command_key_once", "job_once")
        case _:
            return False


def claim(name: str) -> Stream:
    """Lock a stream's head for this decision, waiting for whoever has it."""
    current = _decision.get()
    assert current is not None, "streams are claimed inside a decision"
    if name in current.claimed:
        return current.claimed[name]
    place = (rank(name), name)
    assert place > current.last, f"{name} is claimed after {current.last[1]}: wrong order"
    current.last = place
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_HEAD, [name])
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_OPEN_STREAM, [name, GENESIS])
            cursor.execute(_LOCK_HEAD, [name])
            row = cursor.fetchone()
    stream = Stream(name=name, version=row[0], head=bytes(row[1]))
    current.claimed[name] = stream
    return stream


def claim_all(names: Iterable[str]) -> dict[str, Stream]:
    """Lock many heads at once, in the claiming order; name -> stream."""
    ordered = sorted(set(names), key=lambda name: (rank(name), name))
    return {name: claim(name) for name in ordered}


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


def append(stream: Stream, fact: Any, *, at: datetime, cause: Cause) -> int:
    """Record one fact with everything that must be true at the same moment; return its sequence."""
    payload = codec.encode(fact)
    recorded_at = datetime.now(UTC)
    version = stream.version + 1
    digest = event_hash(
        previous=stream.head,
        stream=stream.name,
        version=version,
        name=fact.NAME,
        effective_at=at,
        recorded_at=recorded_at,
        cause=cause,
        payload=payload,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _APPEND,
            [
                *(version, digest, stream.name, stream.version),
                *(stream.name, version, fact.NAME, at, recorded_at),
                *(cause.actor, cause.correlation_id, cause.sequence, payload, digest),
            ],
        )
        row = cursor.fetchone()
        assert row is not None, f"{stream.name} moved under its own lock"
        sequence: int = row[0]
        _write_entries(cursor, sequence, entries.effects(fact))
    stream.version, stream.head = version, digest
    recorded = Recorded(
        sequence=sequence,
        stream=stream.name,
        version=version,
        effective_at=at,
        recorded_at=recorded_at,
        cause=cause,
        fact=fact,
    )
    for project in projectors().get(fact.NAME, ()):
        project(recorded)
    _leave_jobs(recorded)
    return sequence


def append_all(facts: Sequence[tuple[Stream, Any]], *, at: datetime, cause: Cause) -> list[int]:
    """Record many facts, in this order, of streams claimed before; return their sequences.

    The way for whoever decides about many: what it needs to know it reads once and folds in memory
    (`account.evolve`), since rows follow only here.
    """
    return [append(stream, fact, at=at, cause=cause) for stream, fact in facts]


def event_hash(
    *,
    previous: bytes,
    stream: str,
    version: int,
    name: str,
    effective_at: datetime,
    recorded_at: datetime,
    cause: Cause,
    payload: str,
) -> bytes:
    """SHA-256 over the stream's last hash and every column but the sequence, each with its length.

    The sequence is bound by the sealed block instead, so that streams stay independent.
    """
    parts = (
        previous,
        stream.encode(),
        str(version).encode(),
        name.encode(),
        clock.text(effective_at).encode(),
        clock.text(recorded_at).encode(),
        cause.actor.encode(),
        cause.correlation_id.encode(),
        b"" if cause.sequence is None else str(cause.sequence).encode(),
        payload.encode(),
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.digest()


def _write_entries(cursor: Any, sequence: int, effects: tuple[entries.Entry, ...]) -> None:
    if not effects:
        return
    columns = [
        [entry.account for entry in effects],
        [entry.asset for entry in effects],
        [entry.amount for entry in effects],
    ]
    cursor.execute(_ENTRIES, [sequence, *columns])
    cursor.execute(_HOLDINGS, [*columns, list(entries.HOUSE_ACCOUNTS)])


@cache
def projectors() -> dict[str, tuple[Callable[[Recorded], None], ...]]:
    """Fact name -> the functions that keep rows up to date; each app names its module in settings."""
    found: dict[str, list[Callable[[Recorded], None]]] = {}
    for module in settings.SURETY_PROJECTIONS:
        for fact, project in import_module(module).PROJECTIONS.items():
            found.setdefault(fact.NAME, []).append(project)
    return {name: tuple(functions) for name, functions in found.items()}


def _leave_jobs(recorded: Recorded) -> None:
    routes = import_module(settings.SURETY_ROUTES).EVENT_ROUTES
    address: dict[str, Any] = {
        "sequence": recorded.sequence,
        "correlation_id": recorded.cause.correlation_id,
    }
    account = getattr(recorded.fact, "account_id", None)
    if account is not None:
        address["account"] = account
    for kind in routes.get(recorded.fact.NAME, ()):
        jobs.leave(kind, key=str(recorded.sequence), address=address)


def earlier(*, scope: str, key: str, content: str) -> int | None:
    """The sequence this key led to before, or None. Ask after claiming. Raises KeyReused."""
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER, [scope, key])
        row = cursor.fetchone()
    if row is None:
        return None
    if bytes(row[0]) != _request_hash(content):
        raise KeyReused(field="key", key=key)
    return int(row[1])


def remember(*, scope: str, key: str, content: str, sequence: int) -> int:
    """Keep the key for ever, in the transaction of what it led to; return the sequence."""
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, [scope, key, _request_hash(content), sequence, datetime.now(UTC)])
    return sequence


def _request_hash(content: str) -> bytes:
    return hashlib.sha256(content.encode()).digest()


_LOCK_HEAD = "SELECT version, head FROM clearing_stream WHERE name = %s FOR UPDATE"
_OPEN_STREAM = """
    INSERT INTO clearing_stream (name, version, head) VALUES (%s, 0, %s) ON CONFLICT DO NOTHING
"""
_APPEND = """
    WITH head AS (
        UPDATE clearing_stream SET version = %s, head = %s WHERE name = %s AND version = %s
        RETURNING 1
    )
    INSERT INTO clearing_event (stream, version, name, effective_at, recorded_at,
                                actor, correlation_id, cause, payload, hash)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM head
    RETURNING sequence
"""
_ENTRIES = """
    INSERT INTO clearing_entry (sequence, account, asset, amount)
    SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bigint[])
"""
_HOLDINGS = """
    WITH moved AS (
        SELECT account, asset, sum(amount)::bigint AS amount
        FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS it (account, asset, amount)
        WHERE account <> ALL (%s) GROUP BY account, asset
    ), emptied AS (
        DELETE FROM clearing_holding AS held USING moved
        WHERE held.account = moved.account AND held.asset = moved.asset
          AND held.amount + moved.amount = 0
        RETURNING held.account, held.asset
    )
    INSERT INTO clearing_holding (account, asset, amount)
    SELECT account, asset, amount FROM moved
    WHERE (account, asset) NOT IN (SELECT account, asset FROM emptied)
    ON CONFLICT (account, asset) DO UPDATE
        SET amount = clearing_holding.amount + EXCLUDED.amount
"""
_EARLIER = "SELECT request_hash, sequence FROM clearing_command WHERE scope = %s AND key = %s"
_REMEMBER = """
    INSERT INTO clearing_command (scope, key, request_hash, sequence, recorded_at)
    VALUES (%s, %s, %s, %s, %s)
"""
