"""manage.py suspend_source: a source of prices is not heard."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import observing, timekeeping


class Command(HouseCommand):
    help = (
        "Suspend a source of prices: what it reports is kept, and not heard until it is resumed. A"
        " quorum that needs it is missed, and no set is sealed then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", metavar="NAME")
        parser.add_argument(
            "--reason", type=console.reason, required=True, help="why; recorded in the fact"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        name = options["source"]
        done = observing.suspend_source(
            name, reason=options["reason"], at=timekeeping.now(), cause=self.cause(name)
        )
        self.stdout.write(f"{name} {'is not heard' if done else 'was suspended already'}")
