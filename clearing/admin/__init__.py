"""The record's desk, one room an area."""

from clearing.admin import (
    chains,
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
    "evidence",
    "prices",
    "reconciliation",
    "record",
    "reference",
    "settlement",
    "trades",
]
