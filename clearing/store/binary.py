"""Calling the log's own functions: prepared, with binary parameters, past Django's cursor.

Django's cursor writes parameters into the statement as text, which the server then has to parse and
plan each time. Here a statement is parsed once a connection, and an array of a thousand texts is
one joined run of bytes instead of a thousand adapted objects.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from weakref import WeakSet

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

PREPARED_AT_ONCE = 5  # any number does: what is called here asks to be prepared

_INT4, _INT8, _TEXT, _BYTEA, _TIMESTAMPTZ = 23, 20, 25, 17, 1184
_ARRAY_OF = {_INT4: 1007, _INT8: 1016, _TEXT: 1009, _BYTEA: 1001, _TIMESTAMPTZ: 1185}


class _Packed(bytes):
    """An array as the server reads it."""


class Int4s(_Packed):
    """int[]"""


class Int8s(_Packed):
    """bigint[]"""


class Texts(_Packed):
    """text[]"""


class Bytes(_Packed):
    """bytea[]"""


class Times(_Packed):
    """timestamptz[]"""


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer:
        return bytes(obj)


_DUMPERS = {
    packed: type(f"{packed.__name__}Dumper", (_PackedDumper,), {"oid": _ARRAY_OF[element]})
    for packed, element in (
        (Int4s, _INT4),
        (Int8s, _INT8),
        (Texts, _TEXT),
        (Bytes, _BYTEA),
        (Times, _TIMESTAMPTZ),
    )
}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # the server counts microseconds from here
_MICROSECOND = timedelta(microseconds=1)
_taught: WeakSet[Any] = WeakSet()


def _head(element: int, count: int, *, nulls: bool = False) -> bytes:
    if not count:
        return struct.pack(">iii", 0, 0, element)
    return struct.pack(">iiiii", 1, nulls, element, count, 1)


def int4s(numbers: Sequence[int]) -> Int4s:
    count = len(numbers)
    each = [part for number in numbers for part in (4, number)]
    return Int4s(_head(_INT4, count) + struct.pack(f">{2 * count}i", *each))


def int8s(numbers: Sequence[int]) -> Int8s:
    count = len(numbers)
    each = [part for number in numbers for part in (8, number)]
    return Int8s(_head(_INT8, count) + struct.pack(">" + "iq" * count, *each))


def times(instants: Sequence[datetime]) -> Times:
    count = len(instants)
    each = [part for at in instants for part in (8, (at - _EPOCH) // _MICROSECOND)]
    return Times(_head(_TIMESTAMPTZ, count) + struct.pack(">" + "iq" * count, *each))


def texts(strings: Sequence[str | None]) -> Texts:
    if None in strings:
        each = [_NULL if it is None else _sized(it.encode()) for it in strings]
        return Texts(_head(_TEXT, len(strings), nulls=True) + b"".join(each))
    return Texts(_joined(_TEXT, [it.encode() for it in strings if it is not None]))


def repeated(strings: Sequence[str]) -> Texts:
    """The same for few texts that come again and again: each is encoded once."""
    sized = {it: _sized(it.encode()) for it in set(strings)}
    return Texts(_head(_TEXT, len(strings)) + b"".join([sized[it] for it in strings]))


def byteas(strings: Sequence[bytes]) -> Bytes:
    return Bytes(_joined(_BYTEA, strings))


_NULL = struct.pack(">i", -1)


def _sized(it: bytes) -> bytes:
    return len(it).to_bytes(4, "big") + it


def _joined(element: int, strings: Sequence[bytes]) -> bytes:
    """Each after its length, which are packed in one go."""
    count = len(strings)
    sizes = struct.pack(f">{count}i", *map(len, strings))
    parts = [b""] * (2 * count)
    parts[::2] = [sizes[at : at + 4] for at in range(0, 4 * count, 4)]
    parts[1::2] = strings
    return _head(element, count) + b"".join(parts)


@dataclass(frozen=True, slots=True)
class Question:
    """A statement with `%b` for each parameter."""

    statement: str
    parameters: Sequence[Any] = ()


Rows = list[tuple[Any, ...]]


def call(statement: str, parameters: Sequence[Any]) -> tuple[Any, ...]:
    """The one row the statement answers. Raises Django's database errors."""
    ((row,),) = ask([Question(statement, parameters)])
    return row


def ask(questions: Sequence[Question]) -> list[Rows]:
    """What each answers, asked in this order in one round trip, which a BEGIN that is due joins.

    Each statement sees what was committed when it began, as if they were sent one by one.
    """
    ours = connections[DEFAULT_DB_ALIAS]  # once: Django's `connection` looks it up at every touch
    ours.ensure_connection()
    there = ours.connection
    _teach(there)
    start = perf_counter()
    with ours.wrap_database_errors:
        if len(questions) == 1 and (there.autocommit or there.info.transaction_status):
            answers = [_sent(there, it).fetchall() for it in questions]
        else:
            with there.pipeline():
                cursors = [_sent(there, it) for it in questions]
                answers = [cursor.fetchall() for cursor in cursors]
    if ours.queries_logged:
        seconds = f"{perf_counter() - start:.3f}"
        sent = "; ".join(it.statement for it in questions)
        ours.queries_log.append({"sql": sent, "time": seconds})
    return answers


def put(statement: str, parameters: Sequence[Any]) -> None:
    """Run a statement that answers nothing, inside a transaction, planned anew each time.

    For projectors: in a replay a table's name means another table (`replays.aside`), and a plan that
    was kept would go on meaning the first.
    """
    ours = connections[DEFAULT_DB_ALIAS]
    ours.ensure_connection()
    there = ours.connection
    _teach(there)
    start = perf_counter()
    with ours.wrap_database_errors:
        psycopg.Cursor(there).execute(statement.encode(), parameters, prepare=False)
    if ours.queries_logged:
        seconds = f"{perf_counter() - start:.3f}"
        ours.queries_log.append({"sql": statement, "time": seconds})


def _teach(there: Any) -> None:
    """Let a connection send arrays that are packed already."""
    if there not in _taught:
        for packed, dumper in _DUMPERS.items():
            there.adapters.register_dumper(packed, dumper)
        there.prepare_threshold = PREPARED_AT_ONCE
        _taught.add(there)


def _sent(there: Any, it: Question) -> Any:
    cursor = psycopg.Cursor(there)
    cursor.execute(it.statement.encode(), it.parameters, prepare=True, binary=True)
    return cursor
