"""manage.py activate_parameters: a margin parameter set in force from now on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import timekeeping
from margin.services import parameters


class Command(HouseCommand):
    help = (
        "Put a margin parameter set in force: a JSON file in the layout of those in margin/methods."
        " Everybody is margined by it at once, on the latest prices, and may be called. A file the"
        " engine cannot use is refused by field. Activating the set in force changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--reporting", required=True, metavar="ASSET", help="the asset all results are in: USDC"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        activated = parameters.activate(
            console.json_object(options["file"]),
            reporting=options["reporting"],
            at=timekeeping.now(),
            cause=self.cause(options["file"].name[:60]),
        )
        rules = parameters.in_force()
        state = "is now in force" if activated else "is in force already"
        self.stdout.write(f"{rules.name} {state}: {rules.method}, in {rules.reporting}")
