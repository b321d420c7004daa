"""The record's desk, one room an area."""

from clearing.admin import reconciliation, record

__all__ = ["reconciliation", "record"]
