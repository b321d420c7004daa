"""manage.py port_account: everything an account has open goes to another."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import porting, timekeeping


class Command(HouseCommand):
    help = (
        "Port an account: all its positions go to another account at what is carried for them, in one"
        " decision or not at all. With --collateral its balances go along, and the other account"
        " answers for its trades from then on. Both are margined again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="FROM")
        parser.add_argument("to_account", metavar="TO")
        parser.add_argument(
            "--collateral", action="store_true", help="balances go along, debts as well"
        )
        parser.add_argument(
            "--key",
            default="",
            help="say it to port the same accounts again; the same key twice ports once",
        )
        parser.add_argument(
            "--reason", type=console.reason, required=True, help="recorded in the fact"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        source, to = options["account"], options["to_account"]
        move = porting.succeed if options["collateral"] else porting.port
        sequence = move(
            source,
            to,
            key=options["key"] or f"port-{source}-{to}",
            reason=options["reason"],
            at=timekeeping.now(),
            cause=self.cause(f"{source}-{to}"),
        )
        self.stdout.write(f"{source} is ported to {to} (event {sequence})")
