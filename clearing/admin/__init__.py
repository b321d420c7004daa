"""The record's desk, one room an area."""

from clearing.admin import record, settlement

__all__ = ["record", "settlement"]
