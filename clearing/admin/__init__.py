"""The record's desk, one room an area."""

from clearing.admin import record, trades

__all__ = ["record", "trades"]
