"""manage.py decode_blocks: make the columns that replays read, where a block has none."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from clearing.console import HouseCommand
from clearing.services import decoding


class Command(HouseCommand):
    help = (
        "Make the columns of every block that has none of this code's decoder: those sealed before"
        " there were columns, by older code, or with facts that the code of the day could not read."
        " Neither blocks nor their roots change. Running it again does nothing."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        made, unreadable = decoding.decode_blocks()
        self.stdout.write(f"{made} blocks decoded")
        if unreadable:
            listed = ", ".join(map(str, unreadable[:20]))
            raise CommandError(
                f"{len(unreadable)} blocks hold facts this code cannot read: {listed}"
            )
