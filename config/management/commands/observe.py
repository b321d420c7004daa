"""manage.py observe: a source's observations from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing.console import HouseCommand
from clearing.domain.observations import MOST_OBSERVATIONS
from clearing.services import observing
from config.feeds import quotes


class Command(HouseCommand):
    help = (
        "Report a source's observations from a CSV file, plain or gzip, with the columns subject, at,"
        " bid, ask, mark, last, vol, depth in any order; a subject is `index BTC`, `forward BTC"
        " 2026-01-30T08:00:00.000000Z` or `quote SYMBOL`. They are kept as they come and judged when"
        " a window closes (seal_prices). The same file again changes nothing. Rows without a shape"
        " are listed on stderr; exit code 1 when none is left, or with --strict when any was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--source", required=True, metavar="NAME", help="as it was admitted")
        parser.add_argument("--strict", action="store_true", help="exit 1 if any row was refused")

    def handle(self, *_args: Any, **options: Any) -> None:
        found = quotes.read(options["file"])
        for row in found.refused:
            self.stderr.write(str(row))
        cause = self.cause(options["file"].name[:60])
        count = len(found.observations)
        for first in range(0, count, MOST_OBSERVATIONS):
            part = found.observations[first : first + MOST_OBSERVATIONS]
            kept = observing.report(options["source"], part, cause=cause)
            known = "kept" if kept.new else "known"
            self.stdout.write(f"batch {kept.batch[:12]} {known}, {kept.count} observations")
        if not count:
            raise CommandError("no observation in it")
        if options["strict"] and found.refused:
            raise CommandError(
                f"{len(found.refused)} rows were refused, and --strict was asked for"
            )
