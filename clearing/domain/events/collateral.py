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
class CollateralLocated:
    """A lot lies with this custodian from now on. A fact of its own: collateral may be moved from
    one to another and stays whose it was."""

    NAME: ClassVar[str] = "clearing.collateral-located.v1"

    account_id: str
    lot_id: str
    custodian: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalApproved:
    """The account keeps its initial level without the money: by `free`, and by `stressed_free` if
    prices move against it as far as the schedule says; minor units of `reporting`."""

    NAME: ClassVar[str] = "clearing.withdrawal-approved.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int
    run_id: str
    reporting: str
    free: int
    stressed_free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalInstructed:
    """The custodian is asked to pay, and nothing leaves before it confirms."""

    NAME: ClassVar[str] = "clearing.withdrawal-instructed.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalConfirmed:
    """The custodian stands ready to pay; whether it may is tested once more."""

    NAME: ClassVar[str] = "clearing.withdrawal-confirmed.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int
    custodian: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalDelayed:
    """It may leave, and not before `goes_at`: too much has left in the hour already."""

    NAME: ClassVar[str] = "clearing.withdrawal-delayed.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int
    goes_at: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstitutionProposed:
    """`amount` of `asset` is to leave once `incoming_amount` of `incoming` has arrived; until then it
    is promised, and still counts."""

    NAME: ClassVar[str] = "clearing.substitution-proposed.v1"

    account_id: str
    substitution_id: str
    asset: str
    amount: int
    incoming: str
    incoming_amount: int
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstitutionCovered:
    """What comes in has arrived, as a deposit of its own."""

    NAME: ClassVar[str] = "clearing.substitution-covered.v1"

    account_id: str
    substitution_id: str
    custodian: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstitutionDelayed:
    """As a withdrawal is: it counts as an outflow like any other."""

    NAME: ClassVar[str] = "clearing.substitution-delayed.v1"

    account_id: str
    substitution_id: str
    goes_at: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstitutionSettled:
    """What was promised leaves; what counts, in minor units of `reporting`, is no less than before
    the other came in."""

    NAME: ClassVar[str] = "clearing.substitution-settled.v1"

    account_id: str
    substitution_id: str
    asset: str
    amount: int
    reporting: str
    eligible_before: int
    eligible_after: int

    def movements(self) -> Iterator[Movement]:
        yield Movement(CUSTODY, self.account_id, cash(self.asset), self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstitutionRefused:
    """What was promised is free again; what came in stays as the deposit it is."""

    NAME: ClassVar[str] = "clearing.substitution-refused.v1"

    account_id: str
    substitution_id: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstitutionExpired:
    NAME: ClassVar[str] = "clearing.substitution-expired.v1"

    account_id: str
    substitution_id: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstitutionCancelled:
    """By the member, before it settled."""

    NAME: ClassVar[str] = "clearing.substitution-cancelled.v1"

    account_id: str
    substitution_id: str


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
    | WithdrawalApproved
    | WithdrawalInstructed
    | WithdrawalConfirmed
    | WithdrawalDelayed
    | CollateralLocated
    | SubstitutionProposed
    | SubstitutionCovered
    | SubstitutionDelayed
    | SubstitutionSettled
    | SubstitutionRefused
    | SubstitutionExpired
    | SubstitutionCancelled
    | PenaltyCharged
)
FACTS: tuple[type, ...] = AccountFact.__args__
