"""Tables in files: plain or gzip, one line one row, known by their header.

A row is a line, so a stray quote spoils its own row and no other. Rows are numbered as an editor
numbers lines: the header is 1, the first row 2.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from clearing.domain.errors import Refusal

GZIP = b"\x1f\x8b"

Cells = Mapping[str, str]


class FileUnreadable(Refusal):
    code = "file-unreadable"
    says = "The file cannot be read to its end."


class LayoutUnknown(Refusal):
    code = "layout-unknown"
    says = "The header is none of those known here."


class RowBroken(Refusal):
    code = "row-broken"
    says = "The row does not have the header's columns."


class RowRepeated(Refusal):
    code = "row-repeated"
    says = "The same was in an earlier row."


class TimeNotValid(Refusal):
    code = "time-not-valid"
    says = "This is not a time."
    remedy = "Give RFC 3339 with an offset, or whole seconds or milliseconds since 1970."


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRefused:
    """What is wrong with one row; the code and the field are those of every other door."""

    file: str
    row: int  # line of the file; 0 for what was derived from many rows
    instrument: str
    code: str
    field: str
    reason: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.row}" if self.row else self.file
        return f"{place} {self.instrument or '-'} {self.code} {self.field or '-'}: {self.reason}"


def row_refused(refusal: Refusal, *, file: str, row: int, instrument: str) -> RowRefused:
    return RowRefused(
        file=file,
        row=row,
        instrument=instrument,
        code=refusal.code,
        field=refusal.field or "",
        reason=refusal.sentence,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A layout as its header tells it. Columns may come in any order, but all and no others."""

    title: str
    columns: frozenset[str]
    naming: str  # the column that names a row's instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    path: Path
    form: Form
    header: tuple[str, ...]

    @property
    def file(self) -> str:
        return self.path.name

    def rows(self) -> Iterator[tuple[int, Cells | Refusal]]:
        """(line, cells by column), or why there are none. Raises FileUnreadable."""
        width = len(self.header)
        for number, line in _lines(self.path):
            if number == 1 or not line:
                continue
            cells = _cells(line)
            if len(cells) == width:
                yield number, dict(zip(self.header, cells, strict=True))
            else:
                yield number, RowBroken(field="row", columns=len(cells), expected=width)

    def refused(self, number: int, why: Refusal, cells: Cells | None = None) -> RowRefused:
        instrument = cells.get(self.form.naming, "")[:60] if cells else ""
        return row_refused(why, file=self.file, row=number, instrument=instrument)


def names(spelled: str) -> tuple[str, ...]:
    return tuple(spelled.split())


def table(path: Path, forms: Sequence[Form]) -> Table:
    """Raises FileUnreadable, LayoutUnknown naming the layouts that are known."""
    header: tuple[str, ...] = ()
    for _, line in _lines(path):
        header = tuple(_cells(line))
        break
    for form in forms:
        if len(header) == len(form.columns) and form.columns == set(header):
            return Table(path=path, form=form, header=header)
    raise LayoutUnknown(
        field="file",
        file=path.name,
        header=",".join(header)[:200] or "empty",
        known="; ".join(f"{form.title}: {','.join(sorted(form.columns))}" for form in forms),
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with _opened(path) as text:
            for number, line in enumerate(text, start=1):
                yield number, line.rstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileUnreadable(field="file", file=path.name, reason=reason) from None


def _opened(path: Path) -> TextIO:
    with path.open("rb") as raw:
        zipped = raw.read(2) == GZIP
    if zipped:
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="\n")
    return path.open(encoding="utf-8-sig", errors="replace", newline="\n")


def _cells(line: str) -> list[str]:
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []


def stamp(text: str, *, field: str) -> datetime:
    """RFC 3339 with an offset. Raises TimeNotValid."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise TimeNotValid(field=field, got=text[:60])


def since_1970(text: str, *, per_second: int, field: str) -> datetime:
    """Whole seconds, milliseconds or nanoseconds; kept to the microsecond. Raises TimeNotValid."""
    if text.isascii() and text.isdigit() and len(text) <= 20:
        seconds, part = divmod(int(text), per_second)
        try:
            whole = datetime.fromtimestamp(seconds, UTC)
            return whole.replace(microsecond=part * 1_000_000 // per_second)
        except (ValueError, OverflowError, OSError):
            pass
    raise TimeNotValid(field=field, got=text[:60])
