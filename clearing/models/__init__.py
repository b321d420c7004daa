"""The record's tables, one room an area. Rows are written by the store and by projections alone."""

from clearing.models.accounts import AccountState
from clearing.models.codes import AssetProfile, InstrumentCodes
from clearing.models.collateral import CollateralLot, CollateralTerm, Substitution, Withdrawal
from clearing.models.ledger import Entry, FrozenAccount, FrozenHolding, Holding
from clearing.models.log import (
    Block,
    BlockColumns,
    Checkpoint,
    Command,
    Event,
    SealState,
    Snapshot,
    Stream,
)
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
from clearing.models.settlement import (
    Cycle,
    CycleLine,
    ExerciseInstruction,
    FeeInForce,
    FundingFixing,
    LatePayout,
    SettledAccount,
    SettlementSchedule,
)
from clearing.models.trades import Allocation, Handover, LegMove, PriceGroup, Trade, TradePart
from clearing.models.work import Job

__all__ = [
    "AccountState",
    "Allocation",
    "Asset",
    "AssetProfile",
    "Block",
    "BlockColumns",
    "Break",
    "Checkpoint",
    "Clock",
    "CollateralLot",
    "CollateralTerm",
    "Command",
    "Cycle",
    "CycleLine",
    "Entry",
    "Event",
    "ExerciseInstruction",
    "FeeInForce",
    "FrozenAccount",
    "FrozenHolding",
    "FundingFixing",
    "Handover",
    "Holding",
    "HousePolicy",
    "Instrument",
    "InstrumentCodes",
    "Job",
    "LatePayout",
    "LegMove",
    "ObservationBatch",
    "OutsideDocument",
    "PriceBody",
    "PriceDeferral",
    "PriceGroup",
    "PriceRejection",
    "PriceRules",
    "PriceSet",
    "PriceSource",
    "Reconciliation",
    "ReleaseHalt",
    "SealState",
    "SettledAccount",
    "SettlementSchedule",
    "Snapshot",
    "Stream",
    "Substitution",
    "Tolerance",
    "Trade",
    "TradePart",
    "Violation",
    "Withdrawal",
]
