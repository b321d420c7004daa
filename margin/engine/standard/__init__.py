"""Standard margin: rules per contract and the largest loss of each expiry, no scenarios."""

from margin.engine.standard.parameters import StandardParameters, load
from margin.engine.standard.requirement import (
    StandardRequirement,
    reference_requirement,
    requirement,
)
from margin.engine.standard.rounding import rounding_bound

__all__ = [
    "StandardParameters",
    "StandardRequirement",
    "load",
    "reference_requirement",
    "requirement",
    "rounding_bound",
]
