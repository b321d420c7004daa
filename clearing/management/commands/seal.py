"""manage.py seal: fix the global order behind the writers."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing.console import HouseCommand
from clearing.services import sealing


class Command(HouseCommand):
    help = (
        "Seal what is final in the log, block by block, and say up to where. Workers do so once a"
        " second; with --follow this process does it at once, for readers that wait for nobody."
        " Any number of sealers may run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--follow", type=float, metavar="SECONDS", help="go on sealing for that long"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        seconds = options["follow"]
        last = sealing.follow(seconds=seconds) if seconds else sealing.catch_up()
        self.stdout.write(f"sealed up to sequence {last}")
