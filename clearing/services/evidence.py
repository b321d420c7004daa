"""Checks of the log's facts: nothing changed, nothing missing, nothing slipped in.

Each layer notices what the one before cannot. The chain of a stream notices a changed column and a
gap; the stream's head a missing tail; the sealed blocks a history that was rewritten with chain and
head. Somebody who can also rewrite every block is noticed only by a head kept outside the house.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from clearing import codec, store
from clearing.domain import clock, prices
from clearing.domain.cause import Cause
from clearing.domain.events import PriceSetCorrected, PriceSetSealed
from clearing.services.findings import (
    UNREADABLE,
    Check,
    Look,
    Part,
    binary_batches,
    rows,
    rows_in,
    streamed,
    stretches,
)
from clearing.store import Recorded

RESTORE = (
    "Evidence cannot be mended: keep this database as it is, and restore the last backup that"
    " verifies beside it."
)
SERVERS_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
KEPT = 100_000  # times kept at most


def versions(look: Look) -> None:
    """Every stream counts 1, 2, 3 ... and the global order agrees with it."""
    look.saw(rows_in("clearing_event"))
    for stream, count, first, last in rows(_VERSIONS):
        look.found(stream, f"{count} facts with versions from {first} to {last}")
    for stream, version in rows(_ORDER):
        look.found(f"{stream} version {version}", "stands before its predecessor in the log")


def chains(look: Look, part: Part) -> None:
    """Every hash again, from the stream's hash before it and every column.

    A part holds a stretch of the log, so its first fact of a stream may follow one outside: those
    wait until the end, when their predecessors' hashes are asked for at once.
    """
    heads: dict[bytes, bytes] = {}
    waiting: list[tuple[Any, ...]] = []
    sha, join, times, known = hashlib.sha256, b"".join, Times(), heads.get
    for batch in binary_batches(SPELLED, part):  # nothing is called for a fact that is not hashing
        for row in batch:
            _, version, kept, stream, front, effective, recorded, back = row
            previous = known(stream)
            heads[stream] = kept
            if previous is None:
                if version != 1:
                    waiting.append(row)
                    continue
                previous = store.GENESIS
            said = join((LENGTH, previous, front, times[effective], times[recorded], back))
            if sha(said).digest() != kept:
                _unlike(look, row)
        look.saw(len(batch))
    before = _predecessors(waiting)
    for row in waiting:
        _, version, kept, stream, front, effective, recorded, back = row
        previous = before.get((stream, version), b"")
        said = join((LENGTH, previous, front, times[effective], times[recorded], back))
        if len(previous) != len(store.GENESIS) or sha(said).digest() != kept:
            _unlike(look, row)


def _unlike(look: Look, row: tuple[Any, ...]) -> None:
    stream = row[3].decode(errors="replace")
    look.found(f"{stream} version {row[1]}", f"fact {row[0]} does not match its hash")


def _predecessors(waiting: list[tuple[Any, ...]]) -> dict[tuple[bytes, int], bytes]:
    names = [row[3].decode() for row in waiting]
    found = rows(_PREDECESSORS, [names, [row[1] for row in waiting]])
    return {(stream.encode(), version): bytes(digest) for stream, version, digest in found}


LENGTH = len(store.GENESIS).to_bytes(4, "big")  # of the hash before it


class Times(dict[bytes, bytes]):
    """Microseconds since 2000 -> as `clock.text` spells them, after its length. Facts of one moment
    share theirs, and so do times of one second all but the fraction; a few too many, and it starts
    over."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds: dict[int, bytes] = {}

    def __missing__(self, micros: bytes) -> bytes:
        second, micro = divmod(int.from_bytes(micros, "big", signed=True), 1_000_000)
        start = self._seconds.get(second)
        if start is None:
            start = self._seconds[second] = _second(second)
        if len(self) > KEPT:
            self.clear()
            self._seconds = {second: start}
        found = self[micros] = b"%b%06dZ" % (start, micro)
        return found


def _second(second: int) -> bytes:
    """Its length with the fraction, and all before the fraction; nothing, where it is none of ours,
    so that no hash comes out."""
    try:
        at = SERVERS_ZERO + timedelta(seconds=second)
    except OverflowError:
        return b""
    return _with_length(clock.text(at).encode())[:-7]


def _with_length(text: bytes) -> bytes:
    return len(text).to_bytes(4, "big") + text


def facts_in(pieces: int) -> list[Part]:
    """The log, cut by sequence."""
    return stretches(rows("SELECT coalesce(max(sequence), 0) FROM clearing_event")[0][0], pieces)


def heads(look: Look) -> None:
    """A stream's head row is its last fact's version and hash."""
    look.saw(rows_in("clearing_stream"))
    for name, version, last in rows(_HEADS, [store.GENESIS]):
        if version is None:
            look.found(name, f"has {last} facts and no head")
        elif last is None:
            look.found(name, f"its head says version {version}, but there are no facts")
        else:
            look.found(name, f"its head of version {version} is not its last fact, {last}")


def causes(look: Look) -> None:
    """What led to a fact exists and came before it."""
    look.saw(rows_in("clearing_event WHERE cause IS NOT NULL"))
    for sequence, cause in rows(_CAUSES):
        look.found(f"fact {sequence}", f"is said to follow from {cause}, which did not precede")


def facts(*wanted: type) -> Iterator[Recorded]:
    """Recorded facts of some kinds, in the log's order, for checks of whoever records them.

    One that cannot be read is left out: its chain and the replay say so.
    """
    names = {fact.NAME for fact in wanted}  # type: ignore[attr-defined]
    kept = [name for (name,) in rows(_NAMES) if codec.current(name) in names]
    for row in streamed(_FACTS, [kept]):
        try:
            fact = codec.decode(row[3], row[9])
        except UNREADABLE:
            continue
        yield Recorded(
            sequence=row[0],
            stream=row[1],
            version=row[2],
            effective_at=row[4],
            recorded_at=row[5],
            cause=Cause(actor=row[6], correlation_id=row[7], sequence=row[8]),
            fact=fact,
        )


def price_bodies(look: Look) -> None:
    """A price set's content has the hash it is named by, and its fact; and no fact lacks content."""
    named = {it.fact.price_set for it in facts(PriceSetSealed, PriceSetCorrected)}
    for name, body in streamed(_PRICE_BODIES):
        look.saw()
        if prices.name_of(body) != name:
            look.found(f"price set {name}", "is not the content that was sealed")
        if name not in named:
            look.found(f"price set {name}", "was sealed by no fact")
        named.discard(name)
    for name in sorted(named):
        look.found(f"price set {name}", "was sealed, but its content is gone")


_VERSIONS = """
    SELECT stream, count(*), min(version), max(version) FROM clearing_event
    GROUP BY stream HAVING (min(version), max(version)) <> (1, count(*)) ORDER BY stream
"""
_ORDER = """
    SELECT stream, version FROM (
        SELECT stream, version, sequence,
               lag(sequence) OVER (PARTITION BY stream ORDER BY version) AS before
        FROM clearing_event
    ) AS it WHERE before > sequence ORDER BY sequence
"""
# What `store.event_hash` hashes after the hash before it: a text after its length in four bytes is
# how the server sends an element of an array, past a head of twenty bytes. The times go in between.
SPELLED = """
    SELECT sequence, version, hash, textsend(stream),
           substr(array_send(ARRAY[stream, version::text, name]), 21),
           timestamptz_send(effective_at), timestamptz_send(recorded_at),
           substr(array_send(ARRAY[actor, correlation_id, coalesce(cause::text, ''), payload]), 21)
    FROM clearing_event WHERE sequence > %s AND sequence <= %s ORDER BY sequence
"""
_PREDECESSORS = """
    SELECT it.stream, it.version, before.hash
    FROM unnest(%s::text[], %s::int[]) AS it (stream, version)
    JOIN clearing_event AS before ON before.stream = it.stream AND before.version = it.version - 1
"""
_HEADS = """
    WITH last AS (
        SELECT DISTINCT ON (stream) stream, version, hash FROM clearing_event
        ORDER BY stream, version DESC
    )
    SELECT coalesce(head.name, last.stream), head.version, last.version
    FROM clearing_stream AS head FULL JOIN last ON last.stream = head.name
    WHERE (head.version, head.head)
        IS DISTINCT FROM (coalesce(last.version, 0), coalesce(last.hash, %s))
    ORDER BY 1
"""
_CAUSES = """
    SELECT it.sequence, it.cause FROM clearing_event AS it
    LEFT JOIN clearing_event AS cause
        ON cause.sequence = it.cause AND cause.sequence < it.sequence
    WHERE it.cause IS NOT NULL AND cause.sequence IS NULL ORDER BY it.sequence
"""
_NAMES = "SELECT DISTINCT name FROM clearing_event"
_FACTS = """
    SELECT sequence, stream, version, name, effective_at, recorded_at, actor, correlation_id,
           cause, payload
    FROM clearing_event WHERE name = ANY (%s) ORDER BY sequence
"""
_PRICE_BODIES = "SELECT name, body FROM clearing_pricebody ORDER BY name"

CHECKS = (
    Check("stream versions", RESTORE, versions),
    Check("hash chains", RESTORE, chains, parts=facts_in),
    Check("stream heads", RESTORE, heads),
    Check("causes", RESTORE, causes),
    Check("price sets", RESTORE, price_bodies),
)
