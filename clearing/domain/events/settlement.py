"""Facts of what contracts pay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from clearing.domain.entries import NOVATION, Movement, cash, cost, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSettled:
    """A dated contract is paid out in cash and leaves the account."""

    NAME: ClassVar[str] = "clearing.contract-settled.v1"

    account_id: str
    symbol: str
    settlement: str
    lots: int  # what the account held
    cost: int  # what it was carried at
    cash: int  # lots x payout - cost
    price_set: str

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, NOVATION, lots(self.symbol), -self.lots)
        yield Movement(self.account_id, NOVATION, cost(self.symbol), -self.cost)
        yield Movement(self.account_id, NOVATION, cash(self.settlement), self.cash)


AccountFact = ContractSettled
FACTS: tuple[type, ...] = (ContractSettled,)
