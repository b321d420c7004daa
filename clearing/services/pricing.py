"""Sealing price sets."""

from __future__ import annotations

from clearing import models, selectors, store
from clearing.domain import clock, prices
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.events import PriceSetSealed
from clearing.domain.prices import PriceSet
from clearing.services import timekeeping


class PriceFromTheFuture(Refusal):
    code = "price-from-the-future"
    says = "The set is of a time that has not come yet."
    remedy = "Seal it when its time has come."


class PriceOutOfOrder(Refusal):
    code = "price-out-of-order"
    says = "A later set is in force already."
    remedy = "Sets are sealed in the order of their times."


@store.decision
def seal(found: PriceSet, *, cause: Cause) -> int:
    """Check a set, keep its content under its hash, and put it in force; return its sequence.

    The same content again is the same set. In a story the clock is carried to the set's time.
    Raises PriceRefused, PriceMissing, PriceOutOfOrder, PriceFromTheFuture.
    """
    prices.check(found, selectors.instruments(found.quotes))
    body = prices.content(found)
    name = prices.name_of(body)
    clock_stream_first = timekeeping.reach(found.at, cause=cause)
    stream = store.claim("prices")
    known = selectors.price_sets().filter(name=name).first()
    if known is not None:
        return known.sequence
    _check_time(found)
    models.PriceBody.objects.bulk_create(
        [models.PriceBody(name=name, body=body)], ignore_conflicts=True
    )
    fact = PriceSetSealed(
        price_set=name,
        source=found.source,
        at=clock.text(found.at),
        quotes=len(found.quotes),
        simulated=found.simulated,
    )
    because = cause.because_of(clock_stream_first) if clock_stream_first else cause
    return store.append(stream, fact, at=found.at, cause=because)


def _check_time(found: PriceSet) -> None:
    if found.at > timekeeping.now():
        raise PriceFromTheFuture(field="at", at=clock.text(found.at))
    latest = selectors.price_sets().first()
    if latest is not None and found.at <= latest.at:
        raise PriceOutOfOrder(field="at", at=clock.text(found.at), latest=clock.text(latest.at))
