"""The record's desk, one room an area."""

from clearing.admin import (
    chains,
    collateral,
    evidence,
    prices,
    reconciliation,
    record,
    reference,
    settlement,
    trades,
)

__all__ = [
    "chains",
    "collateral",
    "evidence",
    "prices",
    "reconciliation",
    "record",
    "reference",
    "settlement",
    "trades",
]
