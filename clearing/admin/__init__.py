"""The record's desk, one room an area."""

from clearing.admin import prices, reconciliation, record, reference

__all__ = ["prices", "reconciliation", "record", "reference"]
