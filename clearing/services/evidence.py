"""Checks of the log's facts: nothing changed, nothing missing, nothing slipped in.

Each layer notices what the one before cannot. The chain of a stream notices a changed column and a
gap; the stream's head a missing tail; the sealed blocks a history that was rewritten with chain and
head. Somebody who can also rewrite every block is noticed only by a head kept outside the house.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
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
    binary,
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
KEPT = 100_000  # texts, numbers and seconds kept at most, of each


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
    spelling = Spelling()
    for row in binary(CHAINS, part):
        stream, kept = row[1], row[10]
        previous = heads.get(stream)
        heads[stream] = kept
        if previous is None and row[2] != 1:
            waiting.append(row)
        elif spelling.hash(row, previous or store.GENESIS) != kept:
            _unlike(look, row)
        look.saw()
    before = _predecessors(waiting)
    for row in waiting:
        if spelling.hash(row, before.get((row[1], row[2]), b"")) != row[10]:
            _unlike(look, row)


def _unlike(look: Look, row: tuple[Any, ...]) -> None:
    stream = row[1].decode(errors="replace")
    look.found(f"{stream} version {row[2]}", f"fact {row[0]} does not match its hash")


def _predecessors(waiting: list[tuple[Any, ...]]) -> dict[tuple[bytes, int], bytes]:
    names = [row[1].decode() for row in waiting]
    found = rows(_PREDECESSORS, [names, [row[2] for row in waiting]])
    return {(stream.encode(), version): bytes(digest) for stream, version, digest in found}


class _Kept(dict[Any, bytes]):
    """Bytes that come again and again, made once; a few too many, and it starts over."""

    def __init__(self, make: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Any) -> bytes:
        if len(self) > KEPT:
            self.clear()
        found = self[key] = self._make(key)
        return found


class Spelling:
    """The bytes that `store.event_hash` hashes, from columns as the server sends them."""

    def __init__(self) -> None:
        self._texts = _Kept(_with_length)
        self._numbers = _Kept(lambda it: _with_length(b"" if it is None else b"%d" % it))
        self._seconds = _Kept(_second)

    def hash(self, row: tuple[Any, ...], previous: bytes) -> bytes:
        """The fact's hash; of nothing, where a time is none of ours."""
        try:
            return hashlib.sha256(self.bytes_of(row, previous)).digest()
        except (OverflowError, ValueError):
            return b""

    def bytes_of(self, row: tuple[Any, ...], previous: bytes) -> bytes:
        """Of (sequence, stream, version, name, effective, recorded, actor, correlation, cause,
        payload, ...)."""
        _, stream, version, name, effective, recorded, actor, correlation, cause, payload, *_ = row
        texts, numbers = self._texts, self._numbers
        return b"".join(
            (
                len(previous).to_bytes(4, "big"),
                previous,
                texts[stream],
                numbers[version],
                texts[name],
                self._time(effective),
                self._time(recorded),
                texts[actor],
                texts[correlation],
                numbers[cause],
                len(payload).to_bytes(4, "big"),
                payload,
            )
        )

    def _time(self, micros: bytes) -> bytes:
        """As `clock.text` spells it; the server counts microseconds since 2000."""
        second, micro = divmod(int.from_bytes(micros, "big", signed=True), 1_000_000)
        return b"%b%06dZ" % (self._seconds[second], micro)


def _second(second: int) -> bytes:
    """Its length with the fraction, and all before the fraction. Raises OverflowError."""
    at = SERVERS_ZERO + timedelta(seconds=second)
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
CHAINS = """
    SELECT sequence, textsend(stream), version, textsend(name), timestamptz_send(effective_at),
           timestamptz_send(recorded_at), textsend(actor), textsend(correlation_id), cause,
           textsend(payload), hash
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
