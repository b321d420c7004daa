"""manage.py audit: what is always true must be true."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from clearing import selectors
from clearing.console import HouseCommand
from clearing.services import auditor, timekeeping


class Command(HouseCommand):
    help = (
        "Do the continuous auditor's round now: every fact balances, every column sums to zero,"
        " holdings are the sum of their entries, accounts stand at their streams' heads. What is"
        " violated is recorded and halts withdrawals. The exit code is 1 if anything is."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        violated = auditor.audit(at=timekeeping.now(), cause=self.cause())
        for row in selectors.violations():
            self.stdout.write(f"{row.invariant}: {row.subject}: {row.says}", self.style.ERROR)
        if violated:
            raise CommandError(f"{violated} violated; withdrawals are halted")
        self.stdout.write("nothing is violated", self.style.SUCCESS)
