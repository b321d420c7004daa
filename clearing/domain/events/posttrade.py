"""Facts of what becomes of a trade after it is registered, and of positions that change accounts.

Lots and values are signed as the account has them more: `value` is what the lots were traded for, in
minor units of the settlement asset, so cash - cost of the account changes by exactly minus it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from clearing.domain.entries import NOVATION, ROUNDING, Movement, cash, cost, lots


def _through_the_house(it: LegMoved | LegUnwound) -> Iterator[Movement]:
    yield Movement(it.account_id, NOVATION, cash(it.settlement), it.cash)
    if it.underlying:
        yield Movement(it.account_id, NOVATION, cash(it.underlying), it.delivered)
    else:
        yield Movement(it.account_id, NOVATION, lots(it.symbol), it.lots)
        yield Movement(it.account_id, NOVATION, cost(it.symbol), it.cost)


# --- on account streams -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMoved:
    """Lots of one leg came to an account, or left it, at what they were traded for."""

    NAME: ClassVar[str] = "clearing.leg-moved.v1"

    account_id: str
    counterpart: str  # the account on the other side of the move
    why: str  # allocation | allocation-cancelled | give-up | average-price
    move_id: str  # of the allocation, give-up or group
    venue: str
    trade_id: str
    side: str  # of the trade: bought | sold
    symbol: str
    lots: int
    value: int
    settlement: str
    cash: int
    cost: int
    underlying: str  # "" unless spot
    delivered: int

    def movements(self) -> Iterator[Movement]:
        return _through_the_house(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegUnwound:
    """A busted trade leaves whoever has a part of it now, at what that account had it for."""

    NAME: ClassVar[str] = "clearing.leg-unwound.v1"

    account_id: str
    venue: str
    trade_id: str
    side: str
    symbol: str
    lots: int
    value: int
    settlement: str
    cash: int
    cost: int
    underlying: str
    delivered: int

    def movements(self) -> Iterator[Movement]:
        return _through_the_house(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMoved:
    """Lots of a position changed accounts, whatever trades they came from.

    `why` is transfer; or port, where the trades' parts go along at what is carried for them; or
    succession, where the other account answers for those trades as if it had made them.
    """

    NAME: ClassVar[str] = "clearing.position-moved.v1"

    account_id: str
    counterpart: str
    gives: bool  # whether this is the account the lots came from
    why: str
    move_id: str
    symbol: str
    lots: int
    value: int
    settlement: str
    cash: int
    cost: int

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, NOVATION, cash(self.settlement), self.cash)
        yield Movement(self.account_id, NOVATION, lots(self.symbol), self.lots)
        yield Movement(self.account_id, NOVATION, cost(self.symbol), self.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralPorted:
    NAME: ClassVar[str] = "clearing.collateral-ported.v1"

    account_id: str
    counterpart: str
    move_id: str
    asset: str
    amount: int

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, NOVATION, cash(self.asset), self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPorted:
    """All an account had open went to another, in one decision; its effects are facts of their own."""

    NAME: ClassVar[str] = "clearing.account-ported.v1"

    account_id: str
    to_account: str
    move_id: str
    positions: int
    balances: int  # assets that went along; without collateral, 0
    succession: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionTransferRequested:
    NAME: ClassVar[str] = "clearing.position-transfer-requested.v1"

    account_id: str
    handover_id: str
    from_member: str
    to_member: str
    symbol: str
    lots: int
    price_ticks: int
    at_cost: bool  # at what is carried for the lots, and no cash moves; else at the price
    deadline_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionTransferEnded:
    NAME: ClassVar[str] = "clearing.position-transfer-ended.v1"

    account_id: str
    handover_id: str
    outcome: str  # claimed | rejected | cancelled | expired
    to_account: str  # "" unless claimed
    reason: str


# --- on the trade's own stream ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAllocated:
    NAME: ClassVar[str] = "clearing.leg-allocated.v1"

    allocation_id: str
    venue: str
    trade_id: str
    side: str
    symbol: str
    from_account: str
    lots: int  # in all
    shares: int  # to how many accounts
    deadline_at: str  # until when it may be taken back


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationCancelled:
    NAME: ClassVar[str] = "clearing.allocation-cancelled.v1"

    allocation_id: str
    venue: str
    trade_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUpRequested:
    """The lots stay with the executing account until the carrying member claims them."""

    NAME: ClassVar[str] = "clearing.give-up-requested.v1"

    handover_id: str
    venue: str
    trade_id: str
    side: str
    symbol: str
    lots: int
    from_account: str
    from_member: str
    to_member: str
    executed_at: str
    deadline_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUpEnded:
    NAME: ClassVar[str] = "clearing.give-up-ended.v1"

    handover_id: str
    venue: str
    trade_id: str
    outcome: str  # claimed | rejected | cancelled | expired
    to_account: str  # "" unless claimed
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeBusted:
    """As if it had never been: whoever has a part of it now gives it back."""

    NAME: ClassVar[str] = "clearing.trade-busted.v1"

    venue: str
    trade_id: str
    reason: str
    settlement: str
    residue: int  # what rounding left where an expired contract was settled again, part by part

    def movements(self) -> Iterator[Movement]:
        yield Movement(NOVATION, ROUNDING, cash(self.settlement), self.residue)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeCorrected:
    """Unwound like a busted one, and registered again on other terms in the same decision."""

    NAME: ClassVar[str] = "clearing.trade-corrected.v1"

    venue: str
    trade_id: str
    replaced_by: str  # trade id at the same venue
    reason: str
    settlement: str
    residue: int  # as of a bust

    def movements(self) -> Iterator[Movement]:
        yield Movement(NOVATION, ROUNDING, cash(self.settlement), self.residue)


# --- on a group's own stream --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePriced:
    """Executions of one side became one lot of the average price, all of it allocated.

    The average is value / lots, exactly, as a rational number.
    """

    NAME: ClassVar[str] = "clearing.average-priced.v1"

    group_id: str
    from_account: str
    symbol: str
    settlement: str
    side: str
    trades: int
    shares: int
    lots: int
    value: int


AccountFact = (
    LegMoved
    | LegUnwound
    | PositionMoved
    | CollateralPorted
    | AccountPorted
    | PositionTransferRequested
    | PositionTransferEnded
)
FACTS: tuple[type, ...] = (
    *AccountFact.__args__,
    LegAllocated,
    AllocationCancelled,
    GiveUpRequested,
    GiveUpEnded,
    TradeBusted,
    TradeCorrected,
    AveragePriced,
)
