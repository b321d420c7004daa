"""Appending: a fact's place, its hash, and everything that must be true at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, connection
from psycopg.errors import ObjectNotInPrerequisiteState, SerializationFailure, UniqueViolation

from clearing import codec, jobs
from clearing.domain import entries
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.store import binary, decisions, packing
from clearing.store.decisions import Stream
from clearing.store.following import Recorded, moved_along, project, projectors, routes
from clearing.store.keys import Key, KeyReused

ANY, NEW = None, 0  # what version a stream is expected at, where it is not a number


class StreamMoved(Refusal):
    code = "stream-moved"
    says = "Something else was recorded there first."
    remedy = "Look again, and ask again if it is still wanted."


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A key to be kept with what it led to: from one of the facts appended to another, by place."""

    key: Key
    first: int
    last: int


def append(stream: Stream, fact: Any, *, at: datetime, cause: Cause) -> int:
    """Record one fact with everything that must be true at the same moment; return its sequence."""
    return append_all([(stream, fact)], at=at, cause=cause)[0]


def append_all(
    facts: Sequence[tuple[Stream, Any]],
    *,
    at: datetime,
    cause: Cause,
    remembering: Sequence[Remembered] = (),
) -> list[int]:
    """Record many facts, in this order, of streams claimed before; return their sequences.

    One round trip, whatever their number. The way for whoever decides about many: what it needs to
    know it reads once and folds in memory (`account.evolve`), since rows follow only here.
    """
    if not facts:
        return []
    assert decisions.deciding(), "facts are appended inside a decision"
    streams = {stream.name: stream for stream, _ in facts}
    batch = Batch(
        streams=list(streams),
        expected=[it.version for it in streams.values()],
        heads=[it.head for it in streams.values()],
        facts=[(stream.name, fact) for stream, fact in facts],
        at=[at],
        cause=cause,
        remembering=remembering,
    )
    sequences, reached, heads = write(batch)
    for stream, version, head in zip(streams.values(), reached, heads, strict=True):
        stream.version, stream.head = version, head
    return sequences


def append_once(
    stream: str,
    fact: Any,
    *,
    expected: int | None = ANY,
    at: datetime,
    cause: Cause,
    key: Key | None = None,
) -> int:
    """Record a fact that hangs on nothing but its stream's version, in one round trip in all.

    For a command that reads nothing: no claim, and no transaction around it unless the caller's.
    The same key with the same content answers what it led to before. Raises StreamMoved when the
    stream is not at the version expected (`NEW` for one that must not exist), KeyReused; inside a
    transaction of the caller's, either means that it is to be rolled back.
    """
    assert not entries.effects(fact), f"{fact.NAME} moves something: claim, decide, append"
    followed = projectors().get(fact.NAME) or fact.NAME in moved_along()
    assert not followed, f"{fact.NAME} is followed by rows: claim, decide, append"
    assert not routes().get(fact.NAME), f"{fact.NAME} leaves jobs: claim, decide, append"
    decisions.rank(stream)  # of a kind somebody named
    request = (None, None, None) if key is None else (key.scope, key.key, key.request)
    parameters = [
        *(stream, expected, fact.NAME, codec.encode(fact), at),
        *(cause.actor, cause.correlation_id, cause.sequence, *request),
    ]

    def once() -> tuple[Any, ...]:
        try:
            return binary.call(_APPEND, parameters)
        except DatabaseError as error:
            refusal = _refusal(error, stream, expected, key)
            if refusal is None:
                raise
            raise refusal from None

    row = once() if connection.in_atomic_block else decisions.patiently(once)
    return int(row[0])


def _refusal(
    error: DatabaseError, stream: str, expected: int | None, key: Key | None
) -> Refusal | None:
    match error.__cause__:
        case UniqueViolation() as it if it.diag.constraint_name == "command_request_same" and key:
            return KeyReused(field="key", key=key.key)
        case SerializationFailure() if expected is not ANY:
            return StreamMoved(stream=stream, expected=expected)
        case _:
            return None


@dataclass(slots=True, kw_only=True)
class Batch:
    """What one call of the log's function records. Without heads it claims the streams itself."""

    streams: list[str]
    expected: list[int] | None
    heads: list[bytes] | None
    facts: list[tuple[str, Any]]
    at: list[datetime]  # one for all, or one for each
    cause: Cause
    remembering: Sequence[Remembered] = ()
    following: Callable[[int, Any], Iterable[tuple[str, str | None]]] | None = None


@dataclass(slots=True)
class Packed:
    """What is sent for a batch, but for where its streams stand."""

    stream_of: list[int]
    facts: list[Any]
    rest: list[Any]


def pack(batch: Batch) -> Packed:
    """Everything about it that costs time and needs no server."""
    places = {name: place for place, name in enumerate(batch.streams, 1)}
    stream_of = [places[name] for name, _ in batch.facts]
    of_kinds = {fact.__class__ for _, fact in batch.facts}
    facts = [
        packing.int4s(stream_of),
        packing.repeated([fact.NAME for _, fact in batch.facts]),
        packing.texts([codec.encode(fact) for _, fact in batch.facts]),
        packing.times(batch.at),
        *(batch.cause.actor, batch.cause.correlation_id, batch.cause.sequence),
    ]
    rest = [
        *_effects(batch.facts if any(hasattr(it, "movements") for it in of_kinds) else ()),
        *_moved(batch.facts if any(it.NAME in moved_along() for it in of_kinds) else ()),
        *_jobs(batch, leaving=any(routes().get(it.NAME) for it in of_kinds)),
        *_kept(batch.remembering),
    ]
    return Packed(stream_of, facts, rest)


def write(batch: Batch, packed: Packed | None = None) -> tuple[list[int], list[int], list[bytes]]:
    """Record them; their sequences, and each stream's version and head afterwards."""
    packed = packed or pack(batch)
    parameters = [
        packing.texts(batch.streams),
        None if batch.expected is None else packing.int4s(batch.expected),
        None if batch.heads is None else packing.byteas(batch.heads),
        *packed.facts,
        *packed.rest,
    ]
    try:
        row = binary.call(_APPEND_ALL, parameters)
    except DatabaseError as error:
        ours = isinstance(error.__cause__, ObjectNotInPrerequisiteState)
        assert not ours, error.__cause__  # a head that moved under its own lock
        raise
    sequences, reached, heads, recorded_at, jobs_left, kinds_left = row
    if any(name in projectors() for name in {fact.NAME for _, fact in batch.facts}):
        at = recorded_at.astimezone(UTC)
        project(_recorded(batch, sequences, reached, packed.stream_of, at))
    if jobs_left:
        jobs.poke_after_commit(list(zip(jobs_left, kinds_left, strict=True))[: jobs.MOST_POKED])
    return sequences, reached, heads


def _recorded(
    batch: Batch,
    sequences: list[int],
    reached: list[int],
    stream_of: list[int],
    recorded_at: datetime,
) -> list[Recorded]:
    versions: list[int] = []
    after = list(reached)
    for place in reversed(stream_of):
        versions.append(after[place - 1])
        after[place - 1] -= 1
    versions.reverse()
    one_time = len(batch.at) == 1
    return [
        Recorded(
            sequence=sequence,
            stream=name,
            version=version,
            effective_at=batch.at[0] if one_time else batch.at[place],
            recorded_at=recorded_at,
            cause=batch.cause,
            fact=fact,
        )
        for place, (sequence, version, (name, fact)) in enumerate(
            zip(sequences, versions, batch.facts, strict=True)
        )
    ]


def _effects(facts: Sequence[tuple[str, Any]]) -> tuple[Any, ...]:
    """Entries as `entries.effects` has them, a column at a time."""
    places: list[int] = []
    accounts: list[str] = []
    assets: list[str] = []
    amounts: list[int] = []
    for place, (_, fact) in enumerate(facts, 1):
        found = entries.effects(fact)
        if found:
            places += (place,) * len(found)
            account, asset, amount = zip(*found, strict=True)
            accounts += account
            assets += asset
            amounts += amount
    return (
        packing.int4s(places),
        packing.repeated(accounts),
        packing.repeated(assets),
        packing.int8s(amounts),
        packing.texts(entries.HOUSE_ACCOUNTS),
    )


def _moved(facts: Sequence[tuple[str, Any]]) -> tuple[Any, ...]:
    """Of each account, the last fact that moves it along: no other can be seen afterwards."""
    last = {
        fact.account_id: place
        for place, (_, fact) in enumerate(facts, 1)
        if fact.NAME in moved_along()
    }
    return packing.int4s(list(last.values())), packing.texts(list(last))


def _jobs(batch: Batch, *, leaving: bool) -> tuple[Any, ...]:
    routed = batch.following or _routed
    found = [
        (place, kind, account)
        for place, (_, fact) in enumerate(batch.facts if leaving else (), 1)
        for kind, account in routed(place, fact)
    ]
    return (
        packing.int4s([place for place, _, _ in found]),
        packing.repeated([kind for _, kind, _ in found]),
        packing.texts([account for _, _, account in found]),
        jobs.MOST_POKED,
    )


def _routed(_place: int, fact: Any) -> Iterable[tuple[str, str | None]]:
    account = getattr(fact, "account_id", None)
    return [(kind, account) for kind in routes().get(fact.NAME, ())]


def _kept(remembering: Sequence[Remembered]) -> tuple[Any, ...]:
    return (
        packing.texts([it.key.scope for it in remembering]),
        packing.texts([it.key.key for it in remembering]),
        packing.byteas([it.key.request for it in remembering]),
        packing.int4s([it.first + 1 for it in remembering]),
        packing.int4s([it.last + 1 for it in remembering]),
    )


_APPEND = """
    SELECT surety_append(
        %b::text, %b::int, %b::text, %b::text, %b::timestamptz, %b::text, %b::text, %b::bigint,
        %b::text, %b::text, %b::bytea)
"""
_APPEND_ALL = """
    SELECT sequences, reached, last_hashes, recorded, jobs_left, kinds_left FROM surety_append_all(
        %b::text[], %b::int[], %b::bytea[], %b::int[], %b::text[], %b::text[], %b::timestamptz[],
        %b::text, %b::text, %b::bigint, %b::int[], %b::text[], %b::text[], %b::bigint[], %b::text[],
        %b::int[], %b::text[], %b::int[], %b::text[], %b::text[], %b::int,
        %b::text[], %b::text[], %b::bytea[], %b::int[], %b::int[])
"""
