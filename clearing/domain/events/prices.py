"""Facts of sealed prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


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
class PriceSetCorrected:
    """A set was wrong: this one stands in its place for whatever is computed again. Neither changes."""

    NAME: ClassVar[str] = "clearing.price-set-corrected.v1"

    corrects: int  # sequence of the set it stands in for
    price_set: str
    source: str
    at: str
    quotes: int
    simulated: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiriesSettled:
    """Whatever had expired by this price set is settled: the book may be margined on it."""

    NAME: ClassVar[str] = "clearing.expiries-settled.v1"

    price_set: str
    instruments: int
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesResettled:
    """Whatever was settled on a set that was wrong is settled again: who was margined on it may be
    margined on what stands."""

    NAME: ClassVar[str] = "clearing.prices-resettled.v1"

    correction: int  # sequence of the correction
    corrects: int  # of the set it stands in for
    price_set: str
    cycles: int  # that paid differences


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSourceAdmitted:
    """From here on what this source says is heard when a set is made."""

    NAME: ClassVar[str] = "clearing.price-source-admitted.v1"

    source: str
    kind: str  # venue | vendor | own
    weight: int  # in the median; for a quorum one source is one
    quotes: str  # underlyings it may quote, BTC,ETH, or * for all
    reporter: str  # market identifier code whose credential reports for it; "" for files only
    simulated: bool
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSourceSuspended:
    """What it says is kept, and not heard until it is resumed."""

    NAME: ClassVar[str] = "clearing.price-source-suspended.v1"

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSourceResumed:
    NAME: ClassVar[str] = "clearing.price-source-resumed.v1"

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePolicySet:
    """The rules by which observations become a set; clearing.domain.sources says what each means."""

    NAME: ClassVar[str] = "clearing.price-policy-set.v1"

    cadence_seconds: int
    max_age_seconds: int
    quorum_index: int
    quorum_forward: int
    quorum_linear: int
    quorum_option: int
    outlier_band: str
    option_band: str
    option_floor: str
    outlier_mads: int
    divergence_band: str
    jump_band: str
    pegged: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSetDeferred:
    """A window closed and no set could be sealed: nothing is margined on it, and somebody is told."""

    NAME: ClassVar[str] = "clearing.price-set-deferred.v1"

    at: str  # the close of the window
    reason: str
    observations: int
    rejected: int
    evidence: str  # under which its rejections are kept; the hash of what was looked at


ReferenceFact = (
    PriceSetSealed
    | PriceSetCorrected
    | ExpiriesSettled
    | PricesResettled
    | PriceSourceAdmitted
    | PriceSourceSuspended
    | PriceSourceResumed
    | PricePolicySet
    | PriceSetDeferred
)
FACTS: tuple[type, ...] = ReferenceFact.__args__
