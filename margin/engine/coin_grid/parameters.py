"""A grid in coin as data: one currency's buckets, tails and shocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from margin.engine.parameters import VolShock, vol_shock_of
from margin.engine.reading import ParameterError, Section, root_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """Charged on the delta of each expiry: annual * years to it, but at least `least`."""

    annual: float
    least: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidity:
    """Charged on all delta beyond `threshold` money: `per_coin` of what is beyond, up to `most`."""

    per_coin: float
    threshold: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinGridParameters:
    """One currency of a method.

    price_range, buckets  the grid goes in so many steps each way to this share of the index
    tails                 moves beyond it, as shares; each is normalised back to the edge
    dampener              money taken off a tail's outcome for each further range it lies outside
    gain_share            share of a gain that a vector keeps
    maintenance_factor    share of the risk that the maintenance level asks for
    decimals              to which the worst outcome is rounded before anything is added
    """

    name: str
    source: str
    price_range: float
    buckets: int
    tails: tuple[float, ...]
    dampener: float
    gain_share: float
    vol_shock: VolShock
    roll: Roll
    liquidity: Liquidity
    maintenance_factor: float
    decimals: int


def load(source: Path | str | Mapping[str, Any]) -> CoinGridParameters:
    """Read a parameter set from a JSON file, or from what such a file holds.

    Raises ParameterError naming the field that is missing, unknown, mistyped or out of range.
    """
    return _parameters(root_of(source))


def _parameters(root: Section) -> CoinGridParameters:
    read = CoinGridParameters(
        name=root.text("name"),
        source=root.text("source"),
        price_range=root.number("price_range", above=0.0),
        buckets=_whole(root, "buckets", least=1),
        tails=_tails(root),
        dampener=root.number("dampener", least=0.0),
        gain_share=root.number("gain_share", least=0.0),
        vol_shock=vol_shock_of(root.section("vol_shock")),
        roll=_roll(root.section("roll")),
        liquidity=_liquidity(root.section("liquidity")),
        maintenance_factor=root.number("maintenance_factor", least=0.0),
        decimals=_whole(root, "decimals", least=0),
    )
    root.finish()
    if read.price_range >= 1.0:
        raise ParameterError("price_range", "leaves nothing of the price")
    if read.gain_share > 1.0:
        raise ParameterError("gain_share", "keeps more than the whole gain")
    return read


def _tails(root: Section) -> tuple[float, ...]:
    read = []
    for each in root.rows("tails"):
        move = each.number("move", above=-1.0)
        if move == 0.0:
            raise ParameterError(each.at("move"), "must move the price")
        each.finish()
        read.append(move)
    return tuple(read)


def _whole(section: Section, key: str, *, least: int) -> int:
    value = section.number(key, least=least)
    if value != round(value) or value > 100:
        raise ParameterError(section.at(key), "must be a whole number of at most 100")
    return round(value)


def _roll(section: Section) -> Roll:
    read = Roll(
        annual=section.number("annual", least=0.0), least=section.number("least", least=0.0)
    )
    section.finish()
    return read


def _liquidity(section: Section) -> Liquidity:
    read = Liquidity(
        per_coin=section.number("per_coin", least=0.0),
        threshold=section.number("threshold", least=0.0),
        most=section.number("most", least=0.0),
    )
    section.finish()
    return read
