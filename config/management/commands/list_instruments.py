"""manage.py list_instruments: contracts from a file, with their codes, all of them or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing.console import HouseCommand, said
from clearing.domain.errors import Refusal
from clearing.services import listing, timekeeping
from config.feeds import instruments


class Command(HouseCommand):
    help = (
        "List the instruments of a CSV file and assign their codes, all or none, at business time."
        " Columns: "
        + ",".join(instruments.COLUMNS)
        + "; cells may be empty where a contract has no such term or code. kind is spot, future,"
        " perpetual or option; payoff is linear or inverse; expiry_at is RFC 3339. Check digits are"
        " verified, and a CFI must say what the instrument is. Assets must be admitted before."
        " Listing again changes nothing; codes that changed are assigned."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *_args: Any, **options: Any) -> None:
        path = options["file"]
        found = instruments.read(path)
        try:
            listed, coded = listing.list_with_codes(
                [(it.terms, it.codes) for it in found],
                at=timekeeping.now(),
                cause=self.cause(path.name[:60]),
            )
        except Refusal as refusal:
            if refusal.place is None:
                raise
            at_fault = found[refusal.place]
            raise CommandError(
                f"{path.name}:{at_fault.row} {at_fault.terms.symbol} {said(refusal)}"
            ) from None
        self.stdout.write(
            f"{len(found)} instruments: {len(listed)} newly listed, {len(coded)} got their codes"
        )
