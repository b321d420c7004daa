"""Checks of what is sealed: blocks, the keys sealed with them, their columns, checkpoints."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from clearing import codec, sealer
from clearing.domain import clock
from clearing.domain.evidence import checkpoint, columns, merkle
from clearing.domain.evidence.header import GENESIS, Header, runs_between
from clearing.selectors.blocks import Sealed, sealed_blocks
from clearing.services.evidence import RESTORE
from clearing.services.findings import (
    FOREVER,
    UNREADABLE,
    Check,
    Look,
    Part,
    binary,
    binary_batches,
    rows,
    rows_in,
    stretches,
)

DECODE = (
    "Columns follow from the log, but stand in evidence that is only added to: restore the last"
    " backup that verifies beside this database."
)


@dataclass(frozen=True, slots=True)
class _Before:
    number: int
    last: int
    total: int
    head: bytes


def blocks_in(pieces: int) -> list[Part]:
    """The chain of blocks, cut by number."""
    return stretches(rows("SELECT coalesce(max(number), 0) FROM clearing_block")[0][0], pieces)


def blocks(look: Look, part: Part) -> None:
    """Every sealed block again, from the facts in its place; nothing between, nothing missing."""
    before = _before(part[0])
    sealed = list(sealed_blocks(*part))
    end = sealed[-1].header.last if sealed and part[1] != FOREVER else _sealed_up_to()
    facts = _Facts(before.last if before.number else -FOREVER, end)
    for it in sealed:
        within = facts.up_to(it.header.last)
        first = bisect_left(within, it.header.first, key=itemgetter(0))
        for sequence, _ in within[:first]:
            look.found(f"fact {sequence}", f"lies before block {it.header.number}, in none")
        del within[:first]
        look.saw(len(within))
        for fault in _faults(it, within, before):
            look.found(f"block {it.header.number}", fault)
        total = before.total + it.header.count
        before = _Before(it.header.number, it.header.last, total, it.head)
    if part[1] == FOREVER:
        _state(look, before)
    left = facts.up_to(FOREVER)
    if left:
        look.found(f"fact {left[0][0]}", "is said to be sealed, but is in no block")


class _Facts:
    """Sequences and hashes of a stretch of the log, handed out in order."""

    def __init__(self, after: int, end: int) -> None:
        self._batches = binary_batches(_SEALED, [after, end])
        self._waiting: list[tuple[Any, ...]] = []

    def up_to(self, last: int) -> list[tuple[Any, ...]]:
        """Those not handed out yet, up to a sequence."""
        while not self._waiting or self._waiting[-1][0] <= last:
            batch = next(self._batches, None)
            if batch is None:
                break
            self._waiting += batch
        end = bisect_right(self._waiting, last, key=itemgetter(0))
        found, self._waiting = self._waiting[:end], self._waiting[end:]
        return found


def _before(number: int) -> _Before:
    if number <= 0:
        return _Before(0, 0, 0, GENESIS)
    found = rows(_BEFORE, [number, number])
    last, head, total = found[0] if found else (0, b"", 0)
    return _Before(number, last, int(total), bytes(head))


def _faults(it: Sealed, within: Sequence[tuple[Any, ...]], before: _Before) -> Iterator[str]:
    header = it.header
    if header.number != before.number + 1 or not before.last < header.first <= header.last:
        yield f"does not follow block {before.number}"
    if len(within) != header.count:
        yield f"was sealed with {header.count} facts and has {len(within)}"
    if merkle.root(merkle.fact_leaves(within)) != header.root:
        yield "its facts or their order are not those that were sealed"
    if header.format > 1:
        if header.total != before.total + header.count:
            yield f"counts {header.total} facts up to its end; there are {before.total + header.count}"
        if header.dead != runs_between(before.last, [sequence for sequence, _ in within]):
            yield "the sequences it says hold no fact are not those"
    if _chained(header, before.head) != it.head or header.previous not in (b"", before.head):
        yield "its head does not follow from the block before and its own content"


def _chained(header: Header, previous: bytes) -> bytes:
    """The head, of a block of either format, after the head found before it."""
    if header.format > 1:
        return header.head()
    return Header(
        format=1,
        number=header.number,
        first=header.first,
        last=header.last,
        count=header.count,
        root=header.root,
        previous=previous,
    ).head()


def _sealed_up_to() -> int:
    return int(rows("SELECT coalesce(max(last), 0) FROM clearing_sealstate")[0][0])


def _state(look: Look, before: _Before) -> None:
    """The sealer's own row agrees with the last block, and its fence with what there is."""
    found = rows(_STATE)
    if not found:
        look.found("seal state", "its row is gone")
    for last, number, head, fence, transaction, epoch, highest, next_id, sealed_in in found:
        if (last, number, bytes(head)) != (before.last, before.number, before.head):
            look.found("seal state", f"says block {number}; the last one found is {before.number}")
        if fence and not last < fence <= highest:
            look.found("seal state", f"its fence at {fence} is not among the facts to be sealed")
        if transaction > next_id:
            look.found("seal state", f"its fence names transaction {transaction}, yet to come")
        if sealed_in not in ("", epoch):
            look.found("seal state", f"stands in epoch {epoch}, its last block in {sealed_in}")


def keys(look: Look, part: Part) -> None:
    """Every idempotency key leads to a fact, and those sealed with a block are as they were."""
    last = _before(part[0]).last
    for it in sealed_blocks(*part):
        found = rows(_KEYS, [last, it.header.last])
        last = it.header.last
        look.saw(len(found))
        sealed = {it.keys[at : at + 32] for at in range(0, len(it.keys), 32)}
        gone = sealed - {bytes(digest) for *_, digest in found}
        if gone:
            unlike = [f"{key} of {of}" for of, key, digest in found if bytes(digest) not in sealed]
            hint = f"; not as sealed, or later: key {', key '.join(unlike[:3])}" if unlike else ""
            look.found(
                f"block {it.header.number}",
                f"{len(gone)} keys that led to its facts are gone or changed{hint}",
            )
        if it.header.format > 1 and len(it.keys) % 32:
            look.found(f"block {it.header.number}", "its keys are cut short")
    if part[1] == FOREVER:
        look.saw(rows_in(f"clearing_command WHERE sequence > {last}"))
        for scope, key, sequence in rows(_NOWHERE):
            look.found(f"key {key} of {scope}", f"led to fact {sequence}, which is not there")


def block_columns(look: Look, part: Part) -> None:
    """A block's columns have the digest its header names, and are what its facts decode to."""
    for it in sealed_blocks(*part):
        header, kinds = it.header, set()
        for decoder, digest, body in rows(_COLUMNS, [it.header.number]):
            kinds.add(decoder)
            where = f"block {header.number}, decoder {decoder}"
            if hashlib.sha256(body).digest() != bytes(digest):
                look.found(where, "the columns are not those that were written")
            elif decoder == header.decoder and bytes(digest) != header.columns:
                look.found(where, "the columns are not those that were sealed")
            elif decoder == codec.DECODER:
                _decode_again(look, header, where, bytes(body))
        if header.decoder and header.decoder not in kinds:
            look.found(f"block {header.number}", "the columns sealed with it are gone")
        look.saw(header.count)
    if part[1] == FOREVER:
        for number, decoder in rows(_ASTRAY):
            look.found(f"block {number}, decoder {decoder}", "columns of a block that is not there")


def _decode_again(look: Look, header: Header, where: str, body: bytes) -> None:
    facts = rows(_FACTS, [header.first, header.last])
    try:
        decoded = sealer.columns_of(header.first, facts)
    except UNREADABLE as error:
        look.found(where, f"its facts cannot be read ({type(error).__name__}: {error})")
        return
    if decoded != body:
        look.found(where, "the columns do not follow from its facts")


def book(look: Look) -> None:
    """Balances folded from sealed columns are the sums of the entries of the same facts."""
    sealed = rows(_WHOLE, [codec.DECODER])
    if not sealed or not sealed[0][1]:
        return  # some block has no columns of this decoder: manage.py decode_blocks
    last = sealed[0][0]
    try:
        fold = columns.balances(bytes(body) for (body,) in binary(_BODIES, [codec.DECODER]))
    except UNREADABLE as error:
        look.found("columns", f"cannot be read ({type(error).__name__}: {error})")
        return
    for account, asset, amount in rows(_SUMS, [last]):
        look.saw()
        folded = fold.get(account, {}).pop(asset, 0)
        if folded != amount:
            look.found(f"{account} {asset}", f"entries sum to {amount}, columns to {folded}")
    for account, left in fold.items():
        for asset, amount in left.items():
            look.found(f"{account} {asset}", f"entries sum to 0, columns to {amount}")


def checkpoints(look: Look) -> None:
    """What was signed says what the blocks say."""
    heads = [merkle.head_leaf(bytes(head)) for (head,) in rows(_HEADS)]
    for block, note, key, issued_at in rows(_CHECKPOINTS):
        look.saw()
        where = f"checkpoint {block}"
        try:
            signed = checkpoint.opened(note, checkpoint.public_key(key))
        except checkpoint.NotACheckpoint as fault:
            look.found(where, str(fault))
            continue
        if (signed.blocks, signed.at) != (block, clock.text(issued_at)):
            look.found(where, "its row says otherwise than what was signed")
        if len(heads) < block or merkle.root(heads[:block]) != signed.root:
            look.found(where, "the blocks are not those that were signed")


_BEFORE = """
    SELECT last, head, (SELECT sum(count) FROM clearing_block WHERE number <= %s)
    FROM clearing_block WHERE number = %s
"""
_SEALED = """
    SELECT sequence, hash FROM clearing_event WHERE sequence > %s AND sequence <= %s
    ORDER BY sequence
"""
_STATE = """
    SELECT last, block, head, fence_position, fence_transaction, epoch,
           (SELECT coalesce(max(sequence), 0) FROM clearing_event),
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
           coalesce((SELECT epoch FROM clearing_block ORDER BY number DESC LIMIT 1), '')
    FROM clearing_sealstate WHERE id = 1
"""
_KEYS = f"""
    SELECT scope, key, {sealer.KEY_DIGEST} FROM clearing_command
    WHERE sequence > %s AND sequence <= %s
"""  # noqa: S608 - words of ours
_NOWHERE = """
    SELECT it.scope, it.key, led.sequence
    FROM clearing_command AS it, LATERAL (VALUES (it.first), (it.sequence)) AS led (sequence)
    LEFT JOIN clearing_event AS fact USING (sequence)
    WHERE led.sequence IS NOT NULL AND fact.sequence IS NULL ORDER BY it.id
"""
_COLUMNS = "SELECT decoder, digest, body FROM clearing_blockcolumns WHERE block = %s"
_ASTRAY = """
    SELECT it.block, it.decoder FROM clearing_blockcolumns AS it
    LEFT JOIN clearing_block AS sealed ON sealed.number = it.block WHERE sealed.number IS NULL
"""
_FACTS = """
    SELECT sequence, name, payload FROM clearing_event
    WHERE sequence >= %s AND sequence <= %s ORDER BY sequence
"""
_WHOLE = """
    SELECT coalesce(max(sealed.last), 0), count(it.block) = count(*)
    FROM clearing_block AS sealed
    LEFT JOIN clearing_blockcolumns AS it ON it.block = sealed.number AND it.decoder = %s
"""
_BODIES = "SELECT body FROM clearing_blockcolumns WHERE decoder = %s ORDER BY block"
_SUMS = """
    SELECT account, asset, sum(amount) FROM clearing_entry
    WHERE sequence <= %s GROUP BY account, asset HAVING sum(amount) <> 0
"""
_HEADS = "SELECT head FROM clearing_block ORDER BY number"
_CHECKPOINTS = "SELECT block, note, key, issued_at FROM clearing_checkpoint ORDER BY block"

CHECKS = (
    Check("sealed blocks", RESTORE, blocks, parts=blocks_in),
    Check("commands", RESTORE, keys, parts=blocks_in),
    Check("block columns", DECODE, block_columns, parts=blocks_in),
    Check("book of columns", DECODE, book),
    Check("checkpoints", RESTORE, checkpoints),
)
