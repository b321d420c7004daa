"""What can make an account owe anything: positions, what they still carry, and debts.

A requirement stands against that. Collateral alone loses nobody but its owner anything, however
little of it counts: who has only collateral must hold nothing, and nobody calls him.
"""

from __future__ import annotations

from collections.abc import Iterable

from clearing.domain import entries

OWED = (entries.lots(""), entries.cost(""))
CASH = entries.cash("")


def is_exposed(asset: str, amount: int) -> bool:
    """Whether one entry of a book puts its account at risk: lots or cost either way, or a debit."""
    return (amount != 0 and asset.startswith(OWED)) or (amount < 0 and asset.startswith(CASH))


def exposed_rows(rows: Iterable[int], assets: Iterable[str], amounts: Iterable[int]) -> set[int]:
    """Of a book in columns: the rows that have anything at risk."""
    entries_ = zip(rows, assets, amounts, strict=True)
    return {row for row, asset, amount in entries_ if is_exposed(asset, amount)}
