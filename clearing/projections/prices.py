"""Rows of sealed prices, of their sources and of the rules they are made by."""

from __future__ import annotations

from clearing import models
from clearing.domain import clock, events, sources
from clearing.store import Recorded


def price_set_sealed(recorded: Recorded) -> None:
    fact = recorded.fact
    models.PriceSet.objects.create(
        sequence=recorded.sequence,
        name=fact.price_set,
        source=fact.source,
        at=clock.parsed(fact.at),
        quotes=fact.quotes,
        simulated=fact.simulated,
    )


def price_set_corrected(recorded: Recorded) -> None:
    """What had expired by the wrong set was paid by then, so the book may be margined as before."""
    fact = recorded.fact
    wrong = models.PriceSet.objects.get(sequence=fact.corrects)
    models.PriceSet.objects.create(
        sequence=recorded.sequence,
        name=fact.price_set,
        source=fact.source,
        at=clock.parsed(fact.at),
        quotes=fact.quotes,
        simulated=fact.simulated,
        settled=wrong.settled,
        corrects=fact.corrects,
        reason=fact.reason,
    )


def expiries_settled(recorded: Recorded) -> None:
    assert recorded.cause.sequence is not None, "it follows from the sealing"
    rows = models.PriceSet.objects
    rows.filter(sequence=recorded.cause.sequence).update(settled=True)
    settled_at = rows.filter(sequence=recorded.cause.sequence).values("at")
    rows.filter(corrects__isnull=False, at__in=settled_at).update(settled=True)


def price_source_admitted(recorded: Recorded) -> None:
    fact = recorded.fact
    models.PriceSource.objects.create(
        source=fact.source,
        kind=fact.kind,
        weight=fact.weight,
        quotes=fact.quotes,
        reporter=fact.reporter,
        simulated=fact.simulated,
        title=fact.title,
        standing="active",
        sequence=recorded.sequence,
    )


def price_source_suspended(recorded: Recorded) -> None:
    _standing(recorded, "suspended")


def price_source_resumed(recorded: Recorded) -> None:
    _standing(recorded, "active")


def _standing(recorded: Recorded, standing: str) -> None:
    fact = recorded.fact
    models.PriceSource.objects.filter(source=fact.source).update(
        standing=standing, reason=fact.reason, sequence=recorded.sequence
    )


def price_policy_set(recorded: Recorded) -> None:
    fact = recorded.fact
    policy = {name: getattr(fact, name) for name in sources.spelled(sources.PricePolicy())}
    models.PriceRules.objects.update_or_create(
        id=1, defaults={"policy": policy, "sequence": recorded.sequence}
    )


def price_set_deferred(recorded: Recorded) -> None:
    fact = recorded.fact
    models.PriceDeferral.objects.create(
        sequence=recorded.sequence,
        at=clock.parsed(fact.at),
        reason=fact.reason,
        observations=fact.observations,
        rejected=fact.rejected,
        evidence=fact.evidence,
    )


PROJECTIONS = {
    events.PriceSetSealed: price_set_sealed,
    events.PriceSetCorrected: price_set_corrected,
    events.ExpiriesSettled: expiries_settled,
    events.PriceSourceAdmitted: price_source_admitted,
    events.PriceSourceSuspended: price_source_suspended,
    events.PriceSourceResumed: price_source_resumed,
    events.PricePolicySet: price_policy_set,
    events.PriceSetDeferred: price_set_deferred,
}
TABLES = (models.PriceSet, models.PriceSource, models.PriceRules, models.PriceDeferral)
