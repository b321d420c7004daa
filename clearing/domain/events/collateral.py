"""Facts of what is paid in, paid out and kept as collateral."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from clearing.domain.entries import CUSTODY, INSURANCE, PENDING, Movement, cash


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralDeposited:
    NAME: ClassVar[str] = "clearing.collateral-deposited.v1"

    account_id: str
    deposit_id: str
    asset: str
    amount: int

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, CUSTODY, cash(self.asset), self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRequested:
    """Encumbered at once; margin decides whether it settles."""

    NAME: ClassVar[str] = "clearing.withdrawal-requested.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int

    def movements(self) -> Iterator[Movement]:
        yield Movement(PENDING, self.account_id, cash(self.asset), self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalSettled:
    NAME: ClassVar[str] = "clearing.withdrawal-settled.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int

    def movements(self) -> Iterator[Movement]:
        yield Movement(CUSTODY, PENDING, cash(self.asset), self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRefused:
    NAME: ClassVar[str] = "clearing.withdrawal-refused.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int
    code: str
    reason: str

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, PENDING, cash(self.asset), self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyCharged:
    """The stated price of being closed by the house; it goes to the insurance account."""

    NAME: ClassVar[str] = "clearing.penalty-charged.v1"

    account_id: str
    asset: str
    amount: int
    reason: str

    def movements(self) -> Iterator[Movement]:
        yield Movement(INSURANCE, self.account_id, cash(self.asset), self.amount)


AccountFact = (
    CollateralDeposited
    | WithdrawalRequested
    | WithdrawalSettled
    | WithdrawalRefused
    | PenaltyCharged
)
FACTS: tuple[type, ...] = AccountFact.__args__
