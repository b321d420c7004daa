"""The global order: which facts are final, in blocks that prove it.

Sequences are handed out before transactions commit, so a reader that simply follows them can step
over a fact that commits late. The sealer decides what is final, by two rules (prefix and fence):

- Prefix. Sequences that follow the last sealed one without a hole are final: they are unique.
- Fence. Note the highest visible sequence M in one snapshot, then a transaction id X handed out
  after that snapshot. Whoever could still fill a hole below M took its sequence before the
  snapshot, and its transaction id before its sequence (a trigger sees to that), so its id is below
  X. Once every transaction below X has ended, holes below M are rolled back for good.

Order is by sequence, and a stream's next version is always taken after its last was visible, so no
effect is sealed before its cause. Writers take no lock for any of this.

A block's Merkle root covers (sequence, event hash) in order, domain-separated as in RFC 6962; its
head chains the block before. Readers follow `SealState.last`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

LARGEST_BLOCK = 16_384
_READ_STATE = """
    SELECT last, block, head, fence_position, fence_transaction, system_identifier
    FROM clearing_sealstate WHERE id = 1
"""
_LOCK_STATE = _READ_STATE + " FOR UPDATE"


@dataclass(frozen=True, slots=True)
class _State:
    last: int
    block: int
    head: bytes
    fence_position: int
    fence_transaction: int
    system: str


def seal() -> int:
    """Seal what is final now; return the last sealed sequence. Safe to run at any time, anywhere."""
    with connection.cursor() as cursor:
        before = _state(cursor)
        found, oldest_running = _visible(cursor, after=before.last)
    if not found:
        return before.last
    with transaction.atomic(), connection.cursor() as cursor:
        now = _state(cursor, lock=True)
        if now != before:
            return now.last  # another sealer was faster; it saw at least as much
        final = _final(before, [sequence for sequence, _ in found], oldest_running, _system(cursor))
        sealed = found[:final]
        if sealed:
            now = _write_block(cursor, now, sealed)
        holes_left = final < len(found)
        _write_state(
            cursor,
            now,
            # this transaction's id is handed out here, after the snapshot `found` was read in
            fence_position=_next_fence(before, found, final) if holes_left else 0,
            keep_transaction=holes_left and before.fence_position > now.last,
            system=_system(cursor),
        )
    return now.last


def _final(before: _State, sequences: list[int], oldest_running: int, system: str) -> int:
    """How many of the visible sequences are final."""
    if before.system and before.system != system:
        return len(sequences)  # moved to another cluster: nobody from before is still writing
    fenced = before.fence_position if oldest_running > before.fence_transaction else 0
    expected = before.last + 1
    for count, sequence in enumerate(sequences):
        if sequence != expected and sequence > fenced:
            return count
        expected = sequence + 1
    return len(sequences)


def _next_fence(before: _State, found: list[tuple[int, bytes]], final: int) -> int:
    """The fence stands until it is passed; then the highest sequence this snapshot showed."""
    last = found[final - 1][0] if final else before.last
    return before.fence_position if before.fence_position > last else found[-1][0]


def _visible(cursor: Any, *, after: int) -> tuple[list[tuple[int, bytes]], int]:
    """Visible events past `after` and the oldest running transaction, both of one snapshot."""
    cursor.execute(
        """
        SELECT sequence, hash, pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        FROM clearing_event WHERE sequence > %s ORDER BY sequence LIMIT %s
        """,
        [after, LARGEST_BLOCK],
    )
    rows = cursor.fetchall()
    return [(sequence, bytes(digest)) for sequence, digest, _ in rows], rows[0][2] if rows else 0


def _state(cursor: Any, *, lock: bool = False) -> _State:
    cursor.execute(_LOCK_STATE if lock else _READ_STATE)
    row = cursor.fetchone()
    assert row is not None, "the migration made this row"
    return _State(row[0], row[1], bytes(row[2]), row[3], row[4], row[5])


def _system(cursor: Any) -> str:
    cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
    return str(cursor.fetchone()[0])


def _write_block(cursor: Any, state: _State, sealed: list[tuple[int, bytes]]) -> _State:
    root = merkle_root([leaf(sequence, digest) for sequence, digest in sealed])
    number, first, last = state.block + 1, sealed[0][0], sealed[-1][0]
    head = block_head(
        state.head, number=number, first=first, last=last, count=len(sealed), root=root
    )
    cursor.execute(
        "INSERT INTO clearing_block (number, first, last, count, root, head, sealed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [number, first, last, len(sealed), root, head, datetime.now(UTC)],
    )
    return _State(last, number, head, state.fence_position, state.fence_transaction, state.system)


def _write_state(
    cursor: Any, state: _State, *, fence_position: int, keep_transaction: bool, system: str
) -> None:
    cursor.execute(
        """
        UPDATE clearing_sealstate SET last = %s, block = %s, head = %s, fence_position = %s,
            fence_transaction = CASE WHEN %s THEN fence_transaction
                                     ELSE pg_current_xact_id()::text::bigint END,
            system_identifier = %s
        WHERE id = 1
        """,
        [state.last, state.block, state.head, fence_position, keep_transaction, system],
    )


def leaf(sequence: int, digest: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + sequence.to_bytes(8, "big") + digest).digest()


def block_head(
    previous: bytes, *, number: int, first: int, last: int, count: int, root: bytes
) -> bytes:
    numbers = b"".join(value.to_bytes(8, "big") for value in (number, first, last, count))
    return hashlib.sha256(previous + numbers + root).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962: split at the largest power of two below the length."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(
        b"\x01" + merkle_root(leaves[:split]) + merkle_root(leaves[split:])
    ).digest()
