"""Corrected prices: which set stands for another now, and what was settled on it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import connection

from clearing import codec, models
from clearing.domain import cycles as moves
from clearing.domain import entries, resettlement
from clearing.domain.events import InstrumentExpired, PriceSetCorrected
from clearing.domain.resettlement import Paid, Payout, Step
from clearing.domain.settlement import PAYOUT, VM
from clearing.selectors.market import prices_at
from clearing.selectors.settlement import prices_named


def corrections() -> list[tuple[int, PriceSetCorrected]]:
    """(sequence, fact) of every correction, in order; there are few."""
    rows = models.Event.objects.filter(name=PriceSetCorrected.NAME).order_by("sequence")
    return [(row.sequence, codec.decode(row.name, row.payload)) for row in rows]


def standing_names() -> dict[int, str]:
    """Sequence of a set that was corrected, or of a correction -> hash of the set that stands now."""
    roots: dict[int, int] = {}
    names: dict[int, str] = {}
    for at, fact in corrections():
        root = roots.get(fact.corrects, fact.corrects)
        roots[at], names[root] = root, fact.price_set
    return names | {at: names[root] for at, root in roots.items()}


def stands_for(sequence: int) -> set[int]:
    """The sealed set that a sequence names or corrects, and every correction of it."""
    roots: dict[int, int] = {}
    for at, fact in corrections():
        roots[at] = roots.get(fact.corrects, fact.corrects)
    root = roots.get(sequence, sequence)
    return {root, *(at for at, mine in roots.items() if mine == root)}


def standing_name(sequence: int) -> str | None:
    """Hash of the set that stands in for one now; None where it was never corrected."""
    return standing_names().get(sequence)


def superseded(sequence: int) -> bool:
    """Whether another set stands in for the one at `sequence`, itself a correction or not."""
    stands = standing_name(sequence)
    rows = models.PriceSet.objects.filter(sequence=sequence)
    return stands is not None and not rows.filter(name=stands).exists()


def lines_on(
    price_sequences: Iterable[int], *, symbol: str | None = None
) -> list[tuple[int, models.CycleLine]]:
    """Variation margin by closed cycles that are pinned to any of the sets, in the order it was paid,
    each with the sequence of its set."""
    rows = models.Cycle.objects.filter(
        price_sequence__in=list(price_sequences),
        state=moves.State.CLOSED,
        kind__in=[moves.Kind.PERIODIC, moves.Kind.AD_HOC],
    )
    pinned = dict(rows.values_list("cycle_id", "price_sequence"))
    lines = models.CycleLine.objects.filter(cycle__in=list(pinned), kind=VM)
    if symbol is not None:
        lines = lines.filter(symbol=symbol)
    return [(pinned[line.cycle], line) for line in lines.order_by("sequence", "ordinal")]


def expired_on(price_sequences: Iterable[int]) -> list[str]:
    """Symbols that were paid out at the index of any of the sets, at expiry or after a bust."""
    sequences = list(price_sequences)
    rows = models.Cycle.objects.filter(price_sequence__in=sequences, kind=moves.Kind.EXPIRY)
    names = models.PriceSet.objects.filter(sequence__in=sequences).values("name")
    late = models.LatePayout.objects.filter(price_set__in=names).values_list("symbol", flat=True)
    return sorted({*rows.values_list("slot", flat=True), *late})


def fixings_on(price_sequences: Iterable[int]) -> list[int]:
    """Sequences of the funding rates that were valued at marks of any of the sets."""
    rows = models.FundingFixing.objects.filter(price_sequence__in=list(price_sequences))
    return list(rows.order_by("sequence").values_list("sequence", flat=True))


def expiry_price(symbol: str) -> tuple[Decimal, str, str]:
    """Of an expired contract, in force now: (final index, the set it is of, the set that first fixed
    it)."""
    row = models.Event.objects.filter(
        stream=f"instrument-{symbol}", name=InstrumentExpired.NAME
    ).latest("version")
    fact: InstrumentExpired = codec.decode(row.name, row.payload)
    at = models.PriceSet.objects.filter(name=fact.price_set).latest("sequence").sequence
    first = prices_at(min(stands_for(at)))
    name = standing_name(at) or fact.price_set
    underlying = models.Instrument.objects.values_list("underlying", flat=True).get(symbol=symbol)
    return prices_named(name).index(underlying), name, first.name


def paid_out(symbol: str) -> dict[str, Paid]:
    """account -> what it had of an expired contract and was paid so far, whatever came back late and
    whatever was corrected."""
    lines = models.CycleLine.objects.filter(symbol=symbol, kind=PAYOUT)
    late = models.LatePayout.objects.filter(symbol=symbol)
    steps: dict[str, list[Payout]] = {}
    for line in lines:
        step = Payout(
            sequence=line.sequence, lots=line.count, value=line.value, whole=bool(line.corrects)
        )
        steps.setdefault(line.account, []).append(step)
    for row in late:
        step = Payout(sequence=row.sequence, lots=row.lots, value=row.value)
        steps.setdefault(row.account, []).append(step)
    return {account: resettlement.paid(mine) for account, mine in sorted(steps.items())}


def steps_of(symbol: str, accounts: Iterable[str]) -> dict[str, list[Step]]:
    """account -> what each fact did to its position in one instrument, from the first on."""
    assets = {"lots": entries.lots(symbol), "cost": entries.cost(symbol)}
    given: dict[str, Any] = {"symbol": symbol, "accounts": list(accounts), **assets}
    found: dict[str, list[Step]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, given)
        for account, version, lots, cost, cycle, value, corrects, payload in cursor.fetchall():
            book = json.loads(payload)["book_version"] if cycle and not corrects else 0
            step = Step(
                version=version,
                lots=int(lots),
                cost=int(cost),
                cycle=cycle or "",
                value=value or 0,
                book=book,
                ignored=bool(corrects),
            )
            found.setdefault(account, []).append(step)
    return found


_STEPS = """
    WITH moved AS (
        SELECT account, sequence,
               coalesce(sum(amount) FILTER (WHERE asset = %(lots)s), 0) AS lots,
               coalesce(sum(amount) FILTER (WHERE asset = %(cost)s), 0) AS cost
        FROM clearing_entry
        WHERE account = ANY (%(accounts)s) AND asset IN (%(lots)s, %(cost)s)
        GROUP BY account, sequence
    ), valued AS (
        SELECT account, sequence, cycle, value, corrects FROM clearing_cycleline
        WHERE account = ANY (%(accounts)s) AND symbol = %(symbol)s AND kind = 'vm'
    )
    SELECT account, event.version, coalesce(moved.lots, 0), coalesce(moved.cost, 0),
           valued.cycle, valued.value, valued.corrects, event.payload
    FROM moved FULL JOIN valued USING (account, sequence)
    JOIN clearing_event AS event USING (sequence)
    ORDER BY account, event.version
"""
