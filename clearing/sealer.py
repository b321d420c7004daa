"""The global order: which facts are final, in blocks that prove it.

Sequences are handed out before transactions commit, so a reader that simply follows them can step
over a fact that commits late. The sealer decides what is final, by two rules (prefix and fence):

- Prefix. Sequences that follow the last sealed one without a hole are final: they are unique.
- Fence. Note the highest visible sequence M in one snapshot, then a transaction id X handed out
  after that snapshot. Whoever could still fill a hole below M took its sequence before the
  snapshot, and its transaction id before its sequence (a trigger sees to that), so its id is below
  X. Once every transaction below X has ended, holes below M are rolled back for good. (The
  snapshot's own xmax would not do for X: it is one past the latest *ended* transaction, and running
  ones may lie above it.)

Order is by sequence, and a stream's next version is always taken after its last was visible, so no
effect is sealed before its cause. Writers take no lock for any of this.

A fence means nothing on another server, or after a restore: transaction ids there are others. So the
state keeps the epoch it was noted in, and in a new one starts with a new fence.

A block's Merkle root covers (sequence, event hash) in order, as in RFC 6962; its head chains the
block before and covers all else it says. With it go its movements as columns, for replays; facts
that this code cannot read are sealed all the same, without. Readers follow `SealState.last`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from clearing import codec
from clearing.domain import clock, entries
from clearing.domain.entries import Movement
from clearing.domain.evidence import columns, merkle
from clearing.domain.evidence.header import FORMAT, Header, runs_between

LARGEST_BLOCK = 16_384
UNDECODED = 0
AT_ONCE = 256  # facts decoded at a time
# what reading a fact may end in that this code does not know, or that is not what was written
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_READ_STATE = """
    SELECT last, block, head, fence_position, fence_transaction, epoch
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
    epoch: str


def seal() -> int:
    """Seal what is final now; return the last sealed sequence. Safe to run at any time, anywhere."""
    with connection.cursor() as cursor:
        before = _state(cursor)
        found, oldest_running = _visible(cursor, after=before.last)
        if not found:
            cursor.execute(_BEAT)
            return before.last
    with transaction.atomic(), connection.cursor() as cursor:
        now = _state(cursor, lock=True)
        if now != before:
            return now.last  # another sealer was faster; it saw at least as much
        epoch = _epoch(cursor)
        if before.epoch != epoch:
            before = replace(before, fence_position=0, fence_transaction=0)
        final = _final(before, [sequence for sequence, _ in found], oldest_running)
        sealed = found[:final]
        if sealed:
            now = _write_block(cursor, now, sealed, epoch)
        holes_left = final < len(found)
        _write_state(
            cursor,
            now,
            # this transaction's id is handed out here, after the snapshot `found` was read in
            fence_position=_next_fence(before, found, final) if holes_left else 0,
            keep_transaction=holes_left and before.fence_position > now.last,
            epoch=epoch,
        )
    return now.last


def _final(before: _State, sequences: list[int], oldest_running: int) -> int:
    """How many of the visible sequences are final."""
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


def _epoch(cursor: Any) -> str:
    """Which server this is, and which of its timelines: a restore starts another one."""
    cursor.execute(
        """
        SELECT system_identifier || '/'
            || ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
        FROM pg_control_system()
        """
    )
    return str(cursor.fetchone()[0])


# --- blocks -----------------------------------------------------------------------------------


def _write_block(cursor: Any, state: _State, sealed: list[tuple[int, bytes]], epoch: str) -> _State:
    first, last = sealed[0][0], sealed[-1][0]
    decoder, body = _decoded(cursor, first, last)
    keys, sealed_at = _keys(cursor, state.last, last), datetime.now(UTC)
    header = Header(
        format=FORMAT,
        number=state.block + 1,
        first=first,
        last=last,
        count=len(sealed),
        root=merkle.root([merkle.fact_leaf(sequence, digest) for sequence, digest in sealed]),
        previous=state.head,
        total=_total(cursor, state.block) + len(sealed),
        dead=runs_between(state.last, [sequence for sequence, _ in sealed]),
        decoder=decoder,
        columns=hashlib.sha256(body).digest(),
        keys=hashlib.sha256(keys).digest(),
        epoch=epoch,
        sealed_at=clock.text(sealed_at),
    )
    cursor.execute(
        _INSERT_BLOCK,
        [
            *(header.number, first, last, header.count, header.root, header.head(), sealed_at),
            *(
                header.format,
                header.previous,
                header.total,
                [at for it in header.dead for at in it],
            ),
            *(decoder, header.columns, keys, epoch),
        ],
    )
    if decoder != UNDECODED:
        cursor.execute(_INSERT_COLUMNS, [header.number, decoder, header.columns, body])
    return replace(state, last=last, block=header.number, head=header.head())


def _decoded(cursor: Any, first: int, last: int) -> tuple[int, bytes]:
    """(decoder, columns); what this code cannot read is sealed without, never left unsealed."""
    cursor.execute(_FACTS, [first, last])
    try:
        return codec.DECODER, columns_of(first, cursor.fetchall())
    except UNREADABLE:
        return UNDECODED, b""


def columns_of(first: int, rows: Sequence[tuple[int, str, str]]) -> bytes:
    """The columns of (sequence, name, payload) in the log's order. Raises UNREADABLE."""
    return columns.packed(first, _moved(rows))


def _moved(rows: Sequence[tuple[int, str, str]]) -> Iterator[tuple[int, Movement]]:
    """A few facts at a time: many that live at once cost more to keep track of than to make."""
    moves: dict[type, bool] = {}  # asked once a kind: a protocol takes its time to answer
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        facts = codec.decode_all((name, payload) for _, name, payload in some)
        for (sequence, _, _), fact in zip(some, facts, strict=True):
            kind = type(fact)
            if kind not in moves:
                moves[kind] = issubclass(kind, entries.Moves)
            if moves[kind]:
                for it in fact.movements():
                    yield sequence, it


def _keys(cursor: Any, after: int, last: int) -> bytes:
    """The hashes of the idempotency keys that led to these facts, one after the other."""
    cursor.execute(_KEYS, [after, last])
    return b"".join(bytes(digest) for (digest,) in cursor.fetchall())


def _total(cursor: Any, block: int) -> int:
    """How many facts the blocks up to this one hold."""
    cursor.execute(_TOTAL, [block, block])
    return int(cursor.fetchone()[0])


def _write_state(
    cursor: Any, state: _State, *, fence_position: int, keep_transaction: bool, epoch: str
) -> None:
    cursor.execute(
        """
        UPDATE clearing_sealstate SET last = %s, block = %s, head = %s, fence_position = %s,
            fence_transaction = CASE WHEN %s THEN fence_transaction
                                     ELSE pg_current_xact_id()::text::bigint END,
            epoch = %s, heartbeat = clock_timestamp()
        WHERE id = 1
        """,
        [state.last, state.block, state.head, fence_position, keep_transaction, epoch],
    )


# A key as bytes: every column, each text and each hash with its length. The sealed digest of one is
# made by the server and checked by it, from the same words.
KEY_DIGEST = """
    sha256(int8send(id)
        || int4send(octet_length(convert_to(scope, 'UTF8'))) || convert_to(scope, 'UTF8')
        || int4send(octet_length(convert_to(key, 'UTF8'))) || convert_to(key, 'UTF8')
        || int4send(octet_length(request_hash)) || request_hash || int8send(coalesce(first, -1))
        || int8send(sequence)
        || int8send((extract(epoch FROM recorded_at) * 1000000)::bigint))
"""
_KEYS = f"""
    SELECT {KEY_DIGEST} FROM clearing_command
    WHERE sequence > %s AND sequence <= %s ORDER BY sequence, id
"""  # noqa: S608 - words of ours
_FACTS = """
    SELECT sequence, name, payload FROM clearing_event
    WHERE sequence >= %s AND sequence <= %s ORDER BY sequence
"""
_TOTAL = """
    SELECT coalesce(
        (SELECT total FROM clearing_block WHERE number = %s AND format > 1),
        (SELECT sum(count) FROM clearing_block WHERE number <= %s), 0)
"""
_INSERT_BLOCK = """
    INSERT INTO clearing_block (number, first, last, count, root, head, sealed_at, format, previous,
                                total, dead, decoder, columns, keys, epoch)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_INSERT_COLUMNS = """
    INSERT INTO clearing_blockcolumns (block, decoder, digest, body) VALUES (%s, %s, %s, %s)
"""
# Nothing to seal is news too: somebody looked.
_BEAT = """
    UPDATE clearing_sealstate SET heartbeat = clock_timestamp() WHERE id = (
        SELECT id FROM clearing_sealstate
        WHERE heartbeat < clock_timestamp() - interval '1 second' FOR UPDATE SKIP LOCKED)
"""
