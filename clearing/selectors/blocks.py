"""Sealed blocks and what they prove: headers, gapless numbers, proofs, checkpoints, epochs, lag."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any

from django.db import connection

from clearing import models
from clearing.domain import clock
from clearing.domain.errors import NotFound, Refusal
from clearing.domain.evidence import header, inclusion
from clearing.domain.evidence.header import Header


class NotSealed(Refusal):
    code = "not-sealed"
    says = "The place of this fact in the global order is not final yet."
    remedy = "Ask again in a second."


@dataclass(frozen=True, slots=True)
class Sealed:
    """A block as it stands in its row, and what is not in its header."""

    header: Header
    head: bytes
    keys: bytes
    sealed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SealLag:
    """`heartbeat_seconds` since a sealer looked; `waiting` facts not sealed, the oldest of them
    recorded `oldest_seconds` ago (0 when there is none)."""

    heartbeat_seconds: int
    waiting: int
    oldest_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """A server and timeline, and the blocks sealed there; a restore or a move starts another."""

    epoch: str
    first: int
    last: int


def sealed_blocks(after: int, up_to: int) -> Iterator[Sealed]:
    """Blocks past a number, up to another."""
    yield from _read(
        f"{_BLOCKS} WHERE number > %s AND number <= %s ORDER BY number", [after, up_to]
    )


def newest_blocks(*, before: int, limit: int) -> list[Sealed]:
    """The newest with a number below `before`, newest first."""
    statement = f"{_BLOCKS} WHERE number < %s ORDER BY number DESC LIMIT %s"
    return list(_read(statement, [before, limit]))


def block_of(sequence: int) -> Sealed:
    """The block that sealed this sequence. Raises NotSealed, NotFound."""
    if not models.Event.objects.filter(sequence=sequence).exists():
        raise NotFound(field="sequence", sequence=sequence)
    for it in _read(f"{_BLOCKS} WHERE last >= %s ORDER BY last LIMIT 1", [sequence]):
        return it
    raise NotSealed(field="sequence", sequence=sequence)


def _read(statement: str, parameters: Sequence[Any]) -> Iterator[Sealed]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        for row in cursor.fetchall():
            yield _sealed(*row)


def _sealed(
    number: int,
    first: int,
    last: int,
    count: int,
    root: bytes,
    head: bytes,
    sealed_at: datetime,
    form: int,
    previous: bytes,
    total: int,
    dead: list[int],
    decoder: int,
    columns: bytes,
    keys: bytes,
    epoch: str,
) -> Sealed:
    its = Header(
        format=form,
        number=number,
        first=first,
        last=last,
        count=count,
        root=bytes(root),
        previous=bytes(previous),
        total=total,
        dead=tuple(zip_longest(dead[::2], dead[1::2], fillvalue=0)),
        decoder=decoder,
        columns=bytes(columns),
        keys=hashlib.sha256(keys).digest(),
        epoch=epoch,
        sealed_at=clock.text(sealed_at),
    )
    return Sealed(its, bytes(head), bytes(keys), sealed_at)


def number_of(sequence: int) -> int:
    """The gapless number of a sealed fact: its place among all facts. Raises NotSealed, NotFound."""
    it = block_of(sequence).header
    if it.format > 1:
        return header.number_in(it, sequence)
    before = models.Event.objects.filter(
        sequence__lte=sequence
    )  # a block of before there were totals
    return before.count()


def inclusion_proof(sequence: int) -> dict[str, Any]:
    """That the fact stands in the log, up to the latest checkpoint that covers its block.

    Raises NotSealed, NotFound.
    """
    it = block_of(sequence)
    rows = models.Event.objects.filter(sequence__gte=it.header.first, sequence__lte=it.header.last)
    facts = [
        (each, bytes(digest))
        for each, digest in rows.order_by("sequence").values_list("sequence", "hash")
    ]
    signed = latest_checkpoint()
    heads: list[bytes] = []
    if signed is not None:
        found = models.Block.objects.filter(number__lte=signed.block).order_by("number")
        heads = [bytes(head) for head in found.values_list("head", flat=True)]
    return inclusion.proof(
        sequence=sequence,
        digest=dict(facts)[sequence],
        block=_with_previous(it),
        facts=facts,
        heads=heads,
        note=signed.note if signed else "",
    )


def _with_previous(it: Sealed) -> Header:
    """A block of format 1 does not keep the head before it; its own depends on it all the same."""
    if it.header.format > 1 or it.header.number == 1:
        return replace(it.header, previous=it.header.previous or header.GENESIS)
    before = models.Block.objects.values_list("head", flat=True).get(number=it.header.number - 1)
    return replace(it.header, previous=bytes(before))


def latest_checkpoint() -> models.Checkpoint | None:
    return models.Checkpoint.objects.order_by("-block").first()


def epochs() -> list[Epoch]:
    """Servers and timelines that sealed, in order."""
    found: list[Epoch] = []
    rows = models.Block.objects.order_by("number").values_list("number", "epoch")
    for number, epoch in rows.iterator():
        if found and found[-1].epoch == epoch:
            found[-1] = replace(found[-1], last=number)
        else:
            found.append(Epoch(epoch=epoch, first=number, last=number))
    return found


def seal_lag() -> SealLag:
    with connection.cursor() as cursor:
        cursor.execute(_LAG)
        heartbeat, waiting, oldest = cursor.fetchone()
    return SealLag(heartbeat_seconds=heartbeat, waiting=waiting, oldest_seconds=oldest)


_BLOCKS = """
    SELECT number, first, last, count, root, head, sealed_at, format, previous, total, dead,
           decoder, columns, keys, epoch
    FROM clearing_block
"""
_LAG = """
    SELECT greatest(0, extract(epoch FROM clock_timestamp() - heartbeat))::int,
           (SELECT count(*) FROM clearing_event WHERE sequence > last),
           coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(recorded_at)))
                     FROM clearing_event WHERE sequence > last), 0)::int
    FROM clearing_sealstate WHERE id = 1
"""
