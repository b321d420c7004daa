"""manage.py halt_releases: nothing of an asset leaves until it is certified."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing import console, selectors
from clearing.console import HouseCommand
from clearing.services import releases, timekeeping


class Command(HouseCommand):
    help = (
        "Halt withdrawals of an asset, or of --all: the first thing to do with a restored database,"
        " because the outside may be ahead of it. They go on by certify_releases, once every holder"
        " has been reconciled with. Halting again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("asset", metavar="ASSET", nargs="?")
        parser.add_argument("--all", action="store_true", help="every asset the house holds")
        parser.add_argument("--reason", type=console.reason, required=True, help="recorded")

    def handle(self, *_args: Any, **options: Any) -> None:
        if bool(options["asset"]) is options["all"]:
            raise CommandError("name one ASSET, or say --all")
        assets = sorted(selectors.scales()) if options["all"] else [options["asset"]]
        for asset in assets:
            done = releases.halt(
                asset, reason=options["reason"], at=timekeeping.now(), cause=self.cause(asset)
            )
            self.stdout.write(f"{asset} {'is halted' if done else 'was halted already'}")
