"""Trades as a venue reports them, in a file of the house's own layout: one row, one trade.

`trade_id,venue,symbol,quantity,price,buyer,seller`, in any order of columns, plain or gzip. They are
booked at business time, as at the API's door: a row that was booked before changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clearing import selectors, store
from clearing.domain import codes
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.trade import BatchOutOfRange, Trade
from clearing.services import trades
from config.feeds import tables
from config.feeds.tables import (
    FileUnreadable,
    Form,
    LayoutUnknown,
    RowRefused,
    RowRepeated,
    row_refused,
)

COLUMNS = ("trade_id", "venue", "symbol", "quantity", "price", "buyer", "seller")
REPORTS = Form(title="trades (the house's own)", columns=frozenset(COLUMNS), naming="symbol")
LONGEST = {"trade_id": 32, "symbol": 40, "buyer": 20, "seller": 20}


class CellNotValid(Refusal):
    code = "cell-not-valid"
    says = "This is no name that the house takes."
    remedy = "Use visible ASCII characters without spaces."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    row: int
    trade: Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """The good rows in the file's order, and the others."""

    file: str
    rows: tuple[Reported, ...]
    refused: tuple[RowRefused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What came of some rows."""

    booked: int
    known: int
    refused: tuple[RowRefused, ...]


def is_report(path: Path) -> bool:
    """Whether the header is this layout's; who reads another says what is wrong with it."""
    try:
        tables.table(path, [REPORTS])
    except (FileUnreadable, LayoutUnknown):
        return False
    return True


def read(path: Path) -> Reports:
    """Raises FileUnreadable, LayoutUnknown."""
    table = tables.table(path, [REPORTS])
    rows: list[Reported] = []
    refused: list[RowRefused] = []
    seen: dict[tuple[str, str], int] = {}
    for number, cells in table.rows():
        if isinstance(cells, Refusal):
            refused.append(table.refused(number, cells))
            continue
        try:
            trade = _trade(cells)
            first = seen.setdefault((trade.venue, trade.trade_id), number)
            if first != number:
                raise RowRepeated(
                    field="trade_id", trade=trade.trade_id, earlier=f"{table.file}:{first}"
                )
        except Refusal as refusal:
            refused.append(table.refused(number, refusal, cells))
            continue
        rows.append(Reported(row=number, trade=trade))
    return Reports(file=table.file, rows=tuple(rows), refused=tuple(refused))


def _trade(cells: tables.Cells) -> Trade:
    codes.check_mic(cells["venue"], field="venue")
    for column, longest in LONGEST.items():
        text = cells[column]
        visible = text.isascii() and text.isprintable() and " " not in text
        if not (text and visible and len(text) <= longest):
            raise CellNotValid(field=column, got=text[:60], longest=longest)
    return Trade(**{column: cells[column] for column in COLUMNS})


def book(reports: Reports, *, at: datetime, cause: Cause) -> Iterator[Part]:
    """In batches; in each, the rows that are refused are left out and the others are booked."""
    for first in range(0, len(reports.rows), trades.MOST_IN_A_BATCH):
        some = reports.rows[first : first + trades.MOST_IN_A_BATCH]
        yield _book(list(some), file=reports.file, at=at, cause=cause)


def book_whole(reports: Reports, *, at: datetime, cause: Cause) -> Part:
    """All of the file or nothing of it, as one decision. Raises BatchOutOfRange."""
    if len(reports.rows) > trades.MOST_IN_A_BATCH:
        limit = trades.MOST_IN_A_BATCH
        raise BatchOutOfRange(field="file", count=len(reports.rows), limit=limit)
    try:
        new = _decide([it.trade for it in reports.rows], at=at, cause=cause)
    except Refusal as refusal:
        return Part(booked=0, known=0, refused=(_refused(reports.rows, refusal, reports.file),))
    return Part(booked=new, known=len(reports.rows) - new, refused=())


def _book(rows: list[Reported], *, file: str, at: datetime, cause: Cause) -> Part:
    refused: list[RowRefused] = []
    while rows:
        try:
            new = _decide([it.trade for it in rows], at=at, cause=cause)
        except Refusal as refusal:
            refused.append(_refused(rows, refusal, file))
            del rows[_place(rows, refusal)]
        else:
            return Part(booked=new, known=len(rows) - new, refused=tuple(refused))
    return Part(booked=0, known=0, refused=tuple(refused))


def _place(rows: Sequence[Reported], refusal: Refusal) -> int:
    """A refusal of one of many says which; of one alone it need not."""
    if refusal.place is None and len(rows) > 1:
        raise refusal
    return refusal.place or 0


def _refused(rows: Sequence[Reported], refusal: Refusal, file: str) -> RowRefused:
    it = rows[_place(rows, refusal)]
    return row_refused(refusal, file=file, row=it.row, instrument=it.trade.symbol)


@store.decision
def _decide(reported: Sequence[Trade], *, at: datetime, cause: Cause) -> int:
    """How many were new: their facts come after everything their accounts had before."""
    before = selectors.latest_of(name for it in reported for name in (it.buyer, it.seller))
    sequences = trades.novate_all(reported, at=at, cause=cause)
    return sum(
        sequence > max(before[it.buyer], before[it.seller])
        for it, sequence in zip(reported, sequences, strict=True)
    )
