"""Exact balances of all accounts at a point of the log, from the log alone.

Sealed blocks bring their movements as columns, digest-checked and folded without building a fact;
what is not sealed yet is decoded. Rows (entries, holdings) are not asked: this is what they are
checked against, and what a reader of the whole house starts from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from django.db import connection, transaction

from clearing import codec, sealer
from clearing.domain.evidence import columns
from clearing.domain.evidence.columns import Fold

AT_ONCE = 16  # blocks fetched at a time; each is up to a megabyte
TAIL = 16_384  # facts decoded at a time
Balances = dict[str, dict[str, int]]
_numbers = count(1)


class ColumnsChanged(Exception):
    """A block's columns are not those that were sealed: `manage.py verify` says more."""


def balances(*, up_to: int | None = None) -> Balances:
    """account -> asset -> amount, without zeros, the house's own accounts too.

    Up to and including a sequence; without one, all that is committed at this moment. Raises
    ColumnsChanged.
    """
    with one_moment():
        return _folded(up_to)


@contextmanager
def one_moment() -> Iterator[None]:
    """One snapshot for several questions; inside a caller's transaction, what that one sees."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _folded(up_to: int | None) -> Balances:
    fold, last = Fold(), 0
    for first, last, count_, digest, body in _blocks(up_to):
        if body is None:
            for part in _decoded(first - 1, last, first):
                fold.add(part, up_to=up_to)
            continue
        if hashlib.sha256(body).digest() != digest:
            raise ColumnsChanged(f"of the block with facts {first} to {last}, {count_} in all")
        fold.add(columns.unpacked(body), up_to=up_to)
    if up_to is None or up_to > last:
        for part in _decoded(last, up_to, last + 1):
            fold.add(part)
    return fold.balances()


def _blocks(up_to: int | None) -> Iterator[tuple[Any, ...]]:
    """(first, last, count, digest, body) of each block that begins by then; no body where this
    code's decoder has made none."""
    name = f"blocks_{next(_numbers)}"
    with connection.connection.cursor(name=name, binary=True) as cursor:
        cursor.execute(_BLOCKS, [codec.DECODER, up_to, up_to])
        while found := cursor.fetchmany(AT_ONCE):
            yield from found


def _decoded(after: int, up_to: int | None, first: int) -> Iterator[columns.Columns]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FACTS, [after, up_to, up_to, TAIL])
            rows = cursor.fetchall()
        if not rows:
            return
        yield columns.unpacked(sealer.columns_of(max(first, rows[0][0]), rows))
        after = rows[-1][0]


_BLOCKS = """
    SELECT sealed.first, sealed.last, sealed.count,
           CASE WHEN sealed.decoder = it.decoder THEN sealed.columns ELSE it.digest END, it.body
    FROM clearing_block AS sealed
    LEFT JOIN clearing_blockcolumns AS it ON it.block = sealed.number AND it.decoder = %s
    WHERE %s::bigint IS NULL OR sealed.first <= %s ORDER BY sealed.number
"""
_FACTS = """
    SELECT sequence, name, payload FROM clearing_event
    WHERE sequence > %s AND (%s::bigint IS NULL OR sequence <= %s) ORDER BY sequence LIMIT %s
"""
