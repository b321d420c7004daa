"""The record's desk, one room an area."""

from clearing.admin import chains, prices, reconciliation, record, reference, trades

__all__ = ["chains", "prices", "reconciliation", "record", "reference", "trades"]
