"""A member's program: asks for one thing after another, and notes what was answered, outside the house.

Run as a process of its own, so that it can be killed: `python -m tests.faults.writer NOTES NUMBER`.
A line "asked KEY" is on disk before the question, "taken KEY SEQUENCE" after the answer. Started
again it first repeats whatever it asked and has no answer to, as any client must.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import chain
from pathlib import Path

import django
from django.db import OperationalError, connection
from django.db.utils import InterfaceError

NOT_NOW = (OperationalError, InterfaceError)


def main() -> None:
    django.setup()
    notes, number = Path(sys.argv[1]), sys.argv[2]
    asked, taken = read(notes)
    with notes.open("a", buffering=1) as pen:
        for key in chain(sorted(asked - taken.keys()), keys(number, len(asked))):
            if key not in asked:
                note(pen, f"asked {key}")
            note(pen, f"taken {key} {until_answered(key)}")


def keys(number: str, start: int):
    """Without end: whoever started it kills it."""
    while True:
        yield f"w{number}-{start}"
        start += 1


def read(notes: Path) -> tuple[set[str], dict[str, int]]:
    """What was asked, and what was answered; a line that was cut short says nothing."""
    asked: set[str] = set()
    taken: dict[str, int] = {}
    if not notes.exists():
        return asked, taken
    for line in notes.read_text().splitlines():
        match line.split():
            case ["asked", key]:
                asked.add(key)
            case ["taken", key, sequence]:
                taken[key] = int(sequence)
    return asked, taken


def note(pen, line: str) -> None:
    pen.write(line + "\n")
    os.fsync(pen.fileno())


def until_answered(key: str) -> int:
    """A server that is away comes back; the same key asks the same thing."""
    while True:
        try:
            return ask(key)
        except NOT_NOW:
            connection.close()
            time.sleep(0.05)


def ask(key: str) -> int:
    """A deposit, or a trade between two accounts, by the last digit of the key."""
    from clearing.services import collateral, timekeeping, trades
    from tests.builders import CAUSE, a_trade

    at = timekeeping.now()
    if key.endswith(("1", "4", "7")):
        buyer, seller = ("NORTH-1", "SOUTH-1") if key.endswith("1") else ("SOUTH-1", "NORTH-1")
        report = a_trade(trade_id=key, quantity="0.01", buyer=buyer, seller=seller)
        return trades.novate(report, at=at, cause=CAUSE)
    return collateral.deposit("SOUTH-1", key=key, asset="USDC", amount="1", at=at, cause=CAUSE)


if __name__ == "__main__":
    main()
