"""The record's desk, one room an area."""

from clearing.admin import record, reference

__all__ = ["record", "reference"]
