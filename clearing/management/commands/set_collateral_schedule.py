"""manage.py set_collateral_schedule: what the house takes as collateral, and what it counts for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from clearing import console, selectors
from clearing.console import HouseCommand
from clearing.domain import clock
from clearing.domain.schedule import about
from clearing.services import schedule, timekeeping


class Command(HouseCommand):
    help = (
        "Announce a collateral schedule: a JSON file with `reporting` and, for each asset, whether it"
        " is admitted, its haircut, concentration, wrong-way, depeg and outflow rules and its stress"
        " move; and under `gaps`, for each underlying of leveraged tokens, the worst `move` between"
        " two rebalances and its `source`. Only what differs from what was announced before is"
        " recorded. Changes come into force a day later at the earliest; a first schedule, where it"
        " cuts nothing that is held, and a lower outflow limit do so at once. Setting a schedule again"
        " changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *_args: Any, **options: Any) -> None:
        document = console.json_object(options["file"])

        sequences = schedule.set_schedule(
            document, at=timekeeping.now(), cause=self.cause(options["file"].name[:60])
        )

        for it in selectors.announced():
            if it.sequence in sequences:
                name = it.fact.NAME.removeprefix("clearing.").rpartition(".")[0]
                asset = about(it.fact)
                self.stdout.write(f"{clock.text(it.effective_from)} {asset or '-'} {name}")
        if not sequences:
            self.stdout.write("nothing differs from what was announced")
