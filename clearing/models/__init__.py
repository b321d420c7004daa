"""The record's tables, one room an area. Rows are written by the store and by projections alone."""

from clearing.models.accounts import AccountState
from clearing.models.codes import AssetProfile, InstrumentCodes
from clearing.models.collateral import Withdrawal
from clearing.models.ledger import Entry, FrozenAccount, FrozenHolding, Holding
from clearing.models.log import Block, Command, Event, SealState, Stream
from clearing.models.prices import (
    ObservationBatch,
    PriceBody,
    PriceDeferral,
    PriceRejection,
    PriceRules,
    PriceSet,
    PriceSource,
)
from clearing.models.reconciliation import (
    Break,
    OutsideDocument,
    Reconciliation,
    ReleaseHalt,
    Tolerance,
    Violation,
)
from clearing.models.reference import Asset, Clock, HousePolicy, Instrument
from clearing.models.work import Job

__all__ = [
    "AccountState",
    "Asset",
    "AssetProfile",
    "Block",
    "Break",
    "Clock",
    "Command",
    "Entry",
    "Event",
    "FrozenAccount",
    "FrozenHolding",
    "Holding",
    "HousePolicy",
    "Instrument",
    "InstrumentCodes",
    "Job",
    "ObservationBatch",
    "OutsideDocument",
    "PriceBody",
    "PriceDeferral",
    "PriceRejection",
    "PriceRules",
    "PriceSet",
    "PriceSource",
    "Reconciliation",
    "ReleaseHalt",
    "SealState",
    "Stream",
    "Tolerance",
    "Violation",
    "Withdrawal",
]
