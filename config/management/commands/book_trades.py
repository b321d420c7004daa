"""manage.py book_trades: a real tape becomes booked trades, under its own dates; or a report does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clearing import console
from clearing.domain.errors import Refusal
from clearing.services import timekeeping
from config.feeds import booking, report, reports, sealing, tapes
from config.feeds.booking import Accounts
from config.feeds.tables import RowRefused
from config.feeds.tapes import Tape

LINE_SECONDS = 2.0  # between two lines of progress


class Command(BaseCommand):
    """Good rows are booked, bad ones listed on stderr as file:line instrument code field: why."""

    help = (
        "Book a tape of real trades under its own dates, listing the instruments it needs first."
        " Business time is carried to each trade. Run twice, it books nothing twice. Known layouts,"
        " plain or gzip: "
        + "; ".join(form.title for form in tapes.FORMS)
        + ". Accounts go by the taker's side: --buyer is the account behind buying takers, --seller"
        " the account behind selling takers; a buying taker trades against --seller, a selling"
        " taker against --buyer. So every trade moves from --seller to --buyer. For anything else"
        " give --accounts, a file with the columns side,buyer,seller (side is buy, sell or none:"
        " the taker's) or trade_id,buyer,seller. Accounts must exist and be open. A file of the"
        " house's own layout, "
        + ",".join(reports.COLUMNS)
        + ", says all that itself: its trades are"
        " booked at business time, in instruments that are listed; with --whole, all or none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--buyer", metavar="ACCOUNT", help="behind buying takers")
        parser.add_argument("--seller", metavar="ACCOUNT", help="behind selling takers")
        parser.add_argument("--accounts", type=Path, metavar="FILE", help="instead of the two")
        parser.add_argument("--whole", action="store_true", help="a report: all of it or nothing")
        parser.add_argument("--strict", action="store_true", help="exit 1 if any row was refused")

    def handle(self, *_args: Any, **options: Any) -> None:
        counts: Counter[str] = Counter()
        started = time.monotonic()
        passed_over = 0
        try:
            if reports.is_report(options["file"]):
                self._book_report(options, counts)
            else:
                passed_over = self._book_tape(options, counts)
        except Refusal as refusal:
            raise CommandError(console.said(refusal)) from None
        self.stdout.write(
            f"{counts['booked']} booked, {counts['known']} booked before,"
            f" {counts['refused']} rows refused, {passed_over} rows that are no trade,"
            f" {time.monotonic() - started:.1f} s"
        )
        if not (counts["booked"] or counts["known"]):
            raise CommandError("nothing could be booked")
        if options["strict"] and counts["refused"]:
            raise CommandError("rows were refused, and --strict was asked for")

    def _book_report(self, options: dict[str, Any], counts: Counter[str]) -> None:
        if options["buyer"] or options["seller"] or options["accounts"]:
            raise CommandError("the file names its own buyers and sellers")
        found = reports.read(options["file"])
        counts["refused"] += self._refuse(found.refused)
        at, cause = timekeeping.now(), report.cause_of("book_trades", [options["file"]])
        if options["whole"]:
            parts = iter([] if found.refused else [reports.book_whole(found, at=at, cause=cause)])
        else:
            parts = reports.book(found, at=at, cause=cause)
        said, done = time.monotonic(), 0
        for part in parts:
            counts["booked"] += part.booked
            counts["known"] += part.known
            counts["refused"] += self._refuse(part.refused)
            done += part.booked + part.known + len(part.refused)
            if time.monotonic() - said >= LINE_SECONDS:
                said = time.monotonic()
                self.stdout.write(f"{done}/{len(found.rows)} trades")
                self.stdout.flush()

    def _book_tape(self, options: dict[str, Any], counts: Counter[str]) -> int:
        sealing.check_story()
        accounts = self._accounts(options)
        booking.check_accounts(accounts)
        tape = tapes.read_tape(options["file"])
        counts["refused"] += self._refuse(tape.refused)
        if tape.trades:
            self._book(tape, accounts, counts)
        return tape.passed_over

    @staticmethod
    def _accounts(options: dict[str, Any]) -> Accounts:
        two = options["buyer"], options["seller"]
        if options["accounts"] is not None and not any(two):
            return booking.read_accounts(options["accounts"])
        if options["accounts"] is None and all(two):
            return booking.two_accounts(buyer=two[0], seller=two[1])
        raise CommandError("give --buyer and --seller, or --accounts")

    def _book(self, tape: Tape, accounts: Accounts, counts: Counter[str]) -> None:
        cause = report.cause_of("book_trades", [Path(tape.file)])
        listed, barred = booking.list_needed(tape, cause=cause)
        first, last = report.moment(tape.trades[0].at), report.moment(tape.trades[-1].at)
        self.stdout.write(
            f"{len(tape.trades)} trades in {len(tape.terms)} instruments, {listed} newly listed;"
            f" {first} to {last}"
        )
        said, done = time.monotonic(), 0
        for step in booking.book(tape, accounts, barred=barred, cause=cause):
            counts["booked"] += step.booked
            counts["known"] += step.known
            counts["refused"] += self._refuse(step.refused)
            done += step.booked + step.known + len(step.refused)
            if time.monotonic() - said >= LINE_SECONDS:
                said = time.monotonic()
                self.stdout.write(f"{report.moment(step.at)} {done}/{len(tape.trades)} trades")
                self.stdout.flush()

    def _refuse(self, rows: Iterable[RowRefused]) -> int:
        refused = list(rows)
        for row in refused:
            self.stderr.write(str(row))
        return len(refused)
