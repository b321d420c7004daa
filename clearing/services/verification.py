"""Whether everything the house says follows from its log, and the log is what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module

from django.conf import settings
from django.db import connection, transaction

from clearing.services import balances, evidence, replays
from clearing.services.findings import Check, Finding, Look, Progress, quiet

EXAMPLES = 5  # differing rows shown of one table


def verify(*, progress: Progress = quiet) -> list[Finding]:
    """Run every check of the record and of the apps above it; return what they found.

    All of it in one snapshot that is rolled back, so writers may go on: it waits for nobody, nobody
    waits for it (a migration excepted), and what commits meanwhile is not seen by halves. Inside a
    caller's transaction it sees what that one sees.
    """
    found: list[Finding] = []
    with _one_snapshot():
        for check in checks():
            look = Look(check=check.name, remedy=check.remedy, progress=progress)
            check.run(look)
            progress(check.name, look.looked_at, len(look.findings))
            found.extend(look.findings)
        transaction.set_rollback(True)
    return found


@cache
def checks() -> tuple[Check, ...]:
    """The record's own, then those of the apps; each app names its module in settings."""
    apps = (import_module(module).CHECKS for module in settings.SURETY_CHECKS)
    return (
        *evidence.CHECKS,
        *balances.CHECKS,
        Check("rows", balances.REBUILD, rows_follow),
        *(check for found in apps for check in found),
    )


def rows_follow(look: Look) -> None:
    """Every row of every projection, entries first, is what a replay of the log writes."""
    try:
        with transaction.atomic(), replays.aside() as tables:
            replays.replay(after=0, progress=look.progress)
            replays.complete()
            for table in tables:
                look.saw(replays.rows_of(table))
                _compare(look, table)
    except replays.ReplayStopped as stopped:
        look.found(f"fact {stopped.sequence}", stopped.says)


def _compare(look: Look, table: replays.Table) -> None:
    missing, surplus = replays.differences(table)
    if not missing and not surplus:
        return
    look.found(table.name, f"{missing} rows are missing, {surplus} do not follow from the log")
    for wrong, row in replays.examples(table, most=EXAMPLES):
        look.found(f"{table.name} {row}", wrong)


@contextmanager
def _one_snapshot() -> Iterator[None]:
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
