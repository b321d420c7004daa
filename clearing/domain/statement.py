"""The arithmetic of a statement, and what each of its lines is called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clearing.domain.errors import Refusal

OPENING, MOVEMENT, CLOSING = "opening", "movement", "closing"
# What the outside knows a fact by, the most telling first.
REFERENCES = ("withdrawal_id", "deposit_id", "trade_id", "cycle_id", "case_id", "price_set")
_PLACE = re.compile(r"([0-9]{1,18})\.([\x21-\x7e]{1,70})")


class StatementBroken(Exception):
    """Opening balance and movements do not make the closing balance: never, unless we are wrong."""


class PeriodNotValid(Refusal):
    code = "period-not-valid"
    says = "A period ends after it starts."
    remedy = "Send an end that is later than the start."


class CursorNotValid(Refusal):
    code = "cursor-not-valid"
    says = "This is no cursor of a statement."
    remedy = "Send `next_cursor` of the page before as it stands."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Of a movement in its statement: a fact moves each asset of an account once."""

    sequence: int
    asset: str

    def __str__(self) -> str:
        return f"{self.sequence}.{self.asset}"


def place(text: str) -> Place:
    """Raises CursorNotValid."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise CursorNotValid(field="cursor", got=text[:60])
    return Place(sequence=int(found[1]), asset=found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """As a statement is read aloud; `movement` is the fact and its place, of movements alone."""

    part: str
    asset: str
    amount: int
    balance: int
    movement: Any = None


@dataclass(slots=True)
class Running:
    """Balances by asset while a statement is read from its first line to its last."""

    held: dict[str, int] = field(default_factory=dict)

    def opens(self, asset: str, amount: int) -> Line:
        self.held[asset] = amount
        return Line(part=OPENING, asset=asset, amount=amount, balance=amount)

    def moves(self, asset: str, amount: int) -> int:
        """The balance after it."""
        self.held[asset] = self.held.get(asset, 0) + amount
        return self.held[asset]

    def closes(self, asset: str, amount: int) -> Line:
        """Raises StatementBroken unless opening and movements made exactly this."""
        if self.held.pop(asset, 0) != amount:
            raise StatementBroken(f"{asset} does not close at {amount}")
        return Line(part=CLOSING, asset=asset, amount=amount, balance=amount)

    def ends(self) -> None:
        """Raises StatementBroken if an asset was left open: what closes at nothing has no line."""
        left = {asset: amount for asset, amount in self.held.items() if amount}
        if left:
            raise StatementBroken(f"{', '.join(sorted(left))} has no closing balance")


def check_period(start: datetime | None, end: datetime) -> None:
    """Raises PeriodNotValid."""
    if start is not None and end <= start:
        raise PeriodNotValid(field="to", start=start.isoformat(), end=end.isoformat())


def kind(name: str) -> str:
    """A fact's own name in words: `clearing.trade-novated.v1` is a trade novated.

    So a fact that nobody had thought of when this was written still says what it is.
    """
    parts = name.split(".")
    return parts[1 if len(parts) > 1 else 0].replace("-", " ")


def reference(fact: Any) -> str:
    """The id the outside knows it by; "" where it has none."""
    return next((str(getattr(fact, name)) for name in REFERENCES if getattr(fact, name, "")), "")
