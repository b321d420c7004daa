"""The record's desk, one room an area."""

from clearing.admin import evidence, record

__all__ = ["evidence", "record"]
