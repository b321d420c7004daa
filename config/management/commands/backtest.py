"""manage.py backtest: a simulation of margin against what coins really did."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing.console import HouseCommand
from config import backtesting
from config.backtesting import THIN, Judged, Outcome
from config.desk import exceedances
from config.desk.exceedances import Day, Window
from config.feeds import closes
from config.feeds.closes import Daily, Read
from margin.engine import backtests, simulation
from margin.engine.histories import HistoryRefused
from margin.engine.reading import ParameterError
from margin.engine.simulation import Simulation

METHOD = Path(simulation.__file__).parents[1] / "methods" / "simulation" / "filtered-es-99.json"
WINDOWS = (
    Window(name="March 2020", first=date(2020, 3, 1), last=date(2020, 3, 31)),
    Window(name="May 2021", first=date(2021, 5, 1), last=date(2021, 5, 31)),
    Window(name="November 2022", first=date(2022, 11, 1), last=date(2022, 11, 30)),
)
APART = 0.02  # sources that differ by more on a day are named
HEAD = (
    f"{'book':<16}{'tests':>6}{'thin':>6} {'':<10}{'over':>5}{'share':>8}{'Kupiec':>9}{'p':>8}"
    f"{'indep.':>9}{'p':>8}{'cond.':>9}{'p':>8}  {'verdict at 5 %'}"
)


class Command(HouseCommand):
    help = (
        "Require margin for books of bitcoin and ether by a simulation, each day from the days before"
        " it alone, and count the days that lost more. FOLDER holds price histories; a return is taken"
        " from the best source that has both its ends, and what was used, refused or disagreed about"
        " is printed first. Exceedances are judged by Kupiec, Christoffersen and both; so are those of"
        " the quantile, because an expected shortfall promises more than its level. Nothing is"
        " recorded and no database is asked."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", type=Path)
        parser.add_argument("--method", type=Path, default=METHOD, metavar="FILE")
        parser.add_argument("--since", type=_day, default=date(2018, 1, 1), metavar="DAY")
        parser.add_argument("--html", type=Path, metavar="OUT", help="write the pictures as a page")

    def handle(self, *_args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder")
        try:
            method = simulation.load(options["method"])
            read = closes.read(folder)
            histories = {it: closes.daily(read.sources, it) for it in closes.ASSETS}
            outcomes = backtesting.tested(histories, method, since=options["since"])
        except (ParameterError, HistoryRefused) as refused:
            raise CommandError(str(refused)) from refused
        words = [*_method(method), *_used(read, histories), *_judged(outcomes), *_windows(outcomes)]
        self.stdout.write("\n".join(words))
        if options["html"]:
            span = (min(it.days[0] for it in outcomes), max(it.days[-1] for it in outcomes))
            pictures = [_drawn(it, span=span) for it in outcomes]
            title = f"Backtest of {method.name}"
            text = exceedances.page(title, pictures=pictures, words="\n".join(words))
            options["html"].write_text(text, encoding="utf-8")
            self.stdout.write(f"{len(pictures)} pictures in {options['html']}")


def _method(method: Simulation) -> Iterator[str]:
    measure, terms = method.measure, method.history
    yield (
        f"method {method.name}: {measure.margin} at {float(measure.level):.4g},"
        f" {measure.quantile} and {measure.shortfall}; {terms.days} day(s) {terms.sampling},"
        f" {terms.least} to {terms.window} scenarios of {terms.returns} returns"
    )


def _used(read: Read, histories: dict[str, Daily]) -> Iterator[str]:
    """What every number below rests on, and what it does not."""
    for asset, found in histories.items():
        yield f"\n{asset}: {len(found.moves)} daily returns"
        for file, group in groupby(found.moves, key=lambda it: it.file):
            some = list(group)
            yield f"  {some[0].day} to {some[-1].day}  {len(some):>5} from {file}"
        if found.missing:
            yield f"  no return for {', '.join(map(str, found.missing))}"
        seen = [it for it in found.moves if it.witness]
        apart = [it for it in seen if it.witness and abs(it.witness[1] - it.value) > APART]
        yield f"  {len(seen)} days have another source; more than {APART:.0%} apart: {len(apart)}"
        for it in apart:
            assert it.witness
            yield f"    {it.day} {it.value:+.2%} used, {it.witness[1]:+.2%} in {it.witness[0]}"
    yield f"\nrows refused: {len(read.refused)}"
    for (file, code, field), count in sorted(
        Counter((it.file, it.code, it.field) for it in read.refused).items()
    ):
        yield f"  {count} {code} {field} in {file}"
    yield from (f"    {it}" for it in read.refused[:10])
    yield "files passed over:"
    yield from (f"  {file}: {why}" for file, why in sorted(read.passed_over.items()))


def _judged(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield f"\nthin: requirements on fewer than {THIN} scenarios\n{HEAD}"
    for it in outcomes:
        thin = int(it.thin.sum())
        yield f"{it.book.name:<16}{len(it.days):>6}{thin:>6} {_line('margin', it.margin)}"
        yield f"{'':<28} {_line('quantile', it.quantile)}"
    yield (
        "an expected shortfall covers more than its level, so few exceed it;"
        " the level is promised by the quantile"
    )
    yield (
        f"\n{'book':<16}{'first test':>11}{'last test':>12}{'average':>9}{'highest':>9}"
        f"{'rise':>11}{'peak/trough':>12}{'Z2':>8}"
    )
    for it in outcomes:
        yield (
            f"{it.book.name:<16}{it.days[0]!s:>11}{it.days[-1]!s:>12}{it.required.mean():>9.2%}{it.required.max():>9.2%}"
            f"{backtests.steepest_rise(it.required, days=1):>11.0%}"
            f"{backtests.peak_to_trough(it.required):>12.1f}{it.shortfall_ratio:>8.2f}"
        )
    for it in outcomes:
        yield f"\n{it.book.name}: losses beyond the margin"
        for row, day in enumerate(it.days):
            if it.margin.exceeded[row]:
                yield (
                    f"  {day} lost {it.loss[row]:.2%}, required {it.required[row]:.2%}"
                    f" on {it.scenarios[row]} scenarios"
                )


def _line(name: str, it: Judged) -> str:
    number, days = int(it.exceeded.sum()), len(it.exceeded)
    said = []
    if it.count.rejects():
        said.append("too few" if number < it.share * days else "too many")
    if it.independent.rejects():
        said.append("in clusters")
    if it.both.rejects():
        said.append("rejected jointly")
    tests = "".join(
        f"{each.statistic:>9.3f}{each.probability:>8.4f}"
        for each in (it.count, it.independent, it.both)
    )
    verdict = ", ".join(said) or "kept"
    return f"{name:<10}{number:>5}{number / days:>8.2%}{tests}  {verdict}; {it.zone.colour}"


def _windows(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The day of each stretch on which margin was shortest, or had least to spare."""
    yield (
        f"\n{'window':<16}{'book':<16}{'tests':>6}{'over':>5}{'shortest day':>14}{'lost':>9}"
        f"{'required':>10}"
    )
    for window in WINDOWS:
        for it in outcomes:
            rows = [n for n, day in enumerate(it.days) if window.first <= day <= window.last]
            if not rows:
                yield f"{window.name:<16}{it.book.name:<16}  not tested: no history to require from"
                continue
            short = max(rows, key=lambda n: it.loss[n] - it.required[n])
            over = sum(bool(it.margin.exceeded[n]) for n in rows)
            yield (
                f"{window.name:<16}{it.book.name:<16}{len(rows):>6}{over:>5}{it.days[short]!s:>14}"
                f"{it.loss[short]:>9.2%}{it.required[short]:>10.2%}"
            )


def _drawn(it: Outcome, *, span: tuple[date, date]) -> str:
    days = [
        Day(
            at=day,
            gain=-float(it.loss[row]),
            required=float(it.required[row]),
            exceeded=bool(it.margin.exceeded[row]),
            thin=bool(it.thin[row]),
        )
        for row, day in enumerate(it.days)
    ]
    key = it.book.name.lower().replace(" ", "-")
    return exceedances.drawn(days, key=key, title=it.book.name, span=span, windows=WINDOWS)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is no day, such as 2018-01-01") from None
