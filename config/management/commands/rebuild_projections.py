"""manage.py rebuild_projections: every row that follows from the log, written again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from clearing.services import replays


class Command(BaseCommand):
    help = (
        "Replay the log and make every projection what it says: entries, holdings, accounts,"
        " instruments, calls, cases. The log, jobs, results, users and keys are not touched."
        " Readers never wait and see either the old rows or the new; writers wait for the last"
        " part, once the sealed part of the log is replayed. Tables that do not differ are not"
        " written, so that running it again changes nothing."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            differed = replays.rebuild(progress=self._say)
        except replays.ReplayStopped as stopped:
            raise CommandError(
                f"{stopped}. Nothing was changed; manage.py verify says whether the log was."
            ) from stopped
        changed = {table: rows for table, rows in differed.items() if rows}
        if not changed:
            self.stdout.write("no row differed", self.style.SUCCESS)
        else:
            tables = ", ".join(f"{table} ({rows:,})" for table, rows in changed.items())
            self.stdout.write(f"written again: {tables}", self.style.WARNING)

    def _say(self, what: str, rows: int, differed: int | None) -> None:
        if differed is None:
            if self.stdout.isatty():
                self.stdout.write(f"{what}: {rows:,} ...\r", ending="")
                self.stdout.flush()
            return
        verdict = f", {differed:,} differed" if differed else ""
        self.stdout.write(f"{what}: {rows:,}{verdict}")
