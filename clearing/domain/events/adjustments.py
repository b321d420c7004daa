"""Facts of what contracts and assets are called by others, and of terms that change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from clearing.domain.entries import NOVATION, Movement, cost, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetDescribed:
    """What kind of asset it is and which codes it has; the latest fact counts, "" is none."""

    NAME: ClassVar[str] = "clearing.asset-described.v1"

    asset: str
    kind: str  # fiat | token | leveraged-token | security
    iso4217: str
    dti: str
    isin: str
    underlying: str  # of a leveraged token
    leverage: str  # of a leveraged token: signed
    source: str  # whose document says so


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentCodesAssigned:
    """What others call the contract and how they count it; the latest fact counts, "" is none."""

    NAME: ClassVar[str] = "clearing.instrument-codes-assigned.v1"

    symbol: str
    isin: str
    cfi: str
    mic: str
    dti: str  # of the underlying token
    upi: str
    venue_code: str  # what its venue calls it
    contract_size: str  # units of the underlying in what a venue counts as one; "" for one lot


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentTermsAmended:
    """What may change while positions are open, whole: "" is none."""

    NAME: ClassVar[str] = "clearing.instrument-terms-amended.v1"

    symbol: str
    price_step: str  # trades are priced in multiples of it, a whole number of ticks
    lowest_price: str
    highest_price: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentDelisted:
    """Nobody holds it, and nobody trades it any more."""

    NAME: ClassVar[str] = "clearing.instrument-delisted.v1"

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractAdjusted:
    """A split or the like: another contract stands for this one from here on.

    Each lot becomes `lots_factor` lots of the new contract; a new lot has `new_lot_size` units.
    """

    NAME: ClassVar[str] = "clearing.contract-adjusted.v1"

    symbol: str
    new_symbol: str
    action: str  # the corporate action it follows: one adjusts a contract once
    method: str  # lots | deliverable
    numerator: int  # so many new units of the underlying
    denominator: int  # for so many old ones
    lots_factor: int
    lot_size: str
    new_lot_size: str
    strike: str  # "" unless an option
    new_strike: str
    strike_rounding: str  # what rounding the strike adds to exercising one old lot, in the quote
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsAdjusted:
    """A holder's lots are exchanged for those of the new contract, at the same cost."""

    NAME: ClassVar[str] = "clearing.lots-adjusted.v1"

    account_id: str
    symbol: str
    new_symbol: str
    settlement: str
    lots: int  # what the account held of the old contract
    lots_factor: int
    cost: int  # what it was, and is, carried at

    def movements(self) -> Iterator[Movement]:
        yield Movement(NOVATION, self.account_id, lots(self.symbol), self.lots)
        yield Movement(NOVATION, self.account_id, cost(self.symbol), self.cost)
        yield Movement(
            self.account_id, NOVATION, lots(self.new_symbol), self.lots * self.lots_factor
        )
        yield Movement(self.account_id, NOVATION, cost(self.new_symbol), self.cost)


ReferenceFact = (
    AssetDescribed
    | InstrumentCodesAssigned
    | InstrumentTermsAmended
    | InstrumentDelisted
    | ContractAdjusted
)
AccountFact = LotsAdjusted
FACTS: tuple[type, ...] = (*ReferenceFact.__args__, LotsAdjusted)
