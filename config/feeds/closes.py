"""Daily closes of coins from price histories, hourly or daily, and one return a day out of many files.

A day is a UTC day; its close is that of a daily bar, or of the hour that begins at 23:00. Sources of
dollar spot prices make returns, the best first; all others only bear witness. A return is taken
within one source: where one source ends and another begins, prices of two venues never meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import isfinite, log
from pathlib import Path

from clearing.domain.errors import Refusal
from config.feeds import tables
from config.feeds.tables import Cells, Form, RowRefused, TimeNotValid, names

ASSETS = ("BTC", "ETH")
LAST_HOUR = 23
DAY = timedelta(days=1)


class CloseRefused(Refusal):
    code = "close-refused"
    says = "The close cannot be one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A layout of files: where a row says its coin, its time and its close."""

    form: Form
    asset: Callable[[Cells], str]
    at: Callable[[Cells], datetime]
    close: str
    hourly: bool
    rank: int | None  # among sources of returns, the best first; None for a witness


def _day(column: str) -> Callable[[Cells], datetime]:
    return lambda row: _moment(f"{row[column]}T00:00:00", column)


def _moment(text: str, column: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise TimeNotValid(field=column, got=text[:60]) from None


LAYOUTS = (
    Layout(
        form=Form(
            title="daily bars of a dollar venue",
            columns=frozenset(names("date symbol base open high low close volume")),
            naming="symbol",
        ),
        asset=lambda row: row["base"] if row["symbol"].endswith("/USD") else "",
        at=_day("date"),
        close="close",
        hourly=False,
        rank=0,
    ),
    Layout(
        form=Form(
            title="hourly bars of a dollar venue",
            columns=frozenset(
                names("unix_s datetime_utc symbol open high low close volume_btc volume_usd")
            ),
            naming="symbol",
        ),
        asset=lambda row: row["symbol"].removesuffix("/USD"),
        at=lambda row: tables.since_1970(row["unix_s"], per_second=1, field="unix_s"),
        close="close",
        hourly=True,
        rank=1,
    ),
    Layout(
        form=Form(
            title="daily closes of bitcoin over venues",
            columns=frozenset(names("date price volume vix funding_mean funding_abs")),
            naming="date",
        ),
        asset=lambda _row: "BTC",
        at=_day("date"),
        close="price",
        hourly=False,
        rank=2,
    ),
    Layout(
        form=Form(
            title="hourly bars in a stable coin",
            columns=frozenset(names("datetime_utc ticker open high low close volume")),
            naming="ticker",
        ),
        asset=lambda row: row["ticker"].removesuffix("USDT"),
        at=lambda row: _moment(row["datetime_utc"], "datetime_utc"),
        close="close",
        hourly=True,
        rank=None,
    ),
    Layout(
        form=Form(
            title="daily bars of perpetuals",
            columns=frozenset(names("date symbol open high low close volume")),
            naming="symbol",
        ),
        asset=lambda row: row["symbol"].partition("/")[0],
        at=_day("date"),
        close="close",
        hourly=False,
        rank=None,
    ),
)


@dataclass(slots=True, kw_only=True)
class Source:
    """Closes of one coin from one file, by day."""

    file: str
    asset: str
    rank: int | None
    closes: dict[date, float] = field(default_factory=dict)

    def move(self, day: date) -> float | None:
        """Logarithmic return of the day; None unless both its ends are closes of this source."""
        before, after = self.closes.get(day - DAY), self.closes.get(day)
        return None if before is None or after is None else log(after / before)


@dataclass(slots=True, kw_only=True)
class Read:
    sources: list[Source]
    refused: list[RowRefused]
    passed_over: dict[str, str]  # file -> why nothing was read from it


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One day's return, where it is from, and the widest that another source says it was."""

    day: date
    value: float
    file: str
    witness: tuple[str, float] | None  # the file and return that differ most


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """Returns of one coin, oldest first, and the days between them that no source has."""

    asset: str
    moves: Sequence[Move]
    missing: Sequence[date]


def read(folder: Path, *, assets: Sequence[str] = ASSETS) -> Read:
    """Every file of a known layout in a folder. Bad rows are left out and kept, with a reason.

    Raises FileUnreadable for a file that ends in the middle of itself.
    """
    found = Read(sources=[], refused=[], passed_over={})
    for path in sorted(folder.glob("*.csv*")):
        try:
            table = tables.table(path, [it.form for it in LAYOUTS])
        except tables.LayoutUnknown:
            found.passed_over[path.name] = "no layout with closes"
            continue
        layout = next(it for it in LAYOUTS if it.form is table.form)
        sources = _sources(table, layout, found.refused)
        wanted = [it for it in sources.values() if it.asset in assets]
        if not wanted:
            found.passed_over[path.name] = f"no close of {' or '.join(assets)}"
        found.sources.extend(wanted)
    return found


def _sources(
    table: tables.Table, layout: Layout, refused: list[RowRefused]
) -> Mapping[str, Source]:
    found: dict[str, Source] = {}
    for number, cells in table.rows():
        if isinstance(cells, Refusal):
            refused.append(table.refused(number, cells))
            continue
        try:
            _take(cells, layout, table.file, found)
        except Refusal as refusal:
            refused.append(table.refused(number, refusal, cells))
    return found


def _take(cells: Cells, layout: Layout, file: str, into: dict[str, Source]) -> None:
    asset, at = layout.asset(cells), layout.at(cells)
    if layout.hourly and at.hour != LAST_HOUR:
        return
    source = into.setdefault(asset, Source(file=file, asset=asset, rank=layout.rank))
    day, text = at.date(), cells[layout.close]
    try:
        close = float(text)
    except ValueError:
        close = float("nan")
    if not (isfinite(close) and close > 0.0):
        raise CloseRefused(field=layout.close, got=text[:40], reason="no positive number")
    if day in source.closes:
        raise CloseRefused(field=layout.close, got=text[:40], reason="the day has one already")
    traded = cells.get("high") != cells.get("low")  # a bar that moved only came back to its price
    if source.closes.get(day - DAY) == close and not traded:
        raise CloseRefused(field=layout.close, got=text[:40], reason="repeats the day before")
    source.closes[day] = close


def daily(sources: Iterable[Source], asset: str) -> Daily:
    """One return a day, each from the best source that has both its ends."""
    mine = [it for it in sources if it.asset == asset]
    ranked = sorted((it for it in mine if it.rank is not None), key=lambda it: (it.rank, it.file))
    days = sorted({day for it in ranked for day in it.closes})
    moves, missing = [], []
    day = days[0] + DAY if days else date.max
    while days and day <= days[-1]:
        chosen = next((it for it in ranked if it.move(day) is not None), None)
        if chosen is None:
            missing.append(day)
        else:
            moves.append(_move(chosen, day, [it for it in mine if it is not chosen]))
        day += DAY
    return Daily(asset=asset, moves=moves, missing=missing)


def _move(chosen: Source, day: date, others: Sequence[Source]) -> Move:
    value = chosen.move(day)
    assert value is not None
    said = [(it.file, theirs) for it in others if (theirs := it.move(day)) is not None]
    witness = max(said, key=lambda it: abs(it[1] - value), default=None)
    return Move(day=day, value=value, file=chosen.file, witness=witness)
