"""manage.py delist: an instrument nobody holds trades no more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import listing, timekeeping


class Command(HouseCommand):
    help = (
        "Delist an instrument that nobody holds: it never trades again, and its history stays."
        " Refused while anybody holds it. Delisting again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("symbol", metavar="SYMBOL")
        parser.add_argument("--reason", type=console.reason, required=True)

    def handle(self, *_args: Any, **options: Any) -> None:
        symbol, reason = options["symbol"], options["reason"]
        done = listing.delist(symbol, reason=reason, at=timekeeping.now(), cause=self.cause(symbol))
        self.stdout.write(f"{symbol} {'is delisted' if done else 'was delisted already'}")
