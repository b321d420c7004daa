"""The record's desk, one room an area."""

from clearing.admin import collateral, record

__all__ = ["collateral", "record"]
