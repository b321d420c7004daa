"""A set's recipe, written and read back: the rules, who was heard, and what they said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clearing.domain import sources
from clearing.domain.prices import Recipe
from clearing.domain.rejections import Rejection, hash_of
from clearing.domain.sources import PricePolicy, Source


def of(
    *,
    batches: Sequence[str],
    policy: PricePolicy,
    admitted: Mapping[str, Source],
    rejections: Iterable[Rejection],
) -> Recipe:
    return Recipe(
        batches=tuple(batches),
        policy={name: str(value) for name, value in sources.spelled(policy).items()},
        sources={name: _standing(it) for name, it in sorted(admitted.items())},
        rejections=hash_of(rejections),
    )


def policy_in(recipe: Recipe) -> PricePolicy:
    rules: dict[str, Any] = {
        name: int(value) if name in sources.WHOLE else value
        for name, value in recipe.policy.items()
    }
    return sources.policy_of(rules)


def sources_in(recipe: Recipe) -> dict[str, Source]:
    """Who reports for a source is no part of a recipe: it changes no price."""
    return {name: _source(name, said) for name, said in recipe.sources.items()}


def _standing(it: Source) -> str:
    words = [it.kind, str(it.weight), ",".join(it.quotes)]
    words.append("suspended" if it.suspended else "active")
    return " ".join([*words, *(["simulated"] if it.simulated else [])])


def _source(name: str, said: str) -> Source:
    kind, weight, quotes, standing, *simulated = said.split(" ")
    return Source(
        name=name,
        kind=sources.Kind(kind),
        weight=int(weight),
        quotes=tuple(quotes.split(",")),
        simulated=bool(simulated),
        suspended=standing == "suspended",
    )
