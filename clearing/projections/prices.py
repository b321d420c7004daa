"""Rows of sealed prices."""

from __future__ import annotations

from clearing import models
from clearing.domain import clock, events
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


def expiries_settled(recorded: Recorded) -> None:
    assert recorded.cause.sequence is not None, "it follows from the sealing"
    models.PriceSet.objects.filter(sequence=recorded.cause.sequence).update(settled=True)


PROJECTIONS = {
    events.PriceSetSealed: price_set_sealed,
    events.ExpiriesSettled: expiries_settled,
}
TABLES = (models.PriceSet,)
