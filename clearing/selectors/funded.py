"""On which lots funding is owed, and which rates trades that were undone were held for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from clearing import models
from clearing.domain import undone
from clearing.domain.events import (
    AccountPorted,
    ContractAdjusted,
    PositionMoved,
    TradeBusted,
    TradeCorrected,
)
from clearing.domain.undone import Adjusted, Ported, Step, Took
from clearing.selectors.log import as_recorded
from clearing.selectors.settlement import lots_at
from clearing.store import Recorded


def funded_lots(symbol: str, at: datetime) -> dict[str, int]:
    """account -> lots held at a business time, as known now, as if every trade that was busted since
    had never been, and what replaced one had been made when the first of its line was."""
    found = defaultdict[str, int](int, lots_at(symbol, at))
    for account, lots in _undone_since(symbol, at):
        found[account] += lots
    return {account: lots for account, lots in sorted(found.items()) if lots}


def fixings_held(names: Iterable[str]) -> list[int]:
    """Of trades that were undone, by name: sequences of the rates fixed for intervals in which they,
    or what they replaced, were held; also in the contract they were corrected to."""
    ended = list(_trades(names).values())
    instead = _trades(f"{row.venue}:{row.replaced_by}" for row in ended if row.replaced_by)
    adjusted = [step for _, step in _adjustments()] if ended else []
    found: set[int] = set()
    for symbol, since in _earliest([*ended, *instead.values()]).items():
        rows = models.FundingFixing.objects.filter(
            symbol__in=undone.family(symbol, adjusted), interval_end__gte=since
        )
        found.update(rows.values_list("sequence", flat=True))
    return sorted(found)


def _earliest(rows: Iterable[models.Trade]) -> dict[str, datetime]:
    """symbol -> since when lots traded in it count."""
    found: dict[str, datetime] = {}
    for row in rows:
        since = _first(row).executed_at
        found[row.symbol] = min(since, found.get(row.symbol, since))
    return found


def _undone_since(symbol: str, at: datetime) -> Iterator[tuple[str, int]]:
    """(account, lots) to count beside what was held: less what was undone since, more what stands
    instead."""
    ended = [it.fact for it in _told([TradeBusted, TradeCorrected]) if it.effective_at > at]
    if not ended:
        return
    adjusted = _adjustments()
    after = [step for when, step in adjusted if when > at]
    was = _trades(f"{it.venue}:{it.trade_id}" for it in ended)
    gone = [row for row in was.values() if row.executed_at <= at]
    for row, steps in _ways(gone, [step for when, step in adjusted if when <= at], at):
        traded, held = undone.lots_after(row.symbol, steps)
        if traded == symbol:
            yield from ((account, -lots) for account, lots in held.items())
    for row in _trades(
        f"{it.venue}:{it.replaced_by}" for it in ended if isinstance(it, TradeCorrected)
    ).values():
        traded, lots = undone.lots_before(row.symbol, row.lots, after)
        if traded == symbol and row.status == "active" and _first(row).executed_at <= at:
            yield from ((row.buyer, lots), (row.seller, -lots))


def _ways(
    rows: Iterable[models.Trade], adjusted: Iterable[Adjusted], at: datetime
) -> Iterator[tuple[models.Trade, list[Step]]]:
    """Of each trade, what became of its lots up to a business time."""
    trades = {row.name: row for row in rows}
    if not trades:
        return
    moved: dict[str, list[Step]] = {name: [] for name in trades}
    for it in models.LegMove.objects.filter(trade__in=trades, moved_at__lte=at):
        if it.why != "unwound":
            step = Took(sequence=it.sequence, account=it.account, lots=it.lots)
            moved[it.trade].append(step)
    since = min(row.sequence for row in trades.values())
    others: list[Step] = [*adjusted, *_ports(since, at)]
    for name, row in trades.items():
        legs = (
            Took(sequence=row.buyer_sequence, account=row.buyer, lots=row.lots),
            Took(sequence=row.seller_sequence, account=row.seller, lots=-row.lots),
        )
        later = [it for it in others if it.sequence > row.sequence]
        yield row, [*legs, *moved[name], *later]


def _ports(since: int, at: datetime) -> Iterator[Ported]:
    """A port takes along what the position came from; a succession, everything."""
    for it in _told([PositionMoved, AccountPorted], since=since):
        fact = it.fact
        if it.effective_at > at:
            continue
        if isinstance(fact, AccountPorted) and fact.succession:
            yield Ported(sequence=it.sequence, giver=fact.account_id, taker=fact.to_account)
        elif isinstance(fact, PositionMoved) and fact.why == "port" and fact.gives:
            yield Ported(
                sequence=it.sequence,
                giver=fact.account_id,
                taker=fact.counterpart,
                symbol=fact.symbol,
            )


def _adjustments() -> list[tuple[datetime, Adjusted]]:
    return [
        (
            it.effective_at,
            Adjusted(
                sequence=it.sequence,
                symbol=it.fact.symbol,
                new_symbol=it.fact.new_symbol,
                factor=it.fact.lots_factor,
            ),
        )
        for it in _told([ContractAdjusted])
    ]


def _first(row: models.Trade) -> models.Trade:
    """The first of the line of corrections that the trade stands in."""
    while row.replaces:
        row = models.Trade.objects.get(name=f"{row.venue}:{row.replaces}")
    return row


def _trades(names: Iterable[str]) -> dict[str, models.Trade]:
    rows = models.Trade.objects.filter(name__in=set(names)).order_by("sequence")
    return {row.name: row for row in rows}


def _told(kinds: Iterable[Any], *, since: int = 0) -> list[Recorded]:
    """Facts of rare kinds past a sequence, by the index of their names."""
    rows = models.Event.objects.filter(name__in=[it.NAME for it in kinds], sequence__gt=since)
    return [as_recorded(row) for row in rows.order_by("sequence")]
