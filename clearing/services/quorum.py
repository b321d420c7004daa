"""Closing a window: what several sources said becomes one sealed set, or it is said that it did not.

One decision under the stream of the prices: who is heard, the rules, the latest set and the new one
are one consistent whole, and two sealers of one window seal it once. One query reads what was said,
one statement keeps what was not heard.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from clearing import selectors, store
from clearing.domain import clock, prices, quorum
from clearing.domain.cause import Cause
from clearing.domain.events import PriceSetDeferred
from clearing.domain.observations import Batch, Of, parts
from clearing.domain.quorum import Outcome
from clearing.domain.rejections import Rejection, Why, hash_of
from clearing.domain.sources import PricePolicy
from clearing.services import pricing, timekeeping


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A window that was closed now, by the fact at `sequence`: sealed, or deferred."""

    at: datetime
    sequence: int
    sealed: bool
    quotes: int
    rejected: int


def seal_window(*, cause: Cause) -> Closed | None:
    """Seal the latest window that has closed by business time.

    None when there is nothing to do: it was closed before, or no policy and no source ask for it.
    Where no index has its quorum no set is sealed, nothing is margined on the window, and that is
    a fact of its own.
    """
    policy = selectors.price_policy()
    if policy is None or _end(policy) is None:
        return None
    return _close(cause=cause)


def _end(policy: PricePolicy) -> datetime | None:
    """The close of the latest window, unless a set or a deferral is of that time or later."""
    at = quorum.window_end(timekeeping.now(), cadence_seconds=policy.cadence_seconds)
    latest, missed = selectors.price_sets().first(), selectors.deferrals().first()
    done = [row.at for row in (latest, missed) if row is not None]
    return at if all(at > it for it in done) else None


@store.decision
def _close(*, cause: Cause) -> Closed | None:
    stream = store.claim("prices")
    policy, admitted = selectors.price_policy(), selectors.price_sources()
    at = _end(policy) if policy is not None else None
    if policy is None or at is None or not admitted:
        return None
    after = at - quorum.lookback(policy)
    batches = selectors.batches_between(after=after, up_to=at)
    outcome = quorum.seal(
        batches,
        admitted=admitted,
        policy=policy,
        instruments=selectors.instruments(_symbols(batches)),
        at=at,
    )
    if outcome.prices is None:
        return _defer(stream, outcome, at=at, cause=cause)
    sequence = pricing.put_in_force(outcome.prices, cause=cause)
    name = prices.name_of(prices.content(outcome.prices))
    _keep(outcome.rejections, of=name)
    return Closed(
        at=at,
        sequence=sequence,
        sealed=True,
        quotes=len(outcome.prices.quotes),
        rejected=len(outcome.rejections),
    )


def _defer(stream: store.Stream, outcome: Outcome, *, at: datetime, cause: Cause) -> Closed:
    looked_at = (clock.text(at), hash_of(outcome.rejections), *outcome.batches)
    evidence = hashlib.sha256("\n".join(looked_at).encode()).hexdigest()
    fact = PriceSetDeferred(
        at=clock.text(at),
        reason=_reason(outcome),
        observations=outcome.observations,
        rejected=len(outcome.rejections),
        evidence=evidence,
    )
    sequence = store.append(stream, fact, at=at, cause=cause)
    _keep(outcome.rejections, of=evidence)
    return Closed(
        at=at, sequence=sequence, sealed=False, quotes=0, rejected=len(outcome.rejections)
    )


def _reason(outcome: Outcome) -> str:
    if not outcome.observations:
        return "no source said anything"
    lost = [
        f"{parts(it.subject)[1]} {it.says}"
        for it in outcome.rejections
        if it.why in (Why.NO_QUORUM, Why.DIVERGING) and parts(it.subject)[0] is Of.INDEX
    ]
    return f"no index has a quorum: {'; '.join(lost) or 'none was quoted'}"[:200]


def _symbols(batches: Iterable[Batch]) -> set[str]:
    found = (parts(it.subject) for batch in batches for it in batch.observations)
    return {name for of, name, _ in found if of is Of.QUOTE}


def _keep(rejections: Sequence[Rejection], *, of: str) -> None:
    if not rejections:
        return
    columns = [
        [getattr(it, name) for it in rejections] for name in ("subject", "source", "why", "says")
    ]
    with connection.cursor() as cursor:
        cursor.execute(_REJECTIONS, [of, *columns])


_REJECTIONS = """
    INSERT INTO clearing_pricerejection (outcome, subject, source, why, says)
    SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
"""
