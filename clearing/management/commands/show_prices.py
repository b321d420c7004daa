"""manage.py show_prices: one price set, what stood and stands for its time, and what was not heard."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing import selectors
from clearing.console import HouseCommand
from clearing.domain import clock


class Command(HouseCommand):
    help = (
        "Print a price set: its indices and forwards, the chain of corrections of its time, what it"
        " was made of, and everything that was not heard for it, each with its reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "price_set",
            nargs="?",
            default="latest",
            metavar="SET",
            help="a sequence, or at least eight letters of its hash; the one in force without",
        )
        parser.add_argument("--quotes", action="store_true", help="every quote too")

    def handle(self, *_args: Any, **options: Any) -> None:
        sealed = selectors.price_set_named(options["price_set"])
        found, say = sealed.prices, self.stdout.write
        made_up = ", simulated" if found.simulated else ""
        say(sealed.name)
        say(f"{clock.text(sealed.at)} by event {sealed.sequence}, {found.source}{made_up}")
        for row in selectors.sets_of_time(sealed.sequence):
            said = f"corrects {row.corrects}: {row.reason}" if row.corrects else "sealed"
            say(f"  event {row.sequence} {row.name[:12]} {said}")
        for name, value in sorted({**found.indices, **found.forwards}.items()):
            say(f"  {name} {value}")
        if options["quotes"]:
            for symbol, quote in sorted(found.quotes.items()):
                say(f"  {symbol} {quote.mark} {quote.vol}".rstrip())
        if found.made_of is not None:
            for name, said in found.made_of.sources.items():
                say(f"  source {name}: {said}")
            say(f"  made of {len(found.made_of.batches)} batches")
        for it in selectors.rejections(sealed.name):
            say(f"  not heard: {it.subject} {it.source or '-'} {it.why} {it.says}".rstrip())
