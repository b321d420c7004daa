"""manage.py set_fee: what trading an instrument of a kind costs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing.console import HouseCommand
from clearing.domain.instrument import Kind
from clearing.services import schedules, timekeeping


class Command(HouseCommand):
    help = (
        "Set what both sides pay for each trade of an instrument of a kind, in its settlement asset."
        " Charged by settlement cycles, on every trade that no cycle has settled yet."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=[str(kind) for kind in Kind])
        parser.add_argument("--per-lot", default="0", help="units of the settlement asset")
        parser.add_argument(
            "--rate",
            default="0",
            help="share of what the trade is worth; of the premium for options",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        done = schedules.set_fee(
            options["kind"],
            per_lot=options["per_lot"],
            rate=options["rate"],
            at=timekeeping.now(),
            cause=self.cause(options["kind"]),
        )
        self.stdout.write("the fee is set" if done else "that fee is in force already")
