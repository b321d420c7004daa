"""manage.py check_vectors: published margin cases against the engine."""

from __future__ import annotations

import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from margin.cases import run
from margin.cases.layouts import LAYOUTS


class Command(BaseCommand):
    help = (
        "Run published margin cases through the engine and compare every result that they hold.\n"
        "\n"
        "Of each result: ours from the unrounded path, theirs, the relative error, and where the\n"
        "method has one the number of the integer path with the most that rounding can make of\n"
        "it. The last line sums up. Exit code 1 if a result is missed by more than its published\n"
        "digits (1e-9 relative where all were published), if a case cannot be read, if a file\n"
        "holds no case, and if a file is of none of these layouts:\n"
        "\n" + "\n".join(f"  {layout.NAME}" for layout in LAYOUTS) + "\n"
        "\n"
        "The layout is seen from what is in a file, which may be compressed with gzip. Cases that\n"
        "need parameters nobody supplied are named as unsupported and fail nothing."
    )
    requires_system_checks: list[str] = []  # needs no server, no table and no setting

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--brief",
            action="store_true",
            help="of each case only its levels, what is missed, and the largest of the other errors",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        report = run.check(options["files"])
        for line in report.lines(brief=options["brief"]):
            self.stdout.write(line)
        if report.failed:
            sys.exit(1)
