"""Historical simulation as data: how long a history, how it is scaled and weighed, what is measured.

Like every method it is a file and no name in code; an absent part is null, because a part that is
left out by mistake must not pass for one that is not wanted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

from margin.engine.histories import Returns, Scaling
from margin.engine.quantiles import QUANTILES, SHORTFALLS, WEIGHTED
from margin.engine.reading import ParameterError, Section


class Sampling(StrEnum):
    """How returns over several days are taken from a history."""

    OVERLAPPING = "overlapping"  # all of them as one sample
    INTERLEAVED = "interleaved"  # one sample for each first day, measured apart and averaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A risk measure by its conventions; see margin.engine.quantiles."""

    level: Fraction
    quantile: str  # what the exceedance count is judged by
    shortfall: str
    margin: str  # which of the two a requirement is


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    returns: Returns
    days: int  # margin period of risk
    sampling: Sampling
    window: int  # scenarios at most, the newest
    least: int  # fewer give no requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Scaling by exponentially weighted volatility."""

    decay: float
    seed_days: int  # the first days, whose mean square starts it; they are no scenarios
    scaling: Scaling


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """A share of the measure over the stretch of the unscaled past in which it was largest."""

    share: Fraction
    window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """One method; see margin/methods/simulation for the files."""

    name: str
    source: str
    measure: Measure
    history: History
    age_decay: float | None  # None: every scenario weighs the same
    filter: Filter | None  # None: returns as they were
    stress: Stress | None
    floor_window: int | None  # never below the measure of the unscaled returns of so many days
    buffer: Fraction | None  # held on top, and let go before the requirement rises


@dataclass(frozen=True, slots=True, kw_only=True)
class MonteCarlo:
    """Drawing instead of repeating; see margin/methods/monte_carlo for the files.

    window          days that marginals and dependence are fitted to
    tail_share      of outcomes in each fitted tail
    freedoms        degrees of freedom that the copula may have
    largest_factor  what a price is multiplied by at most, and divided by
    block           scenarios that are drawn together; part of what a seed means
    """

    name: str
    source: str
    measure: Measure
    filter: Filter
    window: int
    tail_share: float
    freedoms: tuple[float, ...]
    largest_factor: float
    days: int
    scenarios: int
    block: int
    seed: int


def load_monte_carlo(source: Path | str | Mapping[str, Any]) -> MonteCarlo:
    """Read a Monte Carlo method, as `load` does a historical one. Raises ParameterError."""
    root = _opened(source)
    fitted, drawn = root.part("fit"), root.part("draw")
    read = MonteCarlo(
        name=root.text("name"),
        source=root.text("source"),
        measure=_measure(root.part("measure")),
        filter=_filter(root.part("filter")),
        window=fitted.whole("window", least=1),
        tail_share=float(fitted.share("tail_share")),
        freedoms=fitted.numbers("freedoms", above=1.0),
        largest_factor=drawn.number("largest_factor", above=1.0),
        days=drawn.whole("days", least=1),
        scenarios=drawn.whole("scenarios", least=1),
        block=drawn.whole("block", least=1),
        seed=drawn.whole("seed", least=0),
    )
    for part in (root, fitted, drawn):
        part.finish()
    if read.tail_share >= 0.5:
        raise ParameterError(fitted.at("tail_share"), "leaves no middle between two tails")
    if read.scenarios % read.block:
        raise ParameterError(drawn.at("scenarios"), "must be whole blocks")
    if read.filter.scaling is not Scaling.BOTH:
        raise ParameterError("filter.scaling", "is both where returns are drawn anew")
    return read


def load(source: Path | str | Mapping[str, Any]) -> Simulation:
    """Read a simulation from a JSON file, or from what such a file holds.

    Raises ParameterError naming the field that is missing, unknown, mistyped or out of range.
    """
    return _simulation(_opened(source))


def _opened(source: Path | str | Mapping[str, Any]) -> _Part:
    if isinstance(source, Mapping):
        return _Part("", source)
    try:
        return _Part("", json.loads(Path(source).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ParameterError(str(source), f"cannot be read as JSON: {error}") from error


def _simulation(root: _Part) -> Simulation:
    ageing, floor = root.optional("age_weights"), root.optional("floor")
    scaling, stress, buffer = (
        root.optional("filter"),
        root.optional("stress"),
        root.optional("buffer"),
    )
    read = Simulation(
        name=root.text("name"),
        source=root.text("source"),
        measure=_measure(root.part("measure")),
        history=_history(root.part("history")),
        age_decay=ageing.decay() if ageing else None,
        filter=_filter(scaling) if scaling else None,
        stress=_stress(stress) if stress else None,
        floor_window=floor.whole("window", least=1) if floor else None,
        buffer=buffer.share("share") if buffer else None,
    )
    for part in (root, ageing, floor, buffer):
        if part:
            part.finish()
    if read.age_decay and not {read.measure.quantile, read.measure.shortfall} <= set(WEIGHTED):
        raise ParameterError("age_weights", f"go with {', '.join(WEIGHTED)} alone")
    if read.history.least > read.history.window:
        raise ParameterError("history.least", "is more than the window ever holds")
    if read.history.least < read.history.days:
        raise ParameterError("history.least", "leaves a sub-sample without a scenario")
    if read.stress and read.stress.window < read.history.days:
        raise ParameterError("stress.window", "leaves a sub-sample without a scenario")
    return read


def _measure(part: _Part) -> Measure:
    read = Measure(
        level=part.share("level"),
        quantile=part.named("quantile", QUANTILES),
        shortfall=part.named("shortfall", SHORTFALLS),
        margin=part.named("margin", ("quantile", "shortfall")),
    )
    part.finish()
    return read


def _history(part: _Part) -> History:
    read = History(
        returns=Returns(part.named("returns", Returns)),
        days=part.whole("days", least=1),
        sampling=Sampling(part.named("sampling", Sampling)),
        window=part.whole("window", least=1),
        least=part.whole("least", least=1),
    )
    part.finish()
    return read


def _filter(part: _Part) -> Filter:
    read = Filter(
        decay=part.decay(),
        seed_days=part.whole("seed_days", least=1),
        scaling=Scaling(part.named("scaling", Scaling)),
    )
    part.finish()
    return read


def _stress(part: _Part) -> Stress:
    read = Stress(share=part.share("share"), window=part.whole("window", least=1))
    part.finish()
    return read


class _Part(Section):
    """A section that also reads shares as decimal text: 0.99 is no double, and no tail of it is."""

    def part(self, key: str) -> _Part:
        return _Part(self.at(key), self._take(key))

    def optional(self, key: str) -> _Part | None:
        held = self._take(key)
        return None if held is None else _Part(self.at(key), held)

    def named(self, key: str, known: Iterable[str]) -> str:
        value, names = self._take(key), list(known)
        if value not in names:
            raise ParameterError(self.at(key), f"must be one of {', '.join(names)}")
        return str(value)

    def decay(self) -> float:
        value = self.number("decay", above=0.0)
        if value >= 1.0:
            raise ParameterError(self.at("decay"), f"must be less than 1, is {value:g}")
        return value

    def numbers(self, key: str, *, above: float) -> tuple[float, ...]:
        held = self._take(key)
        if not isinstance(held, list) or not held:
            raise ParameterError(self.at(key), "must be a list with at least one entry")
        each = _Part(self.at(key), {str(place): value for place, value in enumerate(held)})
        return tuple(each.number(str(place), above=above) for place in range(len(held)))

    def share(self, key: str) -> Fraction:
        text = self.text(key)
        try:
            value = Fraction(Decimal(text))
        except (InvalidOperation, ValueError, OverflowError) as error:
            raise ParameterError(self.at(key), "must be a decimal written as text") from error
        if not 0 < value < 1:
            raise ParameterError(self.at(key), f"must be between 0 and 1, is {text}")
        return value
