"""Loading: many facts of many streams that were decided elsewhere, with their chains.

For a house that moves in, a year of history for a soak, a book taken over from another system.
Nothing is decided here: who loads vouches that the facts are true together. Everything else is as
for facts appended one by one: the chain, entries that balance, holdings, rows, and `verify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings

from clearing.domain.cause import Cause
from clearing.store.appending import Batch, Packed, pack, write
from clearing.store.decisions import claim_all, decision
from clearing.store.following import routes

STRETCH = 5_000  # facts in one call: a few megabytes


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
    if not told:
        return []
    streams = claim_all({it.stream for it in told})
    last = {
        (kind, it.fact.account_id): place
        for place, it in enumerate(told)
        for kind in _at_state(it.fact.__class__)
    }
    starts = range(0, len(told), STRETCH)
    sequences: list[int] = []
    # Python packs the next stretch while the server writes this one; packing asks nobody anything.
    with ThreadPoolExecutor(1, "packing") as aside:
        ready = aside.submit(_stretch, told, 0, last, cause)
        for start in starts:
            batch, packed = ready.result()
            if start + STRETCH < len(told):
                ready = aside.submit(_stretch, told, start + STRETCH, last, cause)
            batch.expected = [streams[name].version for name in batch.streams]
            batch.heads = [streams[name].head for name in batch.streams]
            written, reached, heads = write(batch, packed)
            for name, version, head in zip(batch.streams, reached, heads, strict=True):
                streams[name].version, streams[name].head = version, head
            sequences += written
    return sequences


def _stretch(
    told: Sequence[Told], start: int, last: Mapping[tuple[str, str], int], cause: Cause
) -> tuple[Batch, Packed]:
    """The facts from `start` on, ready to be sent but for where their streams stand then."""
    stretch = told[start : start + STRETCH]

    def following(place: int, fact: Any) -> Iterable[tuple[str, str | None]]:
        account, at = getattr(fact, "account_id", None), start + place - 1
        for kind in routes().get(fact.NAME, ()):
            if last.get((kind, account or ""), at) == at:
                yield kind, account

    batch = Batch(
        streams=list(dict.fromkeys(it.stream for it in stretch)),
        expected=None,
        heads=None,
        facts=[(it.stream, it.fact) for it in stretch],
        at=_one_or_each([it.at for it in stretch]),
        cause=cause,
        following=following,
    )
    return batch, pack(batch)


def _one_or_each(times: list[datetime]) -> list[datetime]:
    return times[:1] if len(set(times)) == 1 else times


@cache
def _at_state(kind: Any) -> tuple[str, ...]:
    """The jobs that a fact of that class leaves for a look at its account as it is."""
    if "account_id" not in kind.__dataclass_fields__:
        return ()
    looking = import_module(settings.SURETY_ROUTES).LOOKS_AT_STATE
    return tuple(it for it in routes().get(kind.NAME, ()) if it in looking)
