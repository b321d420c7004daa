"""manage.py settle_cycle: settle the whole book now, on the latest sealed prices."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError

from clearing import selectors
from clearing.console import HouseCommand
from clearing.services import cycles


class Command(HouseCommand):
    help = (
        "Open an ad hoc settlement cycle on the latest sealed prices, settle every account and close"
        " it. A cycle that was left under way, or is held, is taken up instead; so a run that was"
        " killed is carried on by running it again."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        row = cycles.settle_now(cause=self.cause("cycle"), progress=self._progress)
        if row.state != "closed":
            raise CommandError(f"{row.cycle_id} is {row.state}: {row.reason}")
        self.stdout.write(f"{row.cycle_id} is closed: {row.lines} lines, hash {row.content_hash}")
        digits = selectors.scales()
        for asset, sums in json.loads(row.totals).items():
            shown = {what: selectors.shown(asset, sum_, digits) for what, sum_ in sums.items()}
            self.stdout.write(
                f"  {asset}: paid {shown['paid']}, received {shown['received']},"
                f" rounding {shown['residue']}"
            )

    def _progress(self, done: int, whole: int) -> None:
        self.stderr.write(f"{done} of {whole} accounts settled")
