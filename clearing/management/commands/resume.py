"""manage.py resume: a halted instrument trades again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import reference, timekeeping


class Command(HouseCommand):
    help = (
        "Resume a halted instrument: it trades again from now on. Resuming again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("symbol", metavar="SYMBOL")
        parser.add_argument(
            "--reason",
            type=console.reason,
            required=True,
            help="why trading goes on; recorded in the fact",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        symbol, reason = options["symbol"], options["reason"]
        done = reference.resume(
            symbol, reason=reason, at=timekeeping.now(), cause=self.cause(symbol)
        )
        self.stdout.write(f"{symbol} {'trades again' if done else 'was trading already'}")
