"""Whether everything the house says follows from its log, and the log is what was recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import chain

from django.conf import settings
from django.db import connection, transaction

from clearing.domain.evidence.archive import Archive
from clearing.selectors.whole_book import one_moment
from clearing.services import (
    balances,
    checkpoints,
    evidence,
    findings,
    folds,
    guards,
    processes,
    replays,
    seals,
)
from clearing.services.findings import Check, Finding, Look, Part, Progress, quiet

EXAMPLES = 5  # differing rows shown of one table
WORTH_IT = 100_000  # facts from which on several processes are faster than starting them
PIECES = 4  # parts of a check for each process, so that none waits long for the last one


def verify(
    *, progress: Progress = quiet, jobs: int | None = 1, kept: Archive | None = None
) -> list[Finding]:
    """Run every check of the record and of the apps above it; return what they found.

    All of it in one snapshot that is rolled back, so writers may go on: it waits for nobody, nobody
    waits for it (a migration excepted), and what commits meanwhile is not seen by halves. Inside a
    caller's transaction it sees what that one sees.

    With several jobs, that many processes share the work and the snapshot; None means as many as
    there are cores, for a log that is worth it.
    """
    if connection.in_atomic_block:
        jobs = 1  # nobody else sees what is not committed
    elif jobs is None:
        jobs = (os.cpu_count() or 1) if _facts() >= WORTH_IT else 1
    found: list[Finding] = []
    with one_moment():
        looks = _alone(progress) if jobs == 1 else _together(progress, jobs)
        for look in chain(_outside(kept), looks):
            progress(look.check, look.looked_at, len(look.findings))
            found.extend(look.findings)
        transaction.set_rollback(True)
    return found


def _outside(kept: Archive | None) -> Iterator[Look]:
    if kept is not None:
        look = Look(check="checkpoint from outside", remedy=evidence.RESTORE)
        checkpoints.against(look, kept)
        yield look


def _facts() -> int:
    return int(findings.rows("SELECT coalesce(max(sequence), 0) FROM clearing_event")[0][0])


def _alone(progress: Progress) -> Iterator[Look]:
    for check in checks():
        look = Look(check=check.name, remedy=check.remedy, progress=progress)
        for part in check.cut(1):
            check.look(look, part)
        yield look


def _together(progress: Progress, jobs: int) -> Iterator[Look]:
    """One look for each check, put together from those of its parts, in the order of the checks."""
    snapshot = findings.rows("SELECT pg_export_snapshot()")[0][0]
    with processes.pool(jobs) as pool:
        # what cannot be cut takes longest: it goes first
        order = sorted(enumerate(checks()), key=lambda it: it[1].parts is not None)
        asked = {
            number: [
                pool.submit(processes.ask, snapshot, number, part)
                for part in check.cut(jobs * PIECES)
            ]
            for number, check in order
        }
        for number, check in enumerate(checks()):
            look = Look(check=check.name, remedy=check.remedy, progress=progress)
            for answer in asked[number]:
                seen, found = answer.result()
                look.saw(seen)
                for where, says in found:
                    look.found(where, says)
            yield look


def answer(number: int, part: Part | None) -> tuple[int, list[tuple[str, str]]]:
    """One part of one check, in the caller's transaction: rows looked at, and what was found."""
    check = checks()[number]
    look = Look(check=check.name, remedy=check.remedy)
    check.look(look, part)
    return look.looked_at, [(finding.where, finding.says) for finding in look.findings]


@cache
def checks() -> tuple[Check, ...]:
    """The record's own, then those of the apps; each app names its module in settings."""
    apps = (import_module(module).CHECKS for module in settings.SURETY_CHECKS)
    return (
        *evidence.CHECKS,
        *seals.CHECKS,
        *guards.CHECKS,
        *folds.CHECKS,
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
