"""The balanced effects of a fact: who has what more, and who has it less.

A fact that moves something says so itself, as movements from one account to another; each is two
entries. So the amounts of each asset in one fact sum to zero, and so does every column of the book.
The house's own accounts take the other side; they are summed from entries and never kept as a row
that every trade would update.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

CUSTODY = "ccp-custody"  # what the custodian holds for us, negative by that much
NOVATION = "ccp-novation"  # the house between buyer and seller: zero after every trade
PENDING = "ccp-pending"  # withdrawals asked for and not yet decided
INSURANCE = "ccp-insurance"  # penalties
SETTLEMENT = "ccp-settlement"  # what a cycle pays and receives: zero whenever one closes
ROUNDING = "ccp-rounding"  # what is left where amounts do not divide, and nothing else
FEES = "ccp-fees"  # what members are charged for trading
HOUSE_ACCOUNTS = (CUSTODY, NOVATION, PENDING, INSURANCE, SETTLEMENT, ROUNDING, FEES)


class Movement(NamedTuple):  # a tuple, since they come by the hundred thousand
    """`amount` of an asset goes from `source` to `to`; backwards when it is negative."""

    to: str
    source: str
    asset: str  # lots:<symbol>, cost:<symbol> or cash:<asset>
    amount: int


@runtime_checkable
class Moves(Protocol):
    """A fact that moves something."""

    def movements(self) -> Iterator[Movement]: ...


class Entry(NamedTuple):
    account: str
    asset: str
    amount: int


def lots(symbol: str) -> str:
    return f"lots:{symbol}"


def cost(symbol: str) -> str:
    return f"cost:{symbol}"


def cash(asset: str) -> str:
    return f"cash:{asset}"


def effects(fact: Any) -> tuple[Entry, ...]:
    """Entries of any app's fact; most facts move nothing. Nothing moves by zero."""
    movements = getattr(fact, "movements", None)  # asking whether it is a `Moves` takes far longer
    if movements is None:
        return ()
    return tuple(
        entry
        for moved in movements()
        if moved.amount
        for entry in (
            Entry(moved.to, moved.asset, moved.amount),
            Entry(moved.source, moved.asset, -moved.amount),
        )
    )
