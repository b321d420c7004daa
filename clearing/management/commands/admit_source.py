"""manage.py admit_source: a source of prices is heard from now on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing.console import HouseCommand
from clearing.domain.sources import HEAVIEST, Kind, Source
from clearing.services import observing, timekeeping


class Command(HouseCommand):
    help = (
        "Admit a source of prices: what it reports is heard when a set is sealed. A venue's"
        " credential (issue_credential --venue CODE) reports for the source admitted with"
        " --reporter CODE; without one, files alone do (observe). Admitting again on the same terms"
        " changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", metavar="NAME", help="up to 20 characters")
        parser.add_argument(
            "--kind",
            choices=[it.value for it in Kind],
            default=Kind.VENUE.value,
            help="own is the house's own venue: it never makes the quorum of an index",
        )
        parser.add_argument(
            "--weight",
            type=int,
            default=1,
            help=f"in the median, 1 to {HEAVIEST}; a quorum counts heads",
        )
        parser.add_argument("--quotes", default="*", help="underlyings: BTC,ETH; * for all")
        parser.add_argument("--reporter", default="", metavar="CODE", help="market identifier code")
        parser.add_argument("--simulated", action="store_true", help="its prices are made up")
        parser.add_argument("--title", default="")

    def handle(self, *_args: Any, **options: Any) -> None:
        source = Source(
            name=options["source"],
            kind=Kind(options["kind"]),
            weight=options["weight"],
            quotes=tuple(options["quotes"].split(",")),
            reporter=options["reporter"],
            simulated=options["simulated"],
        )
        done = observing.admit_source(
            source,
            title=options["title"] or source.name,
            at=timekeeping.now(),
            cause=self.cause(source.name),
        )
        self.stdout.write(f"{source.name} {'is admitted' if done else 'was admitted already'}")
