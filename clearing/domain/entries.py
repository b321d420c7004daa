"""The balanced effects of a fact: who has what more, and who has it less.

Every fact that moves something moves it between two accounts, so the amounts of each asset in one
fact sum to zero, and so does every column of the book. The house's own accounts take the other
side; they are summed from entries and never kept as a row that every trade would update.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clearing.domain import events

CUSTODY = "ccp-custody"  # what the custodian holds for us, negative by that much
NOVATION = "ccp-novation"  # the house between buyer and seller: zero after every trade
PENDING = "ccp-pending"  # withdrawals asked for and not yet decided
INSURANCE = "ccp-insurance"  # penalties
HOUSE_ACCOUNTS = (CUSTODY, NOVATION, PENDING, INSURANCE)


@dataclass(frozen=True, slots=True)
class Entry:
    account: str
    asset: str  # lots:<symbol>, cost:<symbol> or cash:<asset>
    amount: int


def lots(symbol: str) -> str:
    return f"lots:{symbol}"


def cost(symbol: str) -> str:
    return f"cost:{symbol}"


def cash(asset: str) -> str:
    return f"cash:{asset}"


def effects(fact: Any) -> tuple[Entry, ...]:
    """Entries of any app's fact; most facts move nothing. Nothing moves by zero."""
    return tuple(entry for entry in _effects(fact) if entry.amount)


def _effects(fact: Any) -> Iterator[Entry]:
    match fact:
        case events.TradeNovated():
            yield from _between(fact.account_id, NOVATION, cash(fact.settlement), fact.cash)
            if fact.underlying:
                yield from _between(
                    fact.account_id, NOVATION, cash(fact.underlying), fact.delivered
                )
            else:
                yield from _between(fact.account_id, NOVATION, lots(fact.symbol), fact.lots)
                yield from _between(fact.account_id, NOVATION, cost(fact.symbol), fact.cost)
        case events.CollateralDeposited():
            yield from _between(fact.account_id, CUSTODY, cash(fact.asset), fact.amount)
        case events.WithdrawalRequested():
            yield from _between(PENDING, fact.account_id, cash(fact.asset), fact.amount)
        case events.WithdrawalSettled():
            yield from _between(CUSTODY, PENDING, cash(fact.asset), fact.amount)
        case events.WithdrawalRefused():
            yield from _between(fact.account_id, PENDING, cash(fact.asset), fact.amount)
        case events.ContractSettled():
            yield from _between(fact.account_id, NOVATION, lots(fact.symbol), -fact.lots)
            yield from _between(fact.account_id, NOVATION, cost(fact.symbol), -fact.cost)
            yield from _between(fact.account_id, NOVATION, cash(fact.settlement), fact.cash)
        case events.PenaltyCharged():
            yield from _between(INSURANCE, fact.account_id, cash(fact.asset), fact.amount)
        case _:
            return


def _between(to: str, source: str, asset: str, amount: int) -> Iterator[Entry]:
    yield Entry(to, asset, amount)
    yield Entry(source, asset, -amount)
