"""manage.py set_price_policy: the rules by which observations become a set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from clearing import console, selectors
from clearing.console import HouseCommand
from clearing.domain import sources
from clearing.services import observing, timekeeping


class Command(HouseCommand):
    help = (
        "Set the price policy from a JSON object: cadence_seconds, max_age_seconds, quorum_index,"
        " quorum_forward, quorum_linear, quorum_option, outlier_mads (whole numbers), outlier_band,"
        " option_band, option_floor, divergence_band, jump_band (shares, as text), pegged"
        ' ("USDC,USDT"). What is left out has its default. Without a file the policy in force is'
        " printed, or the defaults where there is none. Setting the same again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["file"] is None:
            policy = selectors.price_policy()
            if policy is None:
                self.stderr.write("none is in force: whole sets of one feed are sealed; defaults:")
            shown = sources.spelled(policy or sources.PricePolicy())
            self.stdout.write(json.dumps(shown, indent=2))
            return
        policy = sources.policy_of(dict(console.json_object(options["file"])))
        done = observing.set_price_policy(policy, at=timekeeping.now(), cause=self.cause())
        self.stdout.write(f"price policy {'set' if done else 'was in force already'}")
