"""manage.py verify: whether all that the house says follows from its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import checkpoints, findings, verification


class Command(HouseCommand):
    help = (
        "Check the whole house and change nothing: every hash, sealed block and entry is computed"
        " again, every row is compared with a replay of the log, and what facts name must exist."
        " Everybody may go on working meanwhile. One line per check with the number of rows looked"
        " at, then each finding with its remedy; the exit code is 1 when there is any."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="print nothing but what was found")
        parser.add_argument(
            "--jobs",
            type=int,
            metavar="N",
            help="processes that share the work, all on one snapshot; as many as there are cores for"
            " a long log, one for a short one",
        )

        parser.add_argument(
            "--against",
            type=Path,
            metavar="FILE",
            help="a checkpoint from outside, by manage.py checkpoint --export: is its signature ours,"
            " and does the log still hold exactly that history?",
        )
        parser.add_argument(
            "--key",
            default="",
            help="the public key it must be signed by, as text or file; our own without",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        said = findings.quiet if options["quiet"] else self._say
        kept = None
        if options["against"]:
            key = checkpoints.known_key(options["key"])
            kept = checkpoints.opened(console.text_of(options["against"]), key)
        found = verification.verify(progress=said, jobs=options["jobs"], kept=kept)
        for finding in found:
            self.stdout.write(str(finding), self.style.ERROR)
        if found:
            raise CommandError(f"{len(found)} findings")
        if not options["quiet"]:
            self.stdout.write("all of it follows from the log", self.style.SUCCESS)

    def _say(self, check: str, looked_at: int, found: int | None) -> None:
        if found is None:
            if self.stdout.isatty():
                self.stdout.write(f"{check}: {looked_at:,} ...\r", ending="")
                self.stdout.flush()
            return
        verdict = "ok" if not found else f"{found} found"
        style = self.style.ERROR if found else self.style.SUCCESS
        self.stdout.write(f"{check}: {looked_at:,} looked at, {verdict}", style)
