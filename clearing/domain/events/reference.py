"""Facts of what may be held and traded, of business time and the house's rules."""

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


ReferenceFact = (
    ClockAdvanced
    | PolicySet
    | AssetAdmitted
    | InstrumentListed
    | InstrumentHalted
    | InstrumentResumed
    | InstrumentExpired
)
FACTS: tuple[type, ...] = ReferenceFact.__args__
