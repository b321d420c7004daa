"""Checks of the log itself: nothing changed, nothing missing, nothing slipped in.

Each layer notices what the one before cannot. The chain of a stream notices a changed column and a
gap; the stream's head a missing tail; the sealed blocks a history that was rewritten with chain and
head. Somebody who can also rewrite every block is noticed only by a head kept outside the house.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clearing import codec, sealer, store
from clearing.domain import prices
from clearing.domain.cause import Cause
from clearing.domain.events import PriceSetCorrected, PriceSetSealed
from clearing.services.findings import UNREADABLE, Check, Look, rows, rows_in, streamed
from clearing.store import Recorded

RESTORE = (
    "Evidence cannot be mended: keep this database as it is, and restore the last backup that"
    " verifies beside it."
)


def versions(look: Look) -> None:
    """Every stream counts 1, 2, 3 ... and the global order agrees with it."""
    look.saw(rows_in("clearing_event"))
    for stream, count, first, last in rows(_VERSIONS):
        look.found(stream, f"{count} facts with versions from {first} to {last}")
    for stream, version in rows(_ORDER):
        look.found(f"{stream} version {version}", "stands before its predecessor in the log")


def chains(look: Look) -> None:
    """Every hash again, from the stream's hash before it and every column."""
    stream, previous = "", store.GENESIS
    for row in streamed(_CHAINS):
        if row[1] != stream:
            stream, previous = row[1], store.GENESIS
        recomputed, kept = _hash_of(row, previous), bytes(row[10])
        if recomputed != kept:
            look.found(f"{stream} version {row[2]}", f"fact {row[0]} does not match its hash")
        previous = kept
        look.saw()


def _hash_of(row: tuple[Any, ...], previous: bytes) -> bytes:
    return store.event_hash(
        previous=previous,
        stream=row[1],
        version=row[2],
        name=row[3],
        effective_at=row[4],
        recorded_at=row[5],
        cause=Cause(actor=row[6], correlation_id=row[7], sequence=row[8]),
        payload=row[9],
    )


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


def blocks(look: Look) -> None:
    """Every sealed block again, from the facts in its place; nothing between, nothing missing."""
    facts = streamed(_SEALED)
    waiting = next(facts, None)
    number, last, head = 0, 0, bytes(32)
    for block in rows(_BLOCKS):
        leaves = []
        while waiting is not None and waiting[0] <= block[2]:
            if waiting[0] < block[1]:
                look.found(f"fact {waiting[0]}", f"lies before block {block[0]}, in none")
            else:
                leaves.append(sealer.leaf(waiting[0], bytes(waiting[1])))
            waiting = next(facts, None)
        look.saw(len(leaves))
        for fault in _faults(block, leaves, number=number, last=last, head=head):
            look.found(f"block {block[0]}", fault)
        number, last, head = block[0], block[2], bytes(block[5])
    for state in rows(_STATE):
        if (state[0], state[1], bytes(state[2])) != (last, number, head):
            look.found("seal state", f"says block {state[1]}; the last one found is {number}")
    if waiting is not None:
        look.found(f"fact {waiting[0]}", "is said to be sealed, but is in no block")


def _faults(
    block: tuple[Any, ...], leaves: list[bytes], *, number: int, last: int, head: bytes
) -> Iterator[str]:
    its, first, up_to, count, root, its_head = block
    if its != number + 1 or first <= last or up_to < first:
        yield f"does not follow block {number}"
    if len(leaves) != count:
        yield f"was sealed with {count} facts and has {len(leaves)}"
    if sealer.merkle_root(leaves) != bytes(root):
        yield "its facts or their order are not those that were sealed"
    sealed = sealer.block_head(
        head, number=its, first=first, last=up_to, count=count, root=bytes(root)
    )
    if sealed != bytes(its_head):
        yield "its head does not follow from the block before and its own content"


def causes(look: Look) -> None:
    """What led to a fact exists and came before it."""
    look.saw(rows_in("clearing_event WHERE cause IS NOT NULL"))
    for sequence, cause in rows(_CAUSES):
        look.found(f"fact {sequence}", f"is said to follow from {cause}, which did not precede")


def commands(look: Look) -> None:
    """Every idempotency key leads to facts: the first of them and the last are there."""
    look.saw(rows_in("clearing_command"))
    for scope, key, sequence in rows(_COMMANDS):
        look.found(f"key {key} of {scope}", f"led to fact {sequence}, which is not there")


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
_CHAINS = """
    SELECT sequence, stream, version, name, effective_at, recorded_at, actor, correlation_id,
           cause, payload, hash
    FROM clearing_event ORDER BY stream, version
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
_SEALED = """
    SELECT sequence, hash FROM clearing_event
    WHERE sequence <= (SELECT last FROM clearing_sealstate WHERE id = 1) ORDER BY sequence
"""
_BLOCKS = "SELECT number, first, last, count, root, head FROM clearing_block ORDER BY number"
_STATE = "SELECT last, block, head FROM clearing_sealstate"
_CAUSES = """
    SELECT it.sequence, it.cause FROM clearing_event AS it
    LEFT JOIN clearing_event AS cause
        ON cause.sequence = it.cause AND cause.sequence < it.sequence
    WHERE it.cause IS NOT NULL AND cause.sequence IS NULL ORDER BY it.sequence
"""
_COMMANDS = """
    SELECT it.scope, it.key, led.sequence
    FROM clearing_command AS it, LATERAL (VALUES (it.first), (it.sequence)) AS led (sequence)
    LEFT JOIN clearing_event AS fact USING (sequence)
    WHERE led.sequence IS NOT NULL AND fact.sequence IS NULL ORDER BY it.id
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
    Check("hash chains", RESTORE, chains),
    Check("stream heads", RESTORE, heads),
    Check("sealed blocks", RESTORE, blocks),
    Check("causes", RESTORE, causes),
    Check("commands", RESTORE, commands),
    Check("price sets", RESTORE, price_bodies),
)
