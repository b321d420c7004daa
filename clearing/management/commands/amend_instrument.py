"""manage.py amend_instrument: terms that may change while positions are open."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.domain.amendment import AMENDABLE
from clearing.services import listing, timekeeping


class Command(HouseCommand):
    help = (
        "Amend what bounds new trades in an instrument, from business time on: "
        + ", ".join(AMENDABLE)
        + ". --set NAME=VALUE, or NAME= for none; may be repeated. What gives open positions and"
        " recorded prices their meaning is refused: adjust the contract, or list another."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("symbol", metavar="SYMBOL")
        parser.add_argument(
            "--set", action="append", required=True, dest="changes", metavar="NAME=VALUE"
        )
        parser.add_argument("--reason", type=console.reason, required=True)

    def handle(self, *_args: Any, **options: Any) -> None:
        symbol = options["symbol"]
        pairs = [text.partition("=") for text in options["changes"]]
        if not all(equals for _, equals, _ in pairs):
            raise CommandError("say NAME=VALUE after --set")
        done = listing.amend(
            symbol,
            {name: value for name, _, value in pairs},
            reason=options["reason"],
            at=timekeeping.now(),
            cause=self.cause(symbol),
        )
        self.stdout.write(f"{symbol} {'is amended' if done else 'is so already'}")
