"""Facts of trades, each leg with its effects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from clearing.domain.entries import NOVATION, Movement, cash, cost, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeNovated:
    """One side of a trade now faces the house instead of the other member."""

    NAME: ClassVar[str] = "clearing.trade-novated.v1"

    account_id: str
    trade_id: str
    venue: str
    symbol: str
    lots: int  # signed: bought is positive
    price_ticks: int
    settlement: str
    cash: int  # premium, price of a spot purchase, or gain realised by a reduction
    cost: int  # change of what the position was bought for; futures and perpetuals only
    underlying: str  # "" unless spot: the asset that changes hands
    delivered: int  # spot: minor units of it

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, NOVATION, cash(self.settlement), self.cash)
        if self.underlying:
            yield Movement(self.account_id, NOVATION, cash(self.underlying), self.delivered)
        else:
            yield Movement(self.account_id, NOVATION, lots(self.symbol), self.lots)
            yield Movement(self.account_id, NOVATION, cost(self.symbol), self.cost)


AccountFact = TradeNovated
FACTS: tuple[type, ...] = (TradeNovated,)
