"""Who may quote, by which rules, and what they report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clearing import models, selectors, store
from clearing.domain import observations, sources
from clearing.domain.cause import Cause
from clearing.domain.events import (
    PricePolicySet,
    PriceSourceAdmitted,
    PriceSourceResumed,
    PriceSourceSuspended,
)
from clearing.domain.observations import Observation
from clearing.domain.sources import PricePolicy, Source, SourceAlreadyAdmitted
from clearing.services import timekeeping


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """`new` is False where the very same batch was kept before."""

    batch: str
    count: int
    new: bool


@store.decision
def admit_source(source: Source, *, title: str, at: datetime, cause: Cause) -> int | None:
    """None when it is admitted already on the same terms.

    On the stream of the prices, so that whoever seals a set knows who was heard. Raises
    SourceNotValid, SourceAlreadyAdmitted.
    """
    sources.check_source(source)
    stream = store.claim("prices")
    for known in selectors.price_sources().values():
        if known.name == source.name:
            if known == source or (known.suspended and _same_terms(known, source)):
                return None
            raise SourceAlreadyAdmitted(field="source", source=source.name)
        if source.reporter and known.reporter == source.reporter:
            raise SourceAlreadyAdmitted(field="reporter", source=known.name)
    fact = PriceSourceAdmitted(
        source=source.name,
        kind=source.kind,
        weight=source.weight,
        quotes=",".join(source.quotes),
        reporter=source.reporter,
        simulated=source.simulated,
        title=title,
    )
    return store.append(stream, fact, at=at, cause=cause)


def _same_terms(known: Source, asked: Source) -> bool:
    terms = ("kind", "weight", "quotes", "reporter", "simulated")
    return all(getattr(known, name) == getattr(asked, name) for name in terms)


@store.decision
def suspend_source(name: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """What it says is kept and not heard. None when it is suspended already. Raises SourceUnknown."""
    stream = store.claim("prices")
    if selectors.source_row(name).standing == "suspended":
        return None
    fact = PriceSourceSuspended(source=name, reason=reason)
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def resume_source(name: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """It is heard again. None when it is heard already. Raises SourceUnknown."""
    stream = store.claim("prices")
    if selectors.source_row(name).standing == "active":
        return None
    fact = PriceSourceResumed(source=name, reason=reason)
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def set_price_policy(policy: PricePolicy, *, at: datetime, cause: Cause) -> int | None:
    """From the next window on. None when that policy is in force already. Raises PolicyNotValid."""
    sources.check_policy(policy)
    stream = store.claim("prices")
    if selectors.price_policy() == policy:
        return None
    fields: dict[str, Any] = sources.spelled(policy)
    return store.append(stream, PricePolicySet(**fields), at=at, cause=cause)


@store.decision
def report(source: str, found: Sequence[Observation], *, key: str = "", cause: Cause) -> Reported:
    """Keep a batch as it came, named by its content; nothing is judged until a window is sealed.

    The same content again is the same batch. A batch that comes after its window was sealed is
    looked at in the next one, as far as it is fresh enough. `key` is the reporter's, if it sent
    one. No stream is claimed: sources never wait for each other, nor for a sealer.

    Raises SourceUnknown, ObservationRefused, NotANumber, KeyReused.
    """
    row = selectors.source_row(source)
    policy = selectors.price_policy() or sources.ONE_SOURCE
    now = timekeeping.now()
    observations.check(found, now=now, ahead_seconds=policy.max_age_seconds)
    body = observations.content(source, found)
    name = observations.name_of(body)
    scope = f"observations:{source}"
    known = store.earlier(scope=scope, key=key, content=name) if key else None
    if known is None and key:
        # no fact is made of a batch; the key leads to the one that lets the source speak
        store.remember(scope=scope, key=key, content=name, sequence=row.sequence)
    new = not models.ObservationBatch.objects.filter(name=name).exists()
    if new:
        models.ObservationBatch.objects.bulk_create(
            [
                models.ObservationBatch(
                    name=name,
                    source=source,
                    first_at=min(it.at for it in found),
                    last_at=max(it.at for it in found),
                    received_at=now,
                    actor=cause.actor,
                    correlation_id=cause.correlation_id,
                    count=len(found),
                    body=body,
                )
            ],
            ignore_conflicts=True,
        )
    return Reported(batch=name, count=len(found), new=new)
