"""The record's desk, one room an area."""

from clearing.admin import record

__all__ = ["record"]
