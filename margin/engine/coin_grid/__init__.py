"""Margin of contracts paid in coin: price buckets, normalised tails, shocks of roll and delta."""

from margin.engine.coin_grid.parameters import CoinGridParameters, load
from margin.engine.coin_grid.requirement import (
    CoinRequirement,
    Holdings,
    reference_requirement,
    requirement,
    rounding_bound,
)
from margin.engine.coin_grid.vectors import Instruments

__all__ = [
    "CoinGridParameters",
    "CoinRequirement",
    "Holdings",
    "Instruments",
    "load",
    "reference_requirement",
    "requirement",
    "rounding_bound",
]
