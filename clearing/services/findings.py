"""What a check looks at, and what it finds. A check never mends and never stops at the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any

from django.db import connection

_numbers = count(1)

MOST = 50  # findings of one check; after that, how many more there are is no news
STEP = 50_000  # rows between two words about progress
BATCH = 5_000  # rows fetched at a time
# what reading a fact may end in that is not what was written
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# (what is being done, rows looked at so far, findings once it is done and None before)
Progress = Callable[[str, int, int | None], None]


# A stretch of sequences, or of block numbers: past the first of the two, up to the second.
Part = tuple[int, int]
FOREVER = 2**63 - 1


def stretches(last: int, pieces: int) -> list[Part]:
    """1 to `last` in about equal parts; the first has no start and the last no end."""
    width = max(1, -(-last // pieces))
    starts = list(range(0, max(last, 1), width))
    return [*pairwise([-FOREVER, *starts[1:], FOREVER])]


def quiet(_what: str, _looked_at: int, _found: int | None) -> None:
    """Progress for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that must not be: which check says so, of what, and what can be done."""

    check: str
    where: str
    says: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.says}. {self.remedy}"


@dataclass(slots=True)
class Look:
    """One check at work."""

    check: str
    remedy: str
    progress: Progress = quiet
    looked_at: int = 0
    findings: list[Finding] = field(default_factory=list)

    def saw(self, rows: int = 1) -> None:
        before = self.looked_at // STEP
        self.looked_at += rows
        if self.looked_at // STEP > before:
            self.progress(self.check, self.looked_at, None)

    def found(self, where: str, says: str) -> None:
        if len(self.findings) == MOST:
            where, says = "and more", f"only the first {MOST} are listed"
        if len(self.findings) <= MOST:
            self.findings.append(
                Finding(check=self.check, where=where, says=says, remedy=self.remedy)
            )


@dataclass(frozen=True, slots=True)
class Check:
    """A named question to the house, asked inside one snapshot; `remedy` is for whoever reads it.

    One that can be asked of parts of the record, so that several processes may work on it, says by
    `parts` how it is cut into about that many; `run` then takes one of them beside the look.
    """

    name: str
    remedy: str
    run: Callable[..., None]
    parts: Callable[[int], list[Part]] | None = None

    def cut(self, pieces: int) -> list[Part | None]:
        return [None] if self.parts is None else [*self.parts(pieces)]

    def look(self, look: Look, part: Part | None) -> None:
        if part is None:
            self.run(look)
        else:
            self.run(look, part)


def rows(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All of an answer that is known to be small: what is wrong, usually."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def rows_in(table: str) -> int:
    count: int = rows(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 - a name of ours
    return count


def streamed(statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    """Rows as the server hands them over, a batch at a time, however many there are."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, list(parameters))
        while batch := cursor.fetchmany(BATCH):
            yield from batch


def binary(statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    """The same in the server's own format: integers and bytes come as they are, nothing is parsed."""
    for batch in binary_batches(statement, parameters):
        yield from batch


def binary_batches(
    statement: str, parameters: Sequence[Any] = ()
) -> Iterator[list[tuple[Any, ...]]]:
    """The same by batches, for whoever counts microseconds."""
    connection.ensure_connection()
    with connection.connection.cursor(name=f"binary_{next(_numbers)}", binary=True) as cursor:
        cursor.execute(statement, list(parameters))
        while batch := cursor.fetchmany(BATCH):
            yield batch
