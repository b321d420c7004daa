"""manage.py load_chain: an exchange's option chain becomes instruments and sealed price sets."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clearing import console, selectors
from clearing.domain.cause import Cause
from clearing.domain.clock import ClockIsLive
from clearing.domain.errors import Refusal
from config.feeds import candles, chains, deribit, layouts, report, sealing
from config.feeds.chains import Chain
from config.feeds.sealing import Became
from config.feeds.snapshots import Snapshot
from config.feeds.tables import RowRefused

POLL_SECONDS = 0.1


class Command(BaseCommand):
    """Good rows are sealed, bad ones listed on stderr as file:line instrument code field: why."""

    help = (
        "Turn option chains into instruments and sealed price sets, one per snapshot, in time"
        " order, under business time. Known layouts, plain or gzip: "
        + "; ".join(form.title for form in layouts.FORMS)
        + ". Files may overlap and come in any order. What was sealed before is not sealed again."
        " Exit code 1 when nothing is sealed, or with --strict when any row was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--candles",
            type=Path,
            action="append",
            help="candles of the perpetuals; by default the candle files beside the given files",
        )
        parser.add_argument("--since", type=_time, help="from this day or time on (UTC)")
        parser.add_argument("--until", type=_time, help="before this day or time (UTC)")
        parser.add_argument("--currency", choices=sorted(deribit.SIZES), help="this one alone")
        parser.add_argument(
            "--list-only", action="store_true", help="list the instruments, seal no prices"
        )
        parser.add_argument(
            "--max-refusals", type=int, metavar="N", help="stop once more than N rows are refused"
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="after each snapshot, wait so long for workers to finish what it led to",
        )
        parser.add_argument("--strict", action="store_true", help="exit 1 if any row was refused")

    def handle(self, *_args: Any, **options: Any) -> None:
        self._counts: Counter[str] = Counter()
        self._most = options["max_refusals"]
        started = time.monotonic()
        try:
            sealing.check_story()
            chain = self._chain(options)
            self._load(chain, options)
        except Refusal as refusal:
            raise CommandError(console.said(refusal)) from None
        self._conclude(seconds=time.monotonic() - started, options=options)

    def _chain(self, options: dict[str, Any]) -> Chain:
        beside = options["candles"] or candles.candle_files(options["files"])
        prices = candles.read_candles(beside)
        chain = chains.read_chain(
            options["files"],
            candles=prices,
            since=options["since"],
            until=options["until"],
            currency=options["currency"],
        )
        named = ", ".join(path.name for path in beside) or "none: perpetuals are left out"
        self.stdout.write(f"Snapshots to load: {len(chain.times)}; candles: {named}")
        self._refuse([*prices.refused, *chain.strays])
        return chain

    def _load(self, chain: Chain, options: dict[str, Any]) -> None:
        cause = report.cause_of("load_chain", options["files"])
        started = time.monotonic()
        for number, snapshot in enumerate(chain, start=1):
            self._refuse(snapshot.refused)
            place = f"{report.moment(snapshot.at)} {number}/{len(chain.times)}"
            try:
                became = self._take(snapshot, list_only=options["list_only"], cause=cause)
            except ClockIsLive:
                raise
            except Refusal as refusal:
                self._counts["refused sets"] += 1
                self.stderr.write(f"{place} not sealed: {console.said(refusal)}")
                continue
            if options["wait"] and not self._settled(within=options["wait"]):
                raise CommandError(
                    f"{place}: {selectors.open_jobs()} jobs are still open after"
                    f" {options['wait']:g} s; are workers running?"
                )
            seconds, started = time.monotonic() - started, time.monotonic()
            self.stdout.write(
                f"{place} rows {snapshot.rows} {became}{_indices(snapshot)} {seconds:.2f} s"
            )
            self.stdout.flush()

    def _take(self, snapshot: Snapshot, *, list_only: bool, cause: Cause) -> str:
        if list_only:
            return self._list(snapshot, cause=cause)
        outcome = sealing.seal_snapshot(snapshot, cause=cause)
        self._refuse(outcome.refused)
        self._counts[outcome.became] += 1
        self._counts["listed"] += outcome.listed
        missing = f" without {', '.join(snapshot.missing)}" if snapshot.missing else ""
        return f"{outcome.became} {outcome.quotes} quotes, {outcome.listed} listed{missing}"

    def _list(self, snapshot: Snapshot, *, cause: Cause) -> str:
        others, refused = sealing.other_contracts(
            snapshot.terms, places=snapshot.places, assets=deribit.ASSETS
        )
        self._refuse(refused)
        terms = {symbol: it for symbol, it in snapshot.terms.items() if symbol not in others}
        listed = sealing.list_for(terms, assets=deribit.ASSETS, at=snapshot.at, cause=cause)
        self._counts["listed"] += listed
        self._counts["read"] += bool(terms)
        return f"{listed} listed"

    def _refuse(self, rows: Iterable[RowRefused]) -> None:
        for row in rows:
            self._counts["refused rows"] += 1
            self.stderr.write(str(row))
        if self._most is not None and self._counts["refused rows"] > self._most:
            raise CommandError(
                f"more than {self._most} rows are refused; stopped. {self._summary()}"
            )

    @staticmethod
    def _settled(*, within: float) -> bool:
        end = time.monotonic() + within
        while selectors.open_jobs():
            if time.monotonic() > end:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _conclude(self, *, seconds: float, options: dict[str, Any]) -> None:
        self.stdout.write(f"{self._summary()}, {seconds:.1f} s")
        counts = self._counts
        if not (counts[Became.SEALED] or counts[Became.KNOWN] or counts["read"]):
            raise CommandError("nothing could be sealed")
        if options["strict"] and (counts["refused rows"] or counts["refused sets"]):
            raise CommandError("rows were refused, and --strict was asked for")

    def _summary(self) -> str:
        counts = self._counts
        return (
            f"{counts[Became.SEALED]} sealed, {counts[Became.KNOWN]} sealed before,"
            f" {counts[Became.EMPTY]} empty, {counts['refused sets']} sets refused,"
            f" {counts['listed']} instruments listed, {counts['refused rows']} rows refused"
        )


def _indices(snapshot: Snapshot) -> str:
    return "".join(f" {coin} {index}" for coin, index in sorted(snapshot.prices.indices.items()))


def _time(text: str) -> datetime:
    try:
        return report.period(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is no day or time, such as 2026-02-05T12:00") from None
