"""Corrected prices: which set stands for another now, and what was settled on it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection

from clearing import codec, models
from clearing.domain import cycles as moves
from clearing.domain import entries
from clearing.domain.events import ContractSettled, InstrumentExpired, PriceSetCorrected
from clearing.domain.resettlement import Step
from clearing.domain.settlement import PAYOUT, VM


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
    """Symbols that expired by any of the sets, whether anybody held them then or not."""
    named = models.PriceSet.objects.filter(sequence__in=list(price_sequences))
    names = set(named.values_list("name", flat=True))
    rows = models.Event.objects.filter(name=InstrumentExpired.NAME).order_by("sequence")
    facts = [codec.decode(row.name, row.payload) for row in rows]
    return [fact.symbol for fact in facts if fact.price_set in names]


def final_set(symbol: str) -> models.PriceSet:
    """The sealed set that an instrument expired by, whatever stands in for it since."""
    expired = models.Event.objects.get(stream=f"instrument-{symbol}", name=InstrumentExpired.NAME)
    named = codec.decode(expired.name, expired.payload).price_set
    at = models.PriceSet.objects.filter(name=named).values("at")
    return models.PriceSet.objects.get(at__in=at, corrects=None)


def fixings_on(price_sequences: Iterable[int]) -> list[int]:
    """Sequences of the funding rates that were valued at marks of any of the sets."""
    rows = models.FundingFixing.objects.filter(price_sequence__in=list(price_sequences))
    return list(rows.order_by("sequence").values_list("sequence", flat=True))


def paid_out(symbol: str) -> tuple[dict[str, int], dict[str, int]]:
    """Of an expired instrument: account -> lots it was paid for, account -> what it was paid, before
    cost. A trade that is undone or corrected after expiry is paid out on its own, and counts too."""
    steps: list[tuple[int, str, int | None, int]] = []
    for line in models.CycleLine.objects.filter(symbol=symbol, kind=PAYOUT):
        lots = None if line.corrects else line.count
        steps.append((line.sequence, line.account, lots, line.value))
    rows = models.Event.objects.filter(name=ContractSettled.NAME)
    alone = [(row.sequence, codec.decode(row.name, row.payload)) for row in rows]
    held: dict[str, int] = {}
    paid: dict[str, int] = {}
    for sequence, fact in alone:
        if fact.symbol == symbol:
            held[fact.account_id] = held.get(fact.account_id, 0) + fact.lots
            steps.append((sequence, fact.account_id, 0, fact.cash + fact.cost))
    for _, account, counted, value in sorted(steps, key=lambda it: it[0]):
        held[account] = held.get(account, 0) + (counted or 0)
        # a correction says the whole payout again
        paid[account] = value + (0 if counted is None else paid.get(account, 0))
    return held, paid


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
