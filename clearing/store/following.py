"""What follows a fact: the rows of projections, in the order of the facts, and the jobs it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

from django.conf import settings

from clearing.domain.cause import Cause

F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A fact in its place in the log."""

    sequence: int
    stream: str
    version: int
    effective_at: datetime
    recorded_at: datetime
    cause: Cause
    fact: Any


def takes_many(project: F) -> F:
    """Mark a projector that takes a list of recorded facts and writes their rows at once."""
    project.takes_many = True  # type: ignore[attr-defined]
    return project


def project(recorded: Sequence[Recorded]) -> None:
    """Write the rows that follow from facts of one append, in their order as `in_turn` has it.
    Accounts were moved along by the append itself."""
    for it, projector in in_turn(recorded):
        projector(it)


def in_turn(
    recorded: Sequence[Recorded],
) -> Iterator[tuple[Recorded | list[Recorded], Callable[..., None]]]:
    """What to give to which projector. The order of the facts is kept: what takes many waits for
    more only until a fact comes that is applied alone."""
    at_once: dict[Callable[..., None], list[Recorded]] = {}
    for it in recorded:
        for projector in projectors().get(it.fact.NAME, ()):
            if getattr(projector, "takes_many", False):
                at_once.setdefault(projector, []).append(it)
                continue
            yield from ((them, waiting) for waiting, them in at_once.items())
            at_once = {}
            yield it, projector
    yield from ((them, waiting) for waiting, them in at_once.items())


@cache
def projectors() -> dict[str, tuple[Callable[..., None], ...]]:
    """Fact name -> the functions that keep rows up to date; each app names its module in settings."""
    found: dict[str, list[Callable[..., None]]] = {}
    for module in settings.SURETY_PROJECTIONS:
        for fact, projector in import_module(module).PROJECTIONS.items():
            found.setdefault(fact.NAME, []).append(projector)
    return {name: tuple(functions) for name, functions in found.items()}


@cache
def moved_along() -> frozenset[str]:
    """Names of facts that do no more than move their account's version along."""
    found = (
        getattr(import_module(module), "MOVED_ALONG", ()) for module in settings.SURETY_PROJECTIONS
    )
    return frozenset(fact.NAME for facts in found for fact in facts)


@cache
def routes() -> dict[str, tuple[str, ...]]:
    routes: dict[str, tuple[str, ...]] = import_module(settings.SURETY_ROUTES).EVENT_ROUTES
    return routes
