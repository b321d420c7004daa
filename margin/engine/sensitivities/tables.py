"""Columns of codes, and the tables of numbers that are looked up by them.

A column of text is kept once as sorted names and as one small integer a row, so that everything
after it is arithmetic on integers and the order of rows cannot matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from margin.engine.shapes import Floats, Ints

_KEY_LIMIT = 2**62


@dataclass(frozen=True, slots=True)
class Column:
    """Text by row: `names[codes[row]]`.

    codes  (rows,)  at most len(names) - 1
    names  sorted, each once; some may be held by no row
    """

    codes: Ints
    names: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Column:
        held = texts.tolist() if isinstance(texts, np.ndarray) else list(texts)
        place = {name: code for code, name in enumerate(sorted(set(held)))}
        codes = np.fromiter(map(place.__getitem__, held), np.int64, len(held))
        return cls(codes, tuple(place))

    @classmethod
    def constant(cls, text: str, rows: int) -> Column:
        return cls(np.zeros(rows, np.int64), (text,))

    def __len__(self) -> int:
        return int(self.codes.size)

    def __getitem__(self, rows: Ints) -> Column:
        return Column(self.codes[rows], self.names)

    def texts(self) -> list[str]:
        return [self.names[code] for code in self.codes.tolist()]

    def renamed(self, names: Mapping[str, str] | Sequence[str]) -> Column:
        """The same rows under other names, in the order of `self.names` or by a mapping."""
        fresh = (
            [names.get(name, name) for name in self.names] if isinstance(names, Mapping) else names
        )
        column = Column.of(fresh)
        return Column(column.codes[self.codes], column.names)

    def where(self, flags: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which rows hold one of these names; (rows,)."""
        wanted = np.array([name in flags for name in self.names], dtype=np.bool_)
        held: np.ndarray[tuple[int], np.dtype[np.bool_]] = wanted[self.codes]
        return held


Frame = Mapping[str, Column]


def joined(columns: Sequence[Column], rows: int, *, before: Ints | None = None) -> Ints:
    """One integer a row that sorts like the columns do, the first of them first; (rows,).

    before  (rows,) numbers that come before any column, none negative
    """
    key = np.zeros(rows, np.int64) if before is None else before
    largest = int(key.max(initial=0)) + 1
    for column in columns:
        if largest * len(column.names) >= _KEY_LIMIT:
            distinct, inverse = np.unique(key, return_inverse=True)
            key, largest = inverse.astype(np.int64), int(distinct.size)
        key = key * len(column.names) + column.codes
        largest *= max(len(column.names), 1)
    return key


class NotListed(LookupError):
    """A row whose names have no entry in a table; says which row and which field."""

    def __init__(self, table: str, field: str, row: int, held: Sequence[str]) -> None:
        super().__init__(f"{table} has no entry for {' / '.join(held)}")
        self.table = table
        self.field = field
        self.row = row
        self.held = tuple(held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Numbers by the names in some fields: `entries[tuple of names]`, in the order of `by`."""

    place: str
    by: tuple[str, ...]
    entries: Mapping[tuple[str, ...], float]

    def of(self, frame: Frame, rows: int) -> Floats:
        """The number of each row; (rows,). Raises NotListed for the first that has none."""
        columns = [frame[field] for field in self.by]
        distinct, first, inverse = np.unique(
            joined(columns, rows), return_index=True, return_inverse=True
        )
        values = np.empty(distinct.size)
        for place, row in enumerate(first.tolist()):
            held = tuple(column.names[int(column.codes[row])] for column in columns)
            try:
                values[place] = self.entries[held]
            except KeyError:
                field = self.by[-1] if self.by else ""
                raise NotListed(self.place, field, row, held) from None
        numbers: Floats = values[inverse]
        return numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A symmetric number for each two different names; `otherwise` where no names are listed."""

    place: str
    names: tuple[str, ...]
    values: Mapping[tuple[str, str], float]
    otherwise: float | None = None

    def over(self, column: Column) -> Floats:
        """(names, names) of the column, 1 on the diagonal.

        Raises NotListed, naming a row, if a row's name is not in a matrix that lists names.
        """
        size = len(column.names)
        if self.otherwise is not None:
            return np.where(np.eye(size, dtype=np.bool_), 1.0, self.otherwise)
        held = np.unique(column.codes).tolist()
        for code in held:
            if column.names[code] not in self.names:
                row = int(np.argmax(column.codes == code))
                raise NotListed(self.place, "", row, (column.names[code],))
        dense = np.eye(size)
        for one in held:
            for other in held:
                if one != other:
                    dense[one, other] = self.values[column.names[one], column.names[other]]
        return dense
