"""manage.py close_account: an empty account is closed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import accounts, timekeeping


class Command(HouseCommand):
    help = (
        "Close an account that holds nothing; what still stands there is named by the refusal. Should"
        " a bust or a correction give it something back later, it is reopened, suspended, in the same"
        " decision, and can be reinstated and closed again once it is empty."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        parser.add_argument(
            "--reason", type=console.reason, required=True, help="recorded in the fact"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        name = options["account"]
        sequence = accounts.close(
            name, reason=options["reason"], at=timekeeping.now(), cause=self.cause(name)
        )
        self.stdout.write(f"{name} is closed (event {sequence})")
