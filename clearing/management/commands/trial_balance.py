"""manage.py trial_balance: what everybody holds together, and that nothing is lost."""

from __future__ import annotations

import csv
from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing import selectors
from clearing.console import HouseCommand, moment
from clearing.domain.spreadsheet import inert
from clearing.selectors import TrialColumn, Unit


class Command(HouseCommand):
    help = (
        "Print the trial balance of the whole house, now or at any point of the log: for each asset,"
        " each instrument's lots and what they are carried at, debit and credit by class of account."
        " Members' accounts are grouped by kind, each of the house's own stands alone. A debit is"
        " owed to the house, a credit by it. The exit code is 1 if any column is off by anything."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of-seq", type=int, metavar="N", help="facts up to this sequence")
        parser.add_argument(
            "--effective-at", type=moment, metavar="T", help="facts in effect by then (RFC 3339)"
        )
        parser.add_argument(
            "--known-at", type=moment, metavar="T", help="facts recorded by then (RFC 3339)"
        )
        parser.add_argument(
            "--csv",
            action="store_true",
            help="a table for other programs; a text that begins with = + - @ or a control character"
            " gets an apostrophe in front, so that no spreadsheet takes it for a formula",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        columns = selectors.trial_balance_at(
            selectors.point(
                sequence=options["as_of_seq"],
                effective_at=options["effective_at"],
                known_at=options["known_at"],
            )
        )
        known = selectors.units(it.asset for it in columns)
        if options["csv"]:
            self._table(columns, known)
        else:
            for column in columns:
                self._column(column, known[column.asset])
        off = [known[it.asset].title for it in columns if it.off]
        if off:
            raise CommandError(f"off: {', '.join(off)}")

    def _table(self, columns: list[TrialColumn], known: dict[str, Unit]) -> None:
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(["what", "asset", "currency", "group", "accounts", "debit", "credit"])
        for column in columns:
            unit = known[column.asset]
            for line in column.lines:
                texts = (unit.what, unit.name, unit.currency, line.group)
                writer.writerow(
                    [
                        *(*map(inert, texts), line.accounts),
                        *(unit.shown(line.debit), unit.shown(line.credit)),
                    ]
                )

    def _column(self, column: TrialColumn, unit: Unit) -> None:
        verdict = f"OFF BY {unit.shown(column.off)}" if column.off else "sums to zero"
        style = self.style.ERROR if column.off else self.style.SUCCESS
        self.stdout.write(f"{unit.title}: {verdict}", style)
        sides = [
            (line.group, f"{line.accounts:,}", unit.shown(line.debit), unit.shown(line.credit))
            for line in column.lines
        ]
        sides.append(("all", "", unit.shown(column.debit), unit.shown(column.credit)))
        for group, accounts, debit, credit in sides:
            self.stdout.write(f"  {group:<20}{accounts:>8}{debit:>28} debit{credit:>28} credit")
