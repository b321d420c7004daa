"""manage.py reinstate_account: a suspended account is open again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import accounts, timekeeping


class Command(HouseCommand):
    help = (
        "Reinstate a suspended account, also one that was closed and got something back: it may take"
        " on risk and withdraw again. Reinstating an open account changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        parser.add_argument(
            "--reason", type=console.reason, required=True, help="recorded in the fact"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        name = options["account"]
        sequence = accounts.reinstate(
            name, reason=options["reason"], at=timekeeping.now(), cause=self.cause(name)
        )
        done = f"is open (event {sequence})" if sequence else "was open already"
        self.stdout.write(f"{name} {done}")
