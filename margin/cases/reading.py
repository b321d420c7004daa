"""What every layout does with a case: run it, and say why where that cannot be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from margin.cases import Case, Result
from margin.cases.files import CaseUnreadable, Fields, FileUnreadable, cases_in
from margin.engine.aggregate import SumOverflow
from margin.engine.checks import MarketRefused
from margin.engine.reading import ParameterError
from margin.engine.risk_array import ArrayRefused

REFUSALS = (CaseUnreadable, ParameterError, MarketRefused, ArrayRefused, SumOverflow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of ours, to be held against what was published under its name."""

    ours: float
    integer: float | None = None
    bound: float = 0.0
    half: float = 0.0


def named(paths: Sequence[Path], run: Callable[[str, Any], Case]) -> list[Case]:
    """What `run` makes of every case of every file, under the file's name where there are several.

    A file that cannot be read, or holds no case, is a case that cannot be read.
    """
    found = []
    for path in paths:
        try:
            cases = [run(name, held) for name, held in cases_in(path)]
        except FileUnreadable as error:
            cases = [Case(name=path.name, unreadable=error.why)]
        cases = cases or [Case(name=path.name, unreadable="holds no case")]
        prefix = f"{path.name}: " if len(paths) > 1 else ""
        found += [replace(case, name=prefix + case.name) for case in cases]
    return found


def readable(name: str, run: Callable[[], tuple[Result, ...]]) -> Case:
    """The case with its results, or with the reason why it has none."""
    try:
        return Case(name=name, results=run())
    except REFUSALS as refusal:
        return Case(name=name, unreadable=str(refusal))


def results(
    published: Fields, figures: Mapping[str, Figure], *, levels: Mapping[str, str]
) -> tuple[Result, ...]:
    """Our figures beside those that were published, the levels first.

    Raises CaseUnreadable if neither an initial nor a maintenance level was published.
    """
    for level in ("initial", "maintenance"):
        names = [name for name, of in levels.items() if of == level]
        if not any(name in published for name in names):
            raise CaseUnreadable(f"{published.at(names[0])} is missing")
    return tuple(
        Result(
            name=name,
            ours=figure.ours,
            theirs=published.number(name),
            half=figure.half,
            integer=figure.integer,
            bound=figure.bound,
        )
        for name, figure in figures.items()
        if name in published
    )
