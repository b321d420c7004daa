"""manage.py set_tolerance: how large a difference halts nothing."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing.console import HouseCommand
from clearing.services import reconciliations, timekeeping


class Command(HouseCommand):
    help = (
        "Set how much a custodian's balance of an asset may differ from the book before withdrawals"
        " of it halt. The difference is a break all the same. Zero until it is set."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("asset", metavar="ASSET")
        parser.add_argument("amount", metavar="AMOUNT", help="a decimal of the asset")

    def handle(self, *_args: Any, **options: Any) -> None:
        asset, amount = options["asset"], options["amount"]
        done = reconciliations.set_tolerance(
            asset, amount=amount, at=timekeeping.now(), cause=self.cause(asset)
        )
        self.stdout.write(f"{asset}: {amount}" if done else f"{asset}: it was {amount} already")
