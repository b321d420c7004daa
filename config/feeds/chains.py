"""Option chain files as snapshots in time order, whatever order and overlap the files have.

Every file is read twice: once for its times alone, so that a broken file is refused before
anything is done with it, and then row by row, with one snapshot of each file in memory. A file
whose rows are not in time order is sorted in memory instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import groupby, pairwise
from pathlib import Path
from typing import TypeVar

from clearing.domain.errors import Refusal
from config.feeds import layouts, snapshots, tables
from config.feeds.candles import NO_CANDLES, Candles
from config.feeds.layouts import Layout
from config.feeds.snapshots import RawRow, Snapshot
from config.feeds.tables import RowRefused, Table

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows of one snapshot from one source; `at` is the time of the latest."""

    at: datetime
    layout: Layout
    rows: Sequence[RawRow]


@dataclass(slots=True)
class _Source:
    """Files that are read as one. Ticker files share a source: a snapshot may span two of them."""

    layout: Layout
    found: list[Table]
    in_order: bool
    times: list[datetime]

    def groups(self) -> Iterator[Group]:
        rows: Iterable[RawRow] = self._rows()
        if not self.in_order:
            rows = sorted(rows, key=lambda row: row.at)
        if self.layout.window_seconds:
            seconds = self.layout.window_seconds
            for together in _together(rows, seconds=seconds, at=lambda row: row.at):
                yield Group(at=together[-1].at, layout=self.layout, rows=together)
            return
        for at, same in groupby(rows, key=lambda row: row.at):
            yield Group(at=at, layout=self.layout, rows=list(same))

    def _rows(self) -> Iterator[RawRow]:
        for table in self.found:
            for number, cells in table.rows():
                if isinstance(cells, Refusal):
                    continue  # a stray, refused when the file was scanned
                try:
                    at = self.layout.time_of(cells)
                except Refusal:
                    continue
                yield RawRow(at, table, number, cells)


class Chain:
    """Iterate it for its snapshots.

    strays   rows that belong to no snapshot: without a time, or with the wrong number of columns
    times    of all snapshots, before any choice of period
    """

    def __init__(
        self,
        paths: Iterable[Path],
        *,
        candles: Candles = NO_CANDLES,
        since: datetime | None = None,
        until: datetime | None = None,
        currency: str | None = None,
    ) -> None:
        self._candles = candles
        self._since, self._until = since, until
        self._currency = currency
        self.strays: list[RowRefused] = []
        unique = {path.resolve(): path for path in paths}
        found = [tables.table(path, layouts.FORMS) for path in unique.values()]
        self._sources = self._scanned(sorted(found, key=lambda table: (table.file, table.path)))
        every = {at for source in self._sources for at in source.times}
        self.times = sorted(at for at in every if self._chosen(at))

    def __iter__(self) -> Iterator[Snapshot]:
        """Raises FileUnreadable when a file changed since it was scanned."""
        groups = merge(
            *(source.groups() for source in self._sources),
            key=lambda group: (group.at, group.layout.source),
        )
        for (at, _), same in groupby(groups, key=lambda group: (group.at, group.layout.source)):
            together = list(same)
            if not self._chosen(at):
                continue
            yield snapshots.snapshot(
                [row for group in together for row in group.rows],
                layout=together[0].layout,
                candles=self._candles,
                currency=self._currency,
            )

    def _chosen(self, at: datetime) -> bool:
        since, until = self._since, self._until
        return (since is None or at >= since) and (until is None or at < until)

    def _scanned(self, found: Sequence[Table]) -> list[_Source]:
        sources = []
        tickers = [table for table in found if table.form == layouts.TICKER.form]
        others = [[table] for table in found if table.form != layouts.TICKER.form]
        for together in [*others, *([tickers] if tickers else [])]:
            layout = layouts.layout_of(together[0].form)
            times = [at for table in together for at in self._times(table, layout)]
            in_order = all(one <= two for one, two in pairwise(times))
            ordered = sorted(set(times))
            if layout.window_seconds:
                lots = _together(ordered, seconds=layout.window_seconds, at=lambda time: time)
                ordered = [lot[-1] for lot in lots]
            sources.append(_Source(layout, together, in_order, ordered))
        return sources

    def _times(self, table: Table, layout: Layout) -> Iterator[datetime]:
        for number, cells in table.rows():
            if isinstance(cells, Refusal):
                self.strays.append(table.refused(number, cells))
                continue
            try:
                yield layout.time_of(cells)
            except Refusal as refusal:
                self.strays.append(table.refused(number, refusal, cells))


def read_chain(
    paths: Iterable[Path],
    *,
    candles: Candles = NO_CANDLES,
    since: datetime | None = None,
    until: datetime | None = None,
    currency: str | None = None,
) -> Chain:
    """Snapshots from `since` up to but not including `until`, of one currency or of all.

    Raises FileUnreadable, LayoutUnknown: before the first snapshot, whichever file it is.
    """
    return Chain(paths, candles=candles, since=since, until=until, currency=currency)


def _together(
    items: Iterable[T], *, seconds: int, at: Callable[[T], datetime]
) -> Iterator[list[T]]:
    """Items in time order, split where one is farther than `seconds` from the first of its lot."""
    lot: list[T] = []
    for item in items:
        if lot and (at(item) - at(lot[0])).total_seconds() > seconds:
            yield lot
            lot = []
        lot.append(item)
    if lot:
        yield lot
