"""The log: one fact, one stream, what is sealed, the trail of one request, the trial balance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import connection

from clearing import codec, models
from clearing.domain import entries, events
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound
from clearing.store import Recorded

PAID_OUT = (
    *(events.ContractSettled.NAME, events.FutureSettled.NAME),
    *(events.OptionExercised.NAME, events.OptionAssigned.NAME, events.OptionExpired.NAME),
)


def recorded(sequence: int) -> Recorded:
    """Raises NotFound."""
    row = models.Event.objects.filter(sequence=sequence).first()
    if row is None:
        raise NotFound(field="sequence", sequence=sequence)
    return as_recorded(row)


def as_recorded(row: models.Event) -> Recorded:
    return Recorded(
        sequence=row.sequence,
        stream=row.stream,
        version=row.version,
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        cause=Cause(actor=row.actor, correlation_id=row.correlation_id, sequence=row.cause),
        fact=codec.decode(row.name, row.payload),
    )


def stream(name: str, *, after: int = 0) -> Iterator[Recorded]:
    """A stream's facts past a version, in order."""
    for row in (
        models.Event.objects.filter(stream=name, version__gt=after).order_by("version").iterator()
    ):
        yield as_recorded(row)


def begun(streams: Iterable[str]) -> dict[str, datetime]:
    """When the first fact of each took effect: an instrument's listing, an account's opening."""
    rows = models.Event.objects.filter(stream__in=list(streams), version=1)
    return dict(rows.values_list("stream", "effective_at"))


def sealed_up_to() -> int:
    return models.SealState.objects.values_list("last", flat=True).get(id=1)


def facts_after(sequence: int, *, streams: Iterable[str] | None, limit: int) -> list[Recorded]:
    """The next sealed facts past a sequence, so that a reader never has to look back."""
    rows = models.Event.objects.filter(sequence__gt=sequence, sequence__lte=sealed_up_to())
    if streams is not None:
        rows = rows.filter(stream__in=list(streams))
    return [as_recorded(row) for row in rows.order_by("sequence")[:limit]]


def trail(correlation_id: str, *, limit: int = 10_000) -> list[Recorded]:
    """Everything one request or case led to, in order: every fact copied its cause's id.

    The oldest facts of it where there are more than the limit; a clock's trail never ends.
    """
    rows = models.Event.objects.filter(correlation_id=correlation_id).order_by("sequence")
    return [as_recorded(row) for row in rows[:limit]]


def latest_facts(streams: Iterable[str], *, limit: int) -> list[Recorded]:
    """The newest facts of a few streams, newest first."""
    rows: list[models.Event] = []
    for name in streams:
        rows.extend(models.Event.objects.filter(stream=name).order_by("-version")[:limit])
    rows.sort(key=lambda row: -row.sequence)
    return [as_recorded(row) for row in rows[:limit]]


def trial_balance() -> list[tuple[str, int, int]]:
    """(asset, what members hold, what the house holds): the two sum to zero in every row."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT asset,
                   coalesce(sum(amount) FILTER (WHERE account <> ALL (%s)), 0),
                   coalesce(sum(amount) FILTER (WHERE account = ANY (%s)), 0)
            FROM clearing_entry GROUP BY asset ORDER BY asset
            """,
            [list(entries.HOUSE_ACCOUNTS), list(entries.HOUSE_ACCOUNTS)],
        )
        # sums over all members may be more than one member's column holds
        return [(asset, int(members), int(house)) for asset, members, house in cursor.fetchall()]


def settled_accounts(expiry: int) -> int:
    """How many accounts were paid out because of an instrument's expiry fact."""
    return models.Event.objects.filter(cause=expiry, name__in=PAID_OUT, sequence__gt=expiry).count()


def assets_named(streams: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    """Stream -> (version, asset) of each fact that names one: what its later amounts are in."""
    rows = models.Event.objects.filter(stream__in=list(streams), payload__contains='"asset":')
    found: dict[str, list[tuple[int, str]]] = {}
    for row in rows.order_by("stream", "version"):
        found.setdefault(row.stream, []).append((row.version, as_recorded(row).fact.asset))
    return found


def json_facts(found: Iterable[Recorded]) -> list[dict[str, Any]]:
    """Facts as doors show them: place, times, cause and content."""
    return [
        {
            "sequence": it.sequence,
            "stream": it.stream,
            "version": it.version,
            "name": it.fact.NAME,
            "effective_at": it.effective_at,
            "recorded_at": it.recorded_at,
            "actor": it.cause.actor,
            "correlation_id": it.cause.correlation_id,
            "cause": it.cause.sequence,
            "fact": {name: getattr(it.fact, name) for name in it.fact.__dataclass_fields__},
        }
        for it in found
    ]
