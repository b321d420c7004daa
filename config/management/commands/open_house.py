"""manage.py open_house: a house of your own, from one file."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from clearing import selectors
from clearing.console import HouseCommand
from clearing.domain import clock
from clearing.domain.cause import Cause
from clearing.services import timekeeping
from config import opening
from config.feeds import report


class Command(HouseCommand):
    help = (
        "Open a house from a JSON file: admit its assets, set its policy, put its margin parameters"
        " in force, open the house's own accounts, admit its members and open their accounts. The"
        " layout is that of config/story/cast.json; parameters names a file beside FILE or in"
        " margin/methods. What only a story needs (venue; deposits, reserve, legs and counterparty"
        " of accounts) is passed over: money comes in by a custodian's confirmation, trades by a"
        " venue's. Anything else that is not known is refused, and then nothing is written. One"
        " line is printed for each thing newly done. Run again, it adds what is new in the file and"
        " puts its policy and parameters in force if others are; nothing is ever taken away. If"
        " business time has not started, it is started: by the wall clock, or with --story."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--story",
            type=_time,
            metavar="TIME",
            help="start a story's clock at this day or time (UTC), for past or simulated markets;"
            " without it the wall clock feeds business time. A clock that runs is left alone",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        found = opening.read(options["file"])
        cause = self.cause(options["file"].name[:60])
        done: list[str] = []

        def now() -> datetime:
            del done[:]  # a decision may be tried again
            done.extend(_start_clock(options["story"], cause=cause))
            return timekeeping.now()

        said = opening.admit(found, now=now, cause=cause)
        for line in (*done, *said):
            self.stdout.write(line)
        if not (done or said):
            self.stdout.write("nothing to do: the house is as the file says")


def _start_clock(story: datetime | None, *, cause: Cause) -> list[str]:
    """What was done. Raises ClockIsLive when a story is asked for and the wall clock feeds time."""
    row = selectors.business_clock()
    if row is not None:
        if story is not None and row.mode == clock.LIVE:
            raise clock.ClockIsLive(mode=row.mode)
        return []
    if story is None:
        timekeeping.tick(cause=cause)
        return ["business time started, fed by the wall clock"]
    timekeeping.advance(story, cause=cause)
    return [f"business time started at {clock.text(story)}, fed by a story"]


def _time(text: str) -> datetime:
    try:
        return report.period(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day or time") from None
