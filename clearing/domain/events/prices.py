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


ReferenceFact = PriceSetSealed | PriceSetCorrected | ExpiriesSettled
FACTS: tuple[type, ...] = ReferenceFact.__args__
