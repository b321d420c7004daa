"""manage.py settlement_schedule: when the book is settled."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing.console import HouseCommand
from clearing.services import schedules, timekeeping


class Command(HouseCommand):
    help = (
        "Set when the book is settled: the first price set sealed at or past each slot opens a cycle."
        " Without times and minutes nothing is settled but by settle_cycle."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--times", default="", help="times of day in UTC: 08:00,16:00")
        parser.add_argument(
            "--every", type=int, default=0, metavar="MINUTES", help="counted from midnight"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        done = schedules.set_schedule(
            options["times"],
            interval_minutes=options["every"],
            at=timekeeping.now(),
            cause=self.cause(),
        )
        self.stdout.write("the schedule is set" if done else "that schedule is in force already")
