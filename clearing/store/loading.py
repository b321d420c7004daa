"""Loading: many facts of many streams that were decided elsewhere, with their chains.

For a house that moves in, a year of history for a soak, a book taken over from another system.
Nothing is decided here: who loads vouches that the facts are true together. Everything else is as
for facts appended one by one: the chain, entries that balance, holdings, rows, and `verify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings

from clearing.domain.cause import Cause
from clearing.store.appending import Batch, routes, write
from clearing.store.decisions import claim_all, decision

STRETCH = 10_000  # facts in one call: some megabytes


@dataclass(frozen=True, slots=True)
class Told:
    """A fact, the stream it belongs to, and when it became true."""

    stream: str
    fact: Any
    at: datetime


@decision
def load(told: Sequence[Told], *, cause: Cause) -> list[int]:
    """Record them all, in this order, or none; return their sequences.

    Heads are claimed once, at the start, and the facts go over in stretches, each one call.

    A job that looks at an account as it is (`LOOKS_AT_STATE` in the routes) is left by the last
    fact of the account alone: the ones before it would find the same account and do nothing. All
    other jobs are about their own fact, and every fact leaves its own.
    """
    streams = claim_all({it.stream for it in told})
    last = {
        (kind, it.fact.account_id): place
        for place, it in enumerate(told)
        for kind in _at_state(it.fact)
    }
    sequences: list[int] = []
    for start in range(0, len(told), STRETCH):
        stretch = told[start : start + STRETCH]
        named = list(dict.fromkeys(it.stream for it in stretch))

        def following(
            place: int, fact: Any, *, before: int = start - 1
        ) -> Iterable[tuple[str, str | None]]:
            account = getattr(fact, "account_id", None)
            for kind in routes().get(fact.NAME, ()):
                if last.get((kind, account), before + place) == before + place:
                    yield kind, account

        written, reached, heads = write(
            Batch(
                streams=named,
                expected=[streams[name].version for name in named],
                heads=[streams[name].head for name in named],
                facts=[(it.stream, it.fact) for it in stretch],
                at=_one_or_each([it.at for it in stretch]),
                cause=cause,
                following=following,
            )
        )
        for name, version, head in zip(named, reached, heads, strict=True):
            streams[name].version, streams[name].head = version, head
        sequences += written
    return sequences


def _one_or_each(times: list[datetime]) -> list[datetime]:
    return times[:1] if len(set(times)) == 1 else times


def _at_state(fact: Any) -> tuple[str, ...]:
    return _kinds_at_state(fact.NAME) if hasattr(fact, "account_id") else ()


@cache
def _kinds_at_state(name: str) -> tuple[str, ...]:
    kinds = import_module(settings.SURETY_ROUTES).LOOKS_AT_STATE
    return tuple(kind for kind in routes().get(name, ()) if kind in kinds)
