"""manage.py adjust_contract: a split, and every contract on the underlying with it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing import console
from clearing.console import HouseCommand
from clearing.domain import adjustment
from clearing.services import adjustments, timekeeping
from clearing.services.adjustments import Adjusted

MOST_SHOWN = 20


class Command(HouseCommand):
    help = (
        "Adjust the contracts on an underlying for a split, new:old units such as 7:1, in one"
        " decision: each holder's lots are exchanged for those of the adjusted contract at the same"
        " cost, no cash changes hands, and trades of the old symbol are refused with the new one"
        " named. A whole ratio multiplies lots and divides strikes, to the nearest cent; any other"
        " changes the lot. --action names the corporate action, which is done once however often it"
        " is told. Give UNDERLYING for all its live contracts, or --contract for one alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("underlying", nargs="?", metavar="UNDERLYING")
        parser.add_argument("--contract", metavar="SYMBOL", help="this one alone")
        parser.add_argument("--new-symbol", default="", metavar="SYMBOL", help="of the one alone")
        parser.add_argument("--ratio", required=True, metavar="NEW:OLD")
        parser.add_argument("--action", required=True, metavar="ID", help="of the corporate action")
        parser.add_argument("--reason", type=console.reason, required=True)

    def handle(self, *_args: Any, **options: Any) -> None:
        underlying, contract = options["underlying"], options["contract"]
        if bool(underlying) == bool(contract):
            raise CommandError("give UNDERLYING, or --contract for one alone")
        shared: dict[str, Any] = {
            "ratio": adjustment.ratio_of(options["ratio"]),
            "action": options["action"],
            "reason": options["reason"],
            "at": timekeeping.now(),
            "cause": self.cause(options["action"]),
        }
        if contract:
            new_symbol = options["new_symbol"]
            done = adjustments.adjust_contract(contract, new_symbol=new_symbol, **shared)
        else:
            done = adjustments.adjust_underlying(underlying, **shared)
        self._report(done, action=options["action"])

    def _report(self, done: Adjusted, *, action: str) -> None:
        if not done.new:
            self.stdout.write(f"{action} was done before, by event {done.sequence}")
            return
        for it in done.series[:MOST_SHOWN]:
            self.stdout.write(
                f"{it.old.symbol} -> {it.lots_factor} x {it.new.symbol},"
                f" {adjustment.plain(it.new.lot_size)} units a lot"
            )
        if len(done.series) > MOST_SHOWN:
            self.stdout.write(f"and {len(done.series) - MOST_SHOWN} more")
        self.stdout.write(f"{len(done.series)} contracts adjusted, {done.accounts} accounts moved")
