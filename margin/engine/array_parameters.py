"""A method that starts from published risk arrays: scenarios, spreads, credits and minimums as data.

Contracts on one underlying make a commodity, the months of a commodity fall into tiers. Spreads
inside a commodity are charged and spreads between commodities credited in the order of the file,
which is their priority. Money is in the currency of the arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from margin.engine.parameters import Levels
from margin.engine.reading import ParameterError, Section, Source, root_of


class VolMove(StrEnum):
    UP = "up"
    NONE = "none"
    DOWN = "down"


class Side(StrEnum):
    """Legs of one side are all long when those of the other are all short, or the reverse."""

    A = "a"
    B = "b"


class ShortCount(StrEnum):
    """Which short options the minimum counts."""

    SUM = "sum"
    LARGER = "larger"  # calls or puts, whichever are more


class Over(StrEnum):
    """How far the value of long options reaches."""

    COMMODITY = "commodity"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanScenario:
    """price in scan ranges; cover is the share of the loss that counts; pair is a row, or itself."""

    name: str
    price: float
    vol: VolMove
    cover: float
    pair: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaWeight:
    price: float  # in scan ranges
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Months that are spread as one; a charge on delta near delivery where there is any."""

    commodity: int
    name: str
    delivery_spread: float  # per unit of delta that a spread uses
    delivery_outright: float  # per unit that is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    row: int  # of the tiers, or of the commodities
    ratio: float  # units of delta in one spread
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What one spread inside a commodity costs, or the share of price risk that one saves."""

    commodity: int  # -1 between commodities
    amount: float
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayParameters:
    """One method; see margin/methods/array-scan for the files.

    commodities            their names, in the order of the rows
    tiers                  of all commodities, those of one together
    spreads                charges inside commodities, by priority
    credits                between commodities, by priority
    short_option_minimum   money per short option, by commodity
    level                  what the risk is multiplied with
    """

    name: str
    source: str
    scenarios: tuple[ScanScenario, ...]
    delta_weights: tuple[DeltaWeight, ...]
    commodities: tuple[str, ...]
    tiers: tuple[Tier, ...]
    spreads: tuple[Spread, ...]
    credits: tuple[Spread, ...]
    short_option_minimum: tuple[float, ...]
    short_options_counted: ShortCount
    option_value_reaches: Over
    level: Levels


def load_array_parameters(source: Source) -> ArrayParameters:
    """Read a parameter set. Raises ParameterError naming the field."""
    root = root_of(source)
    tiers: list[Tier] = []
    spreads: list[Spread] = []
    minimums: list[float] = []
    sections = root.sections("commodities")
    names = {name: row for row, (name, _) in enumerate(sections)}
    for row, (_, section) in enumerate(sections):
        own = _tiers(section, commodity=row)
        rows = {tier.name: len(tiers) + place for place, tier in enumerate(own)}
        tiers += own
        spreads += [
            _spread(each, "tier", rows, amount="charge", most=None, commodity=row)
            for each in section.rows("spreads", least=0)
        ]
        minimums.append(section.number("short_option_minimum", least=0.0))
        section.finish()
    scenarios = _scenarios(root)
    read = ArrayParameters(
        name=root.text("name"),
        source=root.text("source"),
        scenarios=scenarios,
        delta_weights=_delta_weights(root, scenarios),
        commodities=tuple(names),
        tiers=tuple(tiers),
        spreads=tuple(spreads),
        credits=tuple(
            _spread(each, "commodity", names, amount="credit", most=1.0, commodity=-1)
            for each in root.rows("credits", least=0)
        ),
        short_option_minimum=tuple(minimums),
        short_options_counted=root.choice("short_options_counted", ShortCount),
        option_value_reaches=root.choice("option_value_reaches", Over),
        level=_level(root.section("level")),
    )
    root.finish()
    return read


def _scenarios(root: Section) -> tuple[ScanScenario, ...]:
    rows = root.rows("scenarios")
    names: dict[str, int] = {}
    for place, each in enumerate(rows):
        name = each.text("name")
        if name in names:
            raise ParameterError(each.at("name"), f"{name!r} is taken")
        names[name] = place
    read: list[ScanScenario] = []
    for place, (name, each) in enumerate(zip(names, rows, strict=True)):
        read.append(
            ScanScenario(
                name=name,
                price=each.number("price"),
                vol=each.choice("vol", VolMove),
                cover=each.number("cover", least=0.0, most=1.0),
                pair=each.one_of("pair", names) if each.has("pair") else place,
            )
        )
        each.finish()
    for scenario, section in zip(read, rows, strict=True):
        other = read[scenario.pair]
        if read[other.pair] is not scenario or other.price != scenario.price:
            raise ParameterError(
                section.at("pair"), "must be a scenario of the same price that names this one"
            )
    if not any(each.price == 0.0 for each in read):
        raise ParameterError(root.at("scenarios"), "must have one at an unmoved price")
    return tuple(read)


def _delta_weights(root: Section, scenarios: tuple[ScanScenario, ...]) -> tuple[DeltaWeight, ...]:
    points = {each.price for each in scenarios}
    read: list[DeltaWeight] = []
    for each in root.rows("delta_weights"):
        weight = DeltaWeight(
            price=each.number("price"), weight=each.number("weight", above=0.0, most=1.0)
        )
        if weight.price not in points:
            raise ParameterError(each.at("price"), "is no price of the scenarios")
        points.discard(weight.price)
        each.finish()
        read.append(weight)
    return tuple(read)


def _tiers(section: Section, *, commodity: int) -> list[Tier]:
    read: list[Tier] = []
    for each in section.rows("tiers"):
        name, spread, outright = each.text("name"), 0.0, 0.0
        if name in {tier.name for tier in read}:
            raise ParameterError(each.at("name"), f"{name!r} is taken")
        if each.has("delivery"):
            delivery = each.section("delivery")
            spread = delivery.number("spread", least=0.0)
            outright = delivery.number("outright", least=0.0)
            delivery.finish()
        each.finish()
        read.append(
            Tier(commodity=commodity, name=name, delivery_spread=spread, delivery_outright=outright)
        )
    return read


def _spread(
    section: Section,
    of: str,
    rows: dict[str, int],
    *,
    amount: str,
    most: float | None,
    commodity: int,
) -> Spread:
    legs: list[Leg] = []
    for each in section.rows("legs", least=2):
        leg = Leg(
            row=each.one_of(of, rows),
            ratio=each.number("ratio", above=0.0),
            side=each.choice("side", Side),
        )
        each.finish()
        # A tier may be on both sides, one month against another; twice on one it counts twice.
        if any(leg.row == other.row and leg.side == other.side for other in legs):
            raise ParameterError(each.at(of), "is on this side already")
        if commodity < 0 and any(leg.row == other.row for other in legs):
            raise ParameterError(each.at(of), "has one net delta and cannot be on both sides")
        legs.append(leg)
    if {leg.side for leg in legs} != set(Side):
        raise ParameterError(section.at("legs"), "must have both sides")
    number = (
        section.number(amount, least=0.0)
        if most is None
        else section.number(amount, least=0.0, most=most)
    )
    section.finish()
    return Spread(commodity=commodity, amount=number, legs=tuple(legs))


def _level(section: Section) -> Levels:
    read = Levels(
        initial=section.number("initial", least=0.0),
        maintenance=section.number("maintenance", least=0.0),
    )
    section.finish()
    if read.initial < read.maintenance:
        raise ParameterError(section.at("initial"), "must not be below the maintenance level")
    return read
