"""Parameters as the server reads them in binary: one value, or an array that is one run of bytes.

An array of a thousand texts is joined here in one go; adapted one by one they would cost more than
what the server does with them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

_INT4, _INT8, _TEXT, _BYTEA, _TIMESTAMPTZ = 23, 20, 25, 17, 1184  # the server's numbers of types
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # the server counts microseconds from here
_MICROSECOND = timedelta(microseconds=1)


def int4s(numbers: Sequence[int]) -> bytes:
    """int[]"""
    each = [part for number in numbers for part in (4, number)]
    return _head(_INT4, len(numbers)) + struct.pack(f">{len(each)}i", *each)


def int8s(numbers: Sequence[int]) -> bytes:
    """bigint[]"""
    each = [part for number in numbers for part in (8, number)]
    return _head(_INT8, len(numbers)) + struct.pack(">" + "iq" * len(numbers), *each)


def times(instants: Sequence[datetime]) -> bytes:
    """timestamptz[]"""
    each = [part for at in instants for part in (8, _microseconds(at))]
    return _head(_TIMESTAMPTZ, len(instants)) + struct.pack(">" + "iq" * len(instants), *each)


def texts(strings: Sequence[str | None]) -> bytes:
    """text[]"""
    if None in strings:
        each = [_NULL if it is None else _sized(it.encode()) for it in strings]
        return _head(_TEXT, len(strings), nulls=True) + b"".join(each)
    return _joined(_TEXT, [it.encode() for it in strings if it is not None])


def repeated(strings: Sequence[str]) -> bytes:
    """text[], of few texts that come again and again: each is encoded once."""
    sized = {it: _sized(it.encode()) for it in set(strings)}
    return _head(_TEXT, len(strings)) + b"".join([sized[it] for it in strings])


def byteas(strings: Sequence[bytes]) -> bytes:
    """bytea[]"""
    return _joined(_BYTEA, strings)


_NULL = struct.pack(">i", -1)


def _head(element: int, count: int, *, nulls: bool = False) -> bytes:
    if not count:
        return struct.pack(">iii", 0, 0, element)
    return struct.pack(">iiiii", 1, nulls, element, count, 1)


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


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _time(at: datetime) -> bytes:
    return _bigint(_microseconds(at))


_bigint = struct.Struct(">q").pack
ONE: Mapping[str, Callable[[Any], bytes]] = {  # a type -> how one value of it is sent
    "text": str.encode,
    "bytea": bytes,
    "int": struct.Struct(">i").pack,
    "bigint": _bigint,
    "boolean": struct.Struct(">?").pack,
    "timestamptz": _time,
}
