"""A block's movements as columns: made once when it is sealed, read by replays without a copy.

Layout, all little-endian: eight bytes of magic; the length of the head as u32; the head as one line
of JSON, padded with spaces so that the columns start at a multiple of eight; then the columns one
after the other, widest first. The head names accounts and assets, the columns and their types.

    offset   sequence of the fact less the block's first; never falls
    to       who gets, as a place in the list of names
    source   who gives, as a place in the list of names
    asset    what, as a place in the list of assets
    amount   signed, in minor units or lots

Columns are as narrow as their block allows. `moved` is the sum of all amounts without their signs:
while it stays below 2**63 over everything folded, no sum of 64-bit integers can overflow.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clearing.domain.entries import Movement

MAGIC = b"SRTYCOL1"
FITS = 2**63  # sums of absolute amounts below it cannot overflow
DENSEST = 1 << 24  # accounts x assets that are summed in one array
Integers = npt.NDArray[np.integer[Any]]
Wide = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    first: int
    moved: int
    names: list[str]
    assets: list[str]
    offset: Integers
    to: Integers
    source: Integers
    asset: Integers
    amount: Integers


def packed(first: int, movements: Iterable[tuple[int, Movement]]) -> bytes:
    """The columns of (sequence, movement) in the log's order; nothing moves by zero.

    Raises OverflowError for an amount that no 64-bit integer holds.
    """
    names: dict[str, int] = {}
    assets: dict[str, int] = {}
    rows: list[tuple[int, int, int, int, int]] = []
    for sequence, it in movements:
        if it.amount:
            to = names.setdefault(it.to, len(names))
            source = names.setdefault(it.source, len(names))
            asset = assets.setdefault(it.asset, len(assets))
            rows.append((sequence - first, to, source, asset, it.amount))
    wide = np.array(rows, dtype=np.int64).reshape(-1, 5)
    columns = {
        name: np.ascontiguousarray(wide[:, place].astype(_narrowest(wide[:, place])))
        for place, name in enumerate(("offset", "to", "source", "asset", "amount"))
    }
    order = sorted(columns, key=lambda name: -columns[name].itemsize)
    head: dict[str, Any] = {
        "assets": list(assets),
        "columns": [[name, columns[name].dtype.str] for name in order],
        "first": first,
        "moved": sum(abs(row[4]) for row in rows),
        "names": list(names),
        "rows": len(rows),
    }
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(len(MAGIC) + 4 + len(text)) % 8)
    bodies = (columns[name].tobytes() for name in order)
    return b"".join((MAGIC, struct.pack("<I", len(text)), text, *bodies))


def _narrowest(values: Wide) -> npt.DTypeLike:
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    kinds = ("<i4", "<i8") if low < 0 else ("|u1", "<u2", "<u4", "<i8")
    return next(kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)


def unpacked(body: bytes | memoryview) -> Columns:
    """Views into the bytes, not copies of them. Raises ValueError for what are no columns."""
    if bytes(body[:8]) != MAGIC:
        raise ValueError("these are no columns of a block")
    (length,) = struct.unpack_from("<I", body, 8)
    head = json.loads(bytes(body[12 : 12 + length]))
    at, found = 12 + length, {}
    for name, kind in head["columns"]:
        column: Integers = np.frombuffer(body, dtype=kind, count=head["rows"], offset=at)
        found[name] = column
        at += column.nbytes
    if at != len(body):
        raise ValueError("the columns are not as long as their head says")
    return Columns(
        first=head["first"],
        moved=head["moved"],
        names=head["names"],
        assets=head["assets"],
        **found,
    )


def movements(body: bytes | memoryview) -> list[tuple[int, Movement]]:
    """What was packed, again as movements: the slow way, for comparisons."""
    it = unpacked(body)
    return [
        (it.first + offset, Movement(it.names[to], it.names[source], it.assets[asset], amount))
        for offset, to, source, asset, amount in zip(
            it.offset.tolist(),
            it.to.tolist(),
            it.source.tolist(),
            it.asset.tolist(),
            it.amount.tolist(),
            strict=True,
        )
    ]


class Fold:
    """Exact balances of all accounts, summed block by block in 64-bit integers.

    Cells are one array of accounts x assets while that is small, else sorted keys. Before a sum could
    overflow, what was summed so far is put aside as integers of any size.
    """

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._assets: dict[str, int] = {}
        self._moved = 0  # since the last time that sums were put aside
        self._aside: Counter[tuple[int, int]] = Counter()
        self._dense: Wide = np.zeros((64, 16), dtype=np.int64)
        self._sparse: list[tuple[Wide, Wide]] | None = None  # once the array would be too large

    def add(self, columns: Columns, *, up_to: int | None = None) -> None:
        """The movements of a block; with `up_to`, only those of facts up to that sequence."""
        end = len(columns.offset)
        if up_to is not None:
            end = int(np.searchsorted(columns.offset, up_to - columns.first, side="right"))
        to = _places(self._names, columns.names)[columns.to[:end]]
        source = _places(self._names, columns.names)[columns.source[:end]]
        asset = _places(self._assets, columns.assets)[columns.asset[:end]]
        amount = columns.amount[:end]
        if self._moved + columns.moved >= FITS:
            self._put_aside()
        if columns.moved >= FITS:  # one block alone could overflow
            rows = zip(to.tolist(), source.tolist(), asset.tolist(), amount.tolist(), strict=True)
            for gets, gives, what, much in rows:
                self._aside[gets, what] += much
                self._aside[gives, what] -= much
            return
        self._moved += columns.moved
        self._make_room()
        if self._sparse is not None:
            self._sparse.append(
                _summed([(to, asset, amount), (source, asset, -amount.astype(np.int64))])
            )
            if len(self._sparse) == 256:
                self._sparse = [_merged(self._sparse)]
            return
        cells, width = self._dense.reshape(-1), self._dense.shape[1]
        np.add.at(cells, to * width + asset, amount)
        np.subtract.at(cells, source * width + asset, amount)

    def balances(self) -> dict[str, dict[str, int]]:
        """account -> asset -> amount, without zeros."""
        self._put_aside()
        names, assets = list(self._names), list(self._assets)
        found: dict[str, dict[str, int]] = {}
        for (name, asset), amount in self._aside.items():
            if amount:
                found.setdefault(names[name], {})[assets[asset]] = amount
        return found

    def _make_room(self) -> None:
        """Twice the rows or columns that are needed, so that it happens seldom."""
        rows, width = self._dense.shape
        if self._sparse is not None or (len(self._names) <= rows and len(self._assets) <= width):
            return
        rows, width = max(rows, 2 * len(self._names)), max(width, 2 * len(self._assets))
        if rows * width > DENSEST:
            name, asset = np.nonzero(self._dense)
            self._sparse = [_summed([(name, asset, self._dense[name, asset])])]
            return
        wider = np.zeros((rows, width), dtype=np.int64)
        wider[: self._dense.shape[0], : self._dense.shape[1]] = self._dense
        self._dense = wider

    def _put_aside(self) -> None:
        if self._sparse is not None:
            keys, totals = _merged(self._sparse) if self._sparse else (_NONE, _NONE)
            name, asset = keys >> 32, keys & 0xFFFFFFFF
            self._sparse = []
        else:
            name, asset = np.nonzero(self._dense)
            totals = self._dense[name, asset]
            self._dense.fill(0)
        cells = zip(name.tolist(), asset.tolist(), totals.tolist(), strict=True)
        for named, what, total in cells:
            self._aside[named, what] += total
        self._moved = 0


_NONE: Wide = np.zeros(0, dtype=np.int64)


def _places(known: dict[str, int], names: list[str]) -> Wide:
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _summed(sides: list[tuple[Wide, Wide, Integers]]) -> tuple[Wide, Wide]:
    """Sorted keys of (name, asset) and the sum of each."""
    keys = np.concatenate([name << 32 | asset for name, asset, _ in sides])
    amounts = np.concatenate([amount.astype(np.int64) for *_, amount in sides])
    return _by_key(keys, amounts)


def _merged(parts: list[tuple[Wide, Wide]]) -> tuple[Wide, Wide]:
    keys, amounts = (np.concatenate(side) for side in zip(*parts, strict=True))
    return _by_key(keys, amounts)


def _by_key(keys: Wide, amounts: Wide) -> tuple[Wide, Wide]:
    if not len(keys):
        return keys, amounts
    order = np.argsort(keys, kind="stable")
    keys, amounts = keys[order], amounts[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[starts], np.add.reduceat(amounts, starts)


def balances(
    bodies: Iterable[bytes | memoryview], *, up_to: int | None = None
) -> dict[str, dict[str, int]]:
    fold = Fold()
    for body in bodies:
        fold.add(unpacked(body), up_to=up_to)
    return fold.balances()
