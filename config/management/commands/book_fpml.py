"""manage.py book_fpml: execution messages in FpML become booked trades, each file whole or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing.console import HouseCommand, said
from clearing.domain import fpml
from clearing.domain.errors import Refusal
from clearing.services import executions, timekeeping
from config.feeds import parties


class Command(HouseCommand):
    """Booked trades on stdout; a refused file on stderr as file:trade - code field: why."""

    help = (
        "Book the trades that FpML 5 messages report, at business time: "
        + ", ".join(fpml.TAKEN)
        + " of listed futures and options, and of European options paid in cash. A contract is found"
        " by its ISIN, by the code its venue gives it, by its symbol here, or by its underlying and"
        " terms. Each file is booked whole or not at all, and once however often it is given."
        " --party says which account a party or an account of the message trades for, by any id the"
        " message gives it; --parties reads the same from a file with the columns party,account."
        " Exit code 1 if any file was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--party", action="append", default=[], metavar="PARTY=ACCOUNT", help="may be repeated"
        )
        parser.add_argument("--parties", type=Path, metavar="FILE", help="party,account by row")
        parser.add_argument(
            "--venue", default="", metavar="MIC", help="who reports; else the exchange it names"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        known = parties.read(options["parties"]) if options["parties"] else {}
        known |= parties.spelled(options["party"])
        refused = 0
        for path in options["files"]:
            try:
                self._book(path, known, venue=options["venue"])
            except Refusal as refusal:
                refused += 1
                place = "" if refusal.place is None else f":{refusal.place + 1}"
                self.stderr.write(f"{path.name}{place} - {said(refusal)}")
        files = len(options["files"])
        self.stdout.write(f"{files - refused} of {files} files booked, {refused} refused")
        if refused:
            raise CommandError(f"{refused} of {files} files were refused")

    def _book(self, path: Path, known: dict[str, str], *, venue: str) -> None:
        message = fpml.read(parties.content(path, most=fpml.MOST_BYTES))
        booked = executions.book(
            message,
            parties=known,
            venue=venue,
            at=timekeeping.now(),
            cause=self.cause(path.name[:60]),
        )
        for it in booked:
            trade, when = it.trade, "booked" if it.new else "booked before"
            self.stdout.write(
                f"{path.name} {message.kind} {trade.trade_id}@{trade.venue}: {trade.buyer} bought"
                f" {trade.quantity} {trade.symbol} at {trade.price} from {trade.seller}, {when}"
            )
