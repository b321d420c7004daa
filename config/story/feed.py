"""What a story's market is made of."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.domain.events import InstrumentListed
from clearing.domain.prices import PriceSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment: what is listed by then, and its prices."""

    terms: tuple[InstrumentListed, ...]
    prices: PriceSet
