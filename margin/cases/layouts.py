"""The layouts that are known, in the order in which a file is held against them."""

from __future__ import annotations

from margin.cases import Layout
from margin.cases.ore import OreCases
from margin.cases.portfolio import PortfolioCases
from margin.cases.sensitivities import SensitivityCases
from margin.cases.simulate import SimulateResponses
from margin.cases.standard import StandardCases

LAYOUTS: tuple[Layout, ...] = (
    PortfolioCases(),
    StandardCases(),
    SimulateResponses(),
    SensitivityCases(),
    OreCases(),
)
