"""A margin method as data: a stress grid, what it does to vol, and the charges beside it.

Nothing in the engine knows a method by name. A method that needs a step the engine lacks gains a
general step here, with its numbers in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from margin.engine.reading import ParameterError, Section, Source, root_of

RESERVED_COLUMNS = ("base", "basis up", "basis down", "exposure")


class Vol(StrEnum):
    """What a scenario does to volatility."""

    UP = "up"
    NONE = "none"
    DOWN = "down"
    LINEAR = "linear"  # skew: one wing up, the other down
    ABS = "abs"  # skew: both wings the same way

    @property
    def is_skew(self) -> bool:
        return self in (Vol.LINEAR, Vol.ABS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    spot: float  # multiplies spot and everything that follows it
    vol: Vol
    dampening: float  # multiplies the outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class VolShock:
    """Relative moves that grow towards expiry like (pivot / time left) to a power."""

    range_up: float
    range_down: float
    short_power: float  # up to the pivot
    long_power: float  # beyond it
    pivot_days: float
    floor_days: float  # time left is taken as at least this
    minimum_up: float  # a vol shocked up is at least this


@dataclass(frozen=True, slots=True, kw_only=True)
class SkewCap:
    """Largest twist of an expiry: base + slope * sqrt(years)."""

    base: float
    slope: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """How far vols twist, and how far from the forward the twist is whole.

    With y the square root of the years left, it is whole at the log-moneyness
    max(minimum_width, y * width * (vol_static + y * vol_slope)).
    """

    linear: SkewCap
    absolute: SkewCap
    minimum_width: float
    width: float
    vol_static: float
    vol_slope: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """Prudence on a shocked expiry: base * exp(-+ years * (rate * rate_multiple + addition))."""

    base: float
    rate_multiple: float
    addition: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Loss of each expiry moved alone to `up` or `down`, times addition + multiple * years."""

    up: float
    down: float
    addition: float
    multiple: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    initial: float
    maintenance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Charged below `level`, in proportion to the shortfall or to one minus it, times `scale`."""

    level: float
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralTerms:
    initial_haircut: float
    maintenance_haircut: float
    risk_cancelling: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """One method; see margin/methods for the files.

    The initial charges are what the initial level asks on top of the maintenance charges.
    """

    name: str
    source: str
    scenarios: tuple[Scenario, ...]
    vol_shock: VolShock
    skew: Skew
    discount_long: Discount
    discount_short: Discount
    basis: Basis
    loss_factor: Levels
    linear_charge: Levels
    short_option_charge: Levels
    peg: Threshold
    confidence: Threshold
    settlement_window_seconds: float
    collateral: Mapping[str, CollateralTerms]
    default_collateral: CollateralTerms

    def terms_of(self, asset: str) -> CollateralTerms:
        """The haircuts of a collateral asset; one that is not listed gets the default."""
        return self.collateral.get(asset, self.default_collateral)


def load(source: Source) -> Parameters:
    """Read a parameter set from a JSON file, or from what such a file holds.

    Raises ParameterError naming the field that is missing, unknown, mistyped or out of range.
    """
    return _parameters(root_of(source))


def _parameters(root: Section) -> Parameters:
    discount, charges = root.section("discount"), root.section("charges")
    read = Parameters(
        name=root.text("name"),
        source=root.text("source"),
        scenarios=_scenarios(root),
        vol_shock=vol_shock_of(root.section("vol_shock")),
        skew=_skew(root.section("skew")),
        discount_long=_discount(discount.section("long")),
        discount_short=_discount(discount.section("short")),
        basis=_basis(root.section("basis")),
        loss_factor=levels_of(root.section("loss_factor")),
        linear_charge=levels_of(charges.section("linear")),
        short_option_charge=levels_of(charges.section("short_option")),
        peg=threshold_of(root.section("peg")),
        confidence=threshold_of(root.section("confidence")),
        settlement_window_seconds=root.number("settlement_window_seconds", above=0.0),
        collateral={
            asset: collateral_terms_of(each)
            for asset, each in sorted(root.sections("collateral", least=0))
        },
        default_collateral=collateral_terms_of(root.section("default_collateral")),
    )
    for section in (root, discount, charges):
        section.finish()
    return read


def _scenarios(root: Section) -> tuple[Scenario, ...]:
    read: list[Scenario] = []
    names = set(RESERVED_COLUMNS)
    for each in root.rows("scenarios"):
        scenario = Scenario(
            name=each.text("name"),
            spot=each.number("spot", above=0.0),
            vol=each.choice("vol", Vol),
            dampening=each.number("dampening", least=0.0),
        )
        each.finish()
        if scenario.name in names:
            raise ParameterError(each.at("name"), f"{scenario.name!r} is taken or reserved")
        if scenario.vol.is_skew and scenario.spot != 1.0:
            raise ParameterError(each.at("spot"), "a skew twists volatility alone, so spot stays 1")
        names.add(scenario.name)
        read.append(scenario)
    return tuple(read)


def vol_shock_of(section: Section) -> VolShock:
    read = VolShock(
        range_up=section.number("range_up", least=0.0),
        range_down=section.number("range_down", least=0.0),
        short_power=section.number("short_power", least=0.0),
        long_power=section.number("long_power", least=0.0),
        pivot_days=section.number("pivot_days", above=0.0),
        floor_days=section.number("floor_days", least=0.0),
        minimum_up=section.number("minimum_up", least=0.0),
    )
    section.finish()
    return read


def _skew(section: Section) -> Skew:
    read = Skew(
        linear=_skew_cap(section.section("linear")),
        absolute=_skew_cap(section.section("abs")),
        minimum_width=section.number("minimum_width", above=0.0),
        width=section.number("width"),
        vol_static=section.number("vol_static"),
        vol_slope=section.number("vol_slope"),
    )
    section.finish()
    return read


def _skew_cap(section: Section) -> SkewCap:
    read = SkewCap(base=section.number("base"), slope=section.number("slope"))
    section.finish()
    return read


def _discount(section: Section) -> Discount:
    read = Discount(
        base=section.number("base", least=0.0),
        rate_multiple=section.number("rate_multiple", least=0.0),
        addition=section.number("addition", least=0.0),
    )
    section.finish()
    return read


def _basis(section: Section) -> Basis:
    read = Basis(
        up=section.number("up", above=0.0),
        down=section.number("down", least=0.0),  # nothing left is a price that options have
        addition=section.number("addition", least=0.0),
        multiple=section.number("multiple", least=0.0),
    )
    section.finish()
    return read


def levels_of(section: Section) -> Levels:
    read = Levels(
        initial=section.number("initial", least=0.0),
        maintenance=section.number("maintenance", least=0.0),
    )
    section.finish()
    return read


def threshold_of(section: Section) -> Threshold:
    read = Threshold(
        level=section.number("level", least=0.0), scale=section.number("scale", least=0.0)
    )
    section.finish()
    return read


def collateral_terms_of(section: Section) -> CollateralTerms:
    read = CollateralTerms(
        initial_haircut=section.number("initial_haircut", least=0.0),
        maintenance_haircut=section.number("maintenance_haircut", least=0.0),
        risk_cancelling=section.flag("risk_cancelling"),
    )
    section.finish()
    return read
