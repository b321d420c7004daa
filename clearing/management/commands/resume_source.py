"""manage.py resume_source: a source of prices is heard again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import observing, timekeeping


class Command(HouseCommand):
    help = "Resume a suspended source of prices: from the next window on it is heard again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", metavar="NAME")
        parser.add_argument(
            "--reason", type=console.reason, required=True, help="why; recorded in the fact"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        name = options["source"]
        done = observing.resume_source(
            name, reason=options["reason"], at=timekeeping.now(), cause=self.cause(name)
        )
        self.stdout.write(f"{name} {'is heard again' if done else 'was heard already'}")
