"""Margin by sensitivities: delta, vega and curvature of named risk factors, by a calibration."""

from margin.engine.sensitivities.calibration import Calibration
from margin.engine.sensitivities.components import ADD_ON, ALL, Components
from margin.engine.sensitivities.inputs import (
    Addition,
    Additions,
    Sensitivities,
    SensitivityRefused,
)
from margin.engine.sensitivities.reading import load
from margin.engine.sensitivities.requirement import SensitivityMargin, requirement

__all__ = [
    "ADD_ON",
    "ALL",
    "Addition",
    "Additions",
    "Calibration",
    "Components",
    "Sensitivities",
    "SensitivityMargin",
    "SensitivityRefused",
    "load",
    "requirement",
]
