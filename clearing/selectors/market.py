"""Business time and sealed prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db.models import QuerySet

from clearing import models
from clearing.domain import prices
from clearing.domain.errors import NotFound
from clearing.domain.prices import PriceMissing, PriceSet


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPrices:
    """The price set in force and its place in the log."""

    sequence: int
    name: str
    at: datetime
    settled: bool
    prices: PriceSet


def business_clock() -> models.Clock | None:
    return models.Clock.objects.filter(id=1).first()


def latest_prices() -> SealedPrices:
    """Raises PriceMissing before the first set."""
    row = price_sets().first()
    if row is None:
        raise PriceMissing(field="price_set", set="none sealed yet")
    return _sealed(row)


def prices_at(sequence: int) -> SealedPrices:
    """The set sealed at this sequence, corrected since or not. Raises NotFound."""
    row = models.PriceSet.objects.filter(sequence=sequence).first()
    if row is None:
        raise NotFound(field="price_set", sequence=sequence)
    return _sealed(row)


def prices_as_of(
    *,
    sequence: int | None = None,
    effective_at: datetime | None = None,
    known_at: datetime | None = None,
) -> SealedPrices | None:
    """The set that was in force at a point of the log; None before the first.

    A correction counts from the time of the set it corrects, once it is known: `effective_at`
    alone gives the corrected prices of that moment, with `known_at` those believed then.
    """
    point = {"sequence": sequence, "effective_at": effective_at, "known_at": known_at}
    row = next(iter(models.PriceSet.objects.raw(_IN_FORCE, point)), None)
    return None if row is None else _sealed(row)


def price_sets() -> QuerySet[models.PriceSet]:
    """Corrections among them; the first is the one in force."""
    return models.PriceSet.objects.order_by("-at", "-sequence")


def _sealed(row: models.PriceSet) -> SealedPrices:
    return SealedPrices(
        sequence=row.sequence,
        name=row.name,
        at=row.at,
        settled=row.settled,
        prices=_body(row.name),
    )


@lru_cache(maxsize=8)
def _body(name: str) -> PriceSet:
    """Named by its content, so it may be kept."""
    return prices.read(models.PriceBody.objects.values_list("body", flat=True).get(name=name))


_IN_FORCE = """
    SELECT prices.* FROM clearing_priceset AS prices JOIN clearing_event AS event USING (sequence)
    WHERE (%(sequence)s::bigint IS NULL OR prices.sequence <= %(sequence)s)
      AND (%(effective_at)s::timestamptz IS NULL OR event.effective_at <= %(effective_at)s)
      AND (%(known_at)s::timestamptz IS NULL OR event.recorded_at <= %(known_at)s)
    ORDER BY prices.at DESC, prices.sequence DESC LIMIT 1
"""
