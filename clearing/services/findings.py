"""What a check looks at, and what it finds. A check never mends and never stops at the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

MOST = 50  # findings of one check; after that, how many more there are is no news
STEP = 50_000  # rows between two words about progress
BATCH = 5_000  # rows fetched at a time
# what reading a fact may end in that is not what was written
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# (what is being done, rows looked at so far, findings once it is done and None before)
Progress = Callable[[str, int, int | None], None]


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
    """A named question to the house, asked inside one snapshot; `remedy` is for whoever reads it."""

    name: str
    remedy: str
    run: Callable[[Look], None]


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
