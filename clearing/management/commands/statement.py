"""manage.py statement: what an account held, every movement, and what it holds."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from clearing import selectors
from clearing.console import HouseCommand, moment
from clearing.domain import clock, statement
from clearing.selectors import Period
from clearing.selectors.statement_texts import statement_table
from clearing.services import timekeeping


class Command(HouseCommand):
    help = (
        "Print the statement of an account, or of one of the house's own: opening balances, every"
        " movement with its fact, counterpart, reference and running balance, and closing balances,"
        " of cash, positions and what they are carried at. The period is past --from up to and"
        " including --to, in business time. A fact recorded late is in the period of its effect;"
        " --known-at prints what was known then. It adds up or ends with an error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        parser.add_argument(
            "--from", dest="start", type=moment, metavar="T", help="the log's start without it"
        )
        parser.add_argument("--to", dest="end", type=moment, metavar="T", help="now without it")
        parser.add_argument("--known-at", type=moment, metavar="T", help="as it was known then")
        parser.add_argument(
            "--csv",
            type=Path,
            metavar="FILE",
            help="write a table to a file; a text that begins with = + - @ or a control character"
            " gets an apostrophe in front, so that no spreadsheet takes it for a formula",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        account = selectors.account_row(options["account"])
        end = options["end"] or timekeeping.now()
        statement.check_period(options["start"], end)
        point = selectors.point(effective_at=options["end"], known_at=options["known_at"])
        period = Period(
            account_id=account.account_id,
            start=options["start"],
            end=end,
            known_at=point.known_at,
        )
        if options["csv"] is None:
            self._print(period, selectors.statement_rows(period))
            return
        with options["csv"].open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            count = 0
            for row in statement_table(period):
                writer.writerow(row)
                count += 1
        self.stdout.write(f"{count - 1:,} lines written to {options['csv']}")

    def _print(self, period: Period, rows: Iterable[list[str]]) -> None:
        since = clock.text(period.start) if period.start else "the start of the log"
        self.stdout.write(f"{period.account_id}: past {since} up to {clock.text(period.end)}")
        for row in list(rows)[1:]:
            it = dict(zip(selectors.STATEMENT_COLUMNS, row, strict=True))
            named = f"{it['asset']} {it['currency']}" if it["what"] != "cash" else it["asset"]
            if it["line"] != statement.MOVEMENT:
                self.stdout.write(f"{it['line']:<8} {it['balance']:>28} {named}")
                continue
            self.stdout.write(
                f"{it['effective_at']} {it['sequence']:>8} {it['amount']:>28} {named}"
                f" -> {it['balance']}; {it['said']} [{it['counterpart']}, {it['reference']}]"
            )
