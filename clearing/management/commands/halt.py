"""manage.py halt: nothing trades in an instrument for now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import reference, timekeeping


class Command(HouseCommand):
    help = (
        "Halt an instrument: nothing trades in it until it is resumed, liquidations included. Prices"
        " are still sealed and margin is held as before. Halting again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("symbol", metavar="SYMBOL")
        parser.add_argument(
            "--reason",
            type=console.reason,
            required=True,
            help="why trading stops; recorded in the fact",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        symbol, reason = options["symbol"], options["reason"]
        done = reference.halt(symbol, reason=reason, at=timekeeping.now(), cause=self.cause(symbol))
        self.stdout.write(f"{symbol} {'is halted' if done else 'was halted already'}")
