"""manage.py load_funding: a venue's funding rates, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from clearing.console import HouseCommand
from clearing.domain.prices import PriceMissing
from clearing.services import funding, timekeeping
from clearing.services.funding import Fixing
from config.feeds import funding as feed


class Command(HouseCommand):
    help = (
        "Fix the funding rates of one contract of a file for one of our perpetuals. Positions are"
        " valued at the mark of the set in force at each interval's end; intervals before the first"
        " set, or that business time has not reached, are passed over and counted. Loading a file"
        " again fixes nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--symbol", required=True, help="our perpetual")
        parser.add_argument("--contract", required=True, help="as the file names it: BTC-USDT")

    def handle(self, *_args: Any, **options: Any) -> None:
        now, cause = timekeeping.now(), self.cause(options["symbol"])
        counts = {"fixed": 0, "known": 0, "to come": 0, "without a price": 0}
        for number, row in enumerate(feed.read(options["file"], contract=options["contract"]), 1):
            counts[self._fix(row, symbol=options["symbol"], now=now, cause=cause)] += 1
            if number % 500 == 0:
                self.stderr.write(f"{number} intervals read")
        said = ", ".join(f"{count} {what}" for what, count in counts.items())
        self.stdout.write(f"{options['symbol']}: {said}")

    def _fix(self, row: feed.Published, *, symbol: str, now: Any, cause: Any) -> str:
        if row.interval_end > now:
            return "to come"
        fixing = Fixing(
            symbol=symbol,
            source=f"{row.venue} {row.contract}",
            interval_end=row.interval_end,
            hours=feed.HOURS,
            rate=row.rate,
        )
        try:
            return "known" if funding.fix(fixing, cause=cause) is None else "fixed"
        except PriceMissing:
            return "without a price"
