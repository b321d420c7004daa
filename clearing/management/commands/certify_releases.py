"""manage.py certify_releases: the books agree, and withdrawals go on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.services import releases, timekeeping


class Command(HouseCommand):
    help = (
        "Certify that the books of an asset agree with the outside, so that its withdrawals go on."
        " Refused while an invariant is violated or a break of the asset is unexplained, and after a"
        " halt by order until every holder has been reconciled with again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("asset", metavar="ASSET")
        parser.add_argument("--reason", type=console.reason, required=True, help="recorded")

    def handle(self, *_args: Any, **options: Any) -> None:
        asset = options["asset"]
        sequence = releases.certify(
            asset, reason=options["reason"], at=timekeeping.now(), cause=self.cause(asset)
        )
        self.stdout.write(f"{asset} is certified by event {sequence}: withdrawals go on")
