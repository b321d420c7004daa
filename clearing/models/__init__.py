"""The record's tables, one room an area. Rows are written by the store and by projections alone."""

from clearing.models.accounts import AccountState
from clearing.models.collateral import CollateralLot, CollateralTerm, Substitution, Withdrawal
from clearing.models.ledger import Entry, FrozenAccount, FrozenHolding, Holding
from clearing.models.log import Block, Command, Event, SealState, Stream
from clearing.models.prices import PriceBody, PriceSet
from clearing.models.reference import Asset, Clock, HousePolicy, Instrument
from clearing.models.work import Job

__all__ = [
    "AccountState",
    "Asset",
    "Block",
    "Clock",
    "CollateralLot",
    "CollateralTerm",
    "Command",
    "Entry",
    "Event",
    "FrozenAccount",
    "FrozenHolding",
    "Holding",
    "HousePolicy",
    "Instrument",
    "Job",
    "PriceBody",
    "PriceSet",
    "SealState",
    "Stream",
    "Substitution",
    "Withdrawal",
]
