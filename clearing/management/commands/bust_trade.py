"""manage.py bust_trade: a trade never was."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import busts, timekeeping


class Command(HouseCommand):
    help = (
        "Bust a trade: undo both legs wherever their lots are now, at what each account had them"
        " for; after expiry in cash. No standing and no margin stops it. Busting again changes"
        " nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("venue", metavar="VENUE", help="who reported it")
        parser.add_argument("trade_id", metavar="ID", help="its id there")
        parser.add_argument(
            "--reason",
            type=console.reason,
            required=True,
            help="why it never was; recorded in the fact",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        venue, trade_id = options["venue"], options["trade_id"]
        name = f"{venue}:{trade_id}"
        sequence = busts.bust(
            venue,
            trade_id,
            key=f"bust:{name}",
            reason=options["reason"],
            at=timekeeping.now(),
            cause=self.cause(name),
        )
        self.stdout.write(f"{name} is busted (event {sequence})")
