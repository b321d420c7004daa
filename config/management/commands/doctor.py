"""manage.py doctor: what is missing on this machine, and how to mend it."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import embedded, health


class Command(BaseCommand):
    """One line per check; the exit code is not zero when something is missing."""

    help = "Check this machine: one line per check, ok or missing with its remedy."
    requires_system_checks = ()  # the checks may need what is missing

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--var", type=Path, help="folder of the embedded servers' files")

    def handle(self, *_args: Any, **options: Any) -> None:
        failed = 0
        for finding in self._findings(options["var"] or embedded.default_var()):
            failed += finding.failed
            style = self.style.ERROR if finding.failed else self.style.SUCCESS
            self.stdout.write(str(finding), style)
        if failed:
            raise CommandError(f"{failed} missing")

    def _findings(self, var: Path) -> list[health.Finding]:
        # From the environment, not from settings: those fill in the embedded addresses.
        database_url = os.environ.get("DATABASE_URL") or None
        broker_url = os.environ.get("BROKER_URL") or None
        machine = health.examine(var, database_url=database_url, broker_url=broker_url)
        return [
            *machine,
            health.books(),
            health.migrations(),
            health.dead_jobs(),
            health.sealer(),
            health.price_windows(),
        ]
