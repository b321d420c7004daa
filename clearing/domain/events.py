"""The facts this app records.

A fact holds only strings, integers and booleans, so its JSON is obvious and its hash is stable.
Decimals are spelled as strings, times as RFC 3339 in UTC, money as minor units of a named asset.
A published fact never changes; `manage.py event_catalogue` freezes their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAdvanced:
    NAME: ClassVar[str] = "clearing.clock-advanced.v1"

    mode: str  # live | story
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """House rules that decisions read: how old a price may be, for one."""

    NAME: ClassVar[str] = "clearing.policy-set.v1"

    price_max_age_seconds: int
    penalty_rate: str  # of traded notional, when the house closes positions
    price_band: str  # share a trade's price may be away from the sealed mark; 0 for any
    margin_period_seconds: int  # how often all accounts are margined without other cause


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetAdmitted:
    """A currency or token the ledger may hold."""

    NAME: ClassVar[str] = "clearing.asset-admitted.v1"

    asset: str
    scale: int  # decimal digits of its minor unit
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentListed:
    NAME: ClassVar[str] = "clearing.instrument-listed.v1"

    symbol: str
    kind: str
    payoff: str
    underlying: str
    quote: str
    settlement: str
    lot_size: str
    tick_size: str
    expiry_at: str  # "" for what has none
    strike: str  # "" unless an option
    option_type: str  # call | put | ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentHalted:
    NAME: ClassVar[str] = "clearing.instrument-halted.v1"

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentResumed:
    NAME: ClassVar[str] = "clearing.instrument-resumed.v1"

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentExpired:
    """The final price; each holder's account then records its own settlement."""

    NAME: ClassVar[str] = "clearing.instrument-expired.v1"

    symbol: str
    index: str
    price_set: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSetSealed:
    """A price set is immutable and named by the hash of its content."""

    NAME: ClassVar[str] = "clearing.price-set-sealed.v1"

    price_set: str
    source: str
    at: str
    quotes: int
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiriesSettled:
    """Whatever had expired by this price set is settled: the book may be margined on it."""

    NAME: ClassVar[str] = "clearing.expiries-settled.v1"

    price_set: str
    instruments: int
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened:
    NAME: ClassVar[str] = "clearing.account-opened.v1"

    account_id: str
    member_id: str
    kind: str  # house | client | backstop | clearinghouse
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSuspended:
    """From here on it may only shed risk."""

    NAME: ClassVar[str] = "clearing.account-suspended.v1"

    account_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReinstated:
    NAME: ClassVar[str] = "clearing.account-reinstated.v1"

    account_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClosed:
    NAME: ClassVar[str] = "clearing.account-closed.v1"

    account_id: str
    reason: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralDeposited:
    NAME: ClassVar[str] = "clearing.collateral-deposited.v1"

    account_id: str
    deposit_id: str
    asset: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRequested:
    """Encumbered at once; margin decides whether it settles."""

    NAME: ClassVar[str] = "clearing.withdrawal-requested.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalSettled:
    NAME: ClassVar[str] = "clearing.withdrawal-settled.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRefused:
    NAME: ClassVar[str] = "clearing.withdrawal-refused.v1"

    account_id: str
    withdrawal_id: str
    asset: str
    amount: int
    code: str
    reason: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyCharged:
    """The stated price of being closed by the house; it goes to the insurance account."""

    NAME: ClassVar[str] = "clearing.penalty-charged.v1"

    account_id: str
    asset: str
    amount: int
    reason: str


AccountFact = (
    AccountOpened
    | AccountSuspended
    | AccountReinstated
    | AccountClosed
    | TradeNovated
    | CollateralDeposited
    | WithdrawalRequested
    | WithdrawalSettled
    | WithdrawalRefused
    | ContractSettled
    | PenaltyCharged
)
ReferenceFact = (
    ClockAdvanced
    | PolicySet
    | AssetAdmitted
    | InstrumentListed
    | InstrumentHalted
    | InstrumentResumed
    | InstrumentExpired
    | PriceSetSealed
    | ExpiriesSettled
)
FACTS: tuple[type, ...] = (*AccountFact.__args__, *ReferenceFact.__args__)
