"""Facts in plain English, from the one place that has the words for every app's facts.

The record prints facts of apps above it, so it finds their words by name, as it finds their
projections.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol

from django.conf import settings

from clearing.selectors.reference import scales
from clearing.store import Recorded


class Teller(Protocol):
    def line(self, recorded: Recorded) -> str:
        """One sentence without a full stop."""


def teller(digits: Mapping[str, int] | None = None) -> Teller:
    """For many facts keep one: it looks up terms once."""
    words: Teller = import_module(settings.SURETY_WORDS).Words(digits or scales())
    return words
