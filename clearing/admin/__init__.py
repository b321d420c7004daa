"""The record's desk, one room an area."""

from clearing.admin import prices, record, reference

__all__ = ["prices", "record", "reference"]
