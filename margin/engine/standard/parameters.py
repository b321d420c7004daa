"""A standard margin method as data: shares of spot and of mark, and the charges beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from margin.engine.parameters import (
    CollateralTerms,
    Levels,
    Threshold,
    collateral_terms_of,
    levels_of,
    threshold_of,
)
from margin.engine.reading import Section, root_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortOption:
    """What one short unit asks for on top of its mark; shares of spot unless said otherwise.

    The initial share starts at `initial_at_the_money`, falls by as much as the option is out of the
    money, and stops at `initial_least`. A put asks for a share of its mark where that is more, and
    its initial level is never below `put_initial_of_maintenance` times its maintenance.
    """

    initial_at_the_money: float
    initial_least: float
    call_maintenance: float
    put_maintenance: float
    put_maintenance_of_mark: float
    put_initial_of_maintenance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardParameters:
    """One method; see margin/methods for the files.

    unpaired_calls  multiples of the forward for each call short beyond those held, where an expiry
                    is margined by its largest loss
    linear_charge   shares of the size of futures and perpetuals at their own price; each level whole
    peg             charged at the initial level on shorts and linear positions, at spot
    confidence      charged at the initial level on what badly known prices value, at spot
    collateral      what is not counted: the maintenance haircut, and the initial one on top of it
    """

    name: str
    source: str
    short_option: ShortOption
    unpaired_calls: Levels
    linear_charge: Levels
    peg: Threshold
    confidence: Threshold
    collateral: Mapping[str, CollateralTerms]
    default_collateral: CollateralTerms

    def terms_of(self, asset: str) -> CollateralTerms:
        """The haircuts of a collateral asset; one that is not listed gets the default."""
        return self.collateral.get(asset, self.default_collateral)


def load(source: Path | str | Mapping[str, Any]) -> StandardParameters:
    """Read a parameter set from a JSON file, or from what such a file holds.

    Raises ParameterError naming the field that is missing, unknown, mistyped or out of range.
    """
    return _parameters(root_of(source))


def _parameters(root: Section) -> StandardParameters:
    charges = root.section("charges")
    read = StandardParameters(
        name=root.text("name"),
        source=root.text("source"),
        short_option=_short_option(root.section("short_option")),
        unpaired_calls=levels_of(charges.section("unpaired_calls")),
        linear_charge=levels_of(charges.section("linear")),
        peg=threshold_of(root.section("peg")),
        confidence=threshold_of(root.section("confidence")),
        collateral={
            asset: collateral_terms_of(each)
            for asset, each in sorted(root.sections("collateral", least=0))
        },
        default_collateral=collateral_terms_of(root.section("default_collateral")),
    )
    for section in (root, charges):
        section.finish()
    return read


def _short_option(section: Section) -> ShortOption:
    read = ShortOption(
        initial_at_the_money=section.number("initial_at_the_money", least=0.0),
        initial_least=section.number("initial_least", least=0.0),
        call_maintenance=section.number("call_maintenance", least=0.0),
        put_maintenance=section.number("put_maintenance", least=0.0),
        put_maintenance_of_mark=section.number("put_maintenance_of_mark", least=0.0),
        put_initial_of_maintenance=section.number("put_initial_of_maintenance", least=0.0),
    )
    section.finish()
    return read
