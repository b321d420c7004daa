"""Who quotes, by which rules, what they said, what was not heard, and what a stable coin is worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from clearing import models
from clearing.domain import observations, prices, sources
from clearing.domain.errors import NotFound
from clearing.domain.observations import Batch
from clearing.domain.prices import PriceMissing
from clearing.domain.rejections import Rejection, Why
from clearing.domain.sources import PricePolicy, Source, SourceUnknown
from clearing.selectors.market import SealedPrices, prices_as_of, prices_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Peg:
    """What one unit of an asset is worth in the reporting currency.

    sequence is that of the set that quotes it; None where the policy says it is worth one by
    definition, which is no price and should be shown as such.
    """

    asset: str
    price: Decimal
    sequence: int | None

    @property
    def by_definition(self) -> bool:
        return self.sequence is None


def price_policy() -> PricePolicy | None:
    """The rules in force; None while the house takes whole sets of one feed."""
    row = models.PriceRules.objects.filter(id=1).first()
    return None if row is None else sources.policy_of(dict(row.policy))


def price_sources() -> dict[str, Source]:
    return {row.source: _source(row) for row in models.PriceSource.objects.order_by("source")}


def price_source_rows() -> QuerySet[models.PriceSource]:
    return models.PriceSource.objects.order_by("source")


def source_row(name: str) -> models.PriceSource:
    """Raises SourceUnknown."""
    row = models.PriceSource.objects.filter(source=name).first()
    if row is None:
        raise SourceUnknown(field="source", source=name)
    return row


def source_of_reporter(reporter: str) -> str:
    """The source a venue's credential reports for. Raises SourceUnknown."""
    row = models.PriceSource.objects.filter(reporter=reporter).first()
    if row is None:
        raise SourceUnknown(field="source", reporter=reporter)
    return row.source


def _source(row: models.PriceSource) -> Source:
    return Source(
        name=row.source,
        kind=sources.Kind(row.kind),
        weight=row.weight,
        quotes=tuple(row.quotes.split(",")),
        reporter=row.reporter,
        simulated=row.simulated,
        suspended=row.standing == "suspended",
    )


def batches_between(*, after: datetime, up_to: datetime) -> list[Batch]:
    """Every batch with an observation that may lie between, read from what was kept."""
    rows = models.ObservationBatch.objects.filter(last_at__gte=after, first_at__lte=up_to)
    return [
        observations.read(body) for body in rows.values_list("body", flat=True).order_by("name")
    ]


def batches_named(names: Iterable[str]) -> list[Batch]:
    rows = models.ObservationBatch.objects.filter(name__in=list(names)).order_by("name")
    return [observations.read(body) for body in rows.values_list("body", flat=True)]


def rejection_rows(outcome: str) -> QuerySet[models.PriceRejection]:
    """Of a set's name or of a deferral's evidence, newest row first."""
    return models.PriceRejection.objects.filter(outcome=outcome).order_by("-id")


def rejections(outcome: str) -> list[Rejection]:
    rows = models.PriceRejection.objects.filter(outcome=outcome)
    return sorted(
        Rejection(subject, source, Why(why), says)
        for subject, source, why, says in rows.values_list("subject", "source", "why", "says")
    )


def deferrals() -> QuerySet[models.PriceDeferral]:
    return models.PriceDeferral.objects.order_by("-sequence")


def deferred_since() -> models.PriceDeferral | None:
    """The first window without a set since the latest that was sealed; None while sets are sealed."""
    latest = models.PriceSet.objects.filter(corrects__isnull=True).order_by("-sequence").first()
    missed = models.PriceDeferral.objects.order_by("sequence")
    if latest is not None:
        missed = missed.filter(sequence__gt=latest.sequence)
    return missed.first()


def price_set_named(named: str) -> SealedPrices:
    """By `latest`, by sequence, or by the hash of its content or at least eight of its first
    letters. Raises NotFound, PriceMissing (no set at all)."""
    if named == "latest":
        found = prices_as_of()
        if found is None:
            raise PriceMissing(field="price_set", set="none sealed yet")
        return found
    if named.isdecimal() and len(named) < 19:
        return prices_at(int(named))
    rows = models.PriceSet.objects.order_by("sequence")
    if len(named) >= 8:
        for sequence in rows.filter(name__startswith=named).values_list("sequence", flat=True)[:1]:
            return prices_at(sequence)
    raise NotFound(field="price_set", price_set=named)


def sets_of_time(sequence: int) -> list[models.PriceSet]:
    """A set and everything that stood or stands in for it, oldest first; the last one stands."""
    at = models.PriceSet.objects.filter(sequence=sequence).values("at")
    return list(models.PriceSet.objects.filter(at__in=at).order_by("sequence"))


def peg(asset: str) -> Peg:
    """From the set in force; else one, where the policy pegs it by definition. Raises PriceMissing."""
    sealed = prices_as_of()
    if sealed is not None and asset in sealed.prices.indices:
        return Peg(asset=asset, price=sealed.prices.index(asset), sequence=sealed.sequence)
    policy = price_policy()
    if policy is not None and asset in policy.pegged:
        return Peg(asset=asset, price=Decimal(1), sequence=None)
    raise prices.PriceMissing(field="index", asset=asset)


def pegs() -> list[Peg]:
    """Of every asset the policy names as pegged, quoted or by definition."""
    policy = price_policy()
    return [] if policy is None else [peg(asset) for asset in policy.pegged]
