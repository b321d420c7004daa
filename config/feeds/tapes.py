"""Tapes of real trades, as trades a venue would report.

`option_trades`: Deribit's option trades. The amount is in coin, the price too; `direction` is the
taker's side.
`future_trades`: CME's trades and fills of E-mini S&P futures. Its rows T are trades, of which the
side is the aggressor's (B, A, or N for none); its rows F say the same again from the resting side
and are passed over. The contract is a linear USD future of 50 USD a point.

Venue codes are our labels for where a tape comes from; XDRB is no registered market identifier.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clearing.domain import amounts, clock
from clearing.domain.amounts import AmountOutOfRange
from clearing.domain.errors import Refusal
from clearing.domain.events import InstrumentListed
from clearing.domain.instrument import InstrumentNotTrading, PriceNotPositive, TermsNotValid
from config.feeds import deribit, tables
from config.feeds.deribit import Asset
from config.feeds.tables import Cells, Form, RowRefused, Table

SIDES = ("buy", "sell", "none")
QUARTERS = {"H": 3, "M": 6, "U": 9, "Z": 12}


class SideNotValid(Refusal):
    code = "side-not-valid"
    says = "This is no side of a trade."


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeTrade:
    """One trade as the tape has it; decimals stay text until the terms are known."""

    file: str
    row: int
    at: datetime
    trade_id: str
    symbol: str
    quantity: str
    price: str
    taker: str  # buy | sell | none


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """In order of time, then of the exchange's own numbers. `passed_over`: rows that are no trade."""

    file: str
    venue: str
    trades: tuple[TapeTrade, ...]
    terms: dict[str, InstrumentListed]
    assets: dict[str, Asset]
    passed_over: int
    refused: tuple[RowRefused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    form: Form
    venue: str
    assets: dict[str, Asset]
    read: Callable[[Table, int, Cells], tuple[TapeTrade, InstrumentListed] | None]
    order: Callable[[Cells], tuple[int, ...]]
    in_packets: bool = False  # ids are of packets; the trades of one are numbered from 1


def read_tape(path: Path) -> Tape:
    """Raises FileUnreadable, LayoutUnknown naming the layouts that are known."""
    table = tables.table(path, [kind.form for kind in _KINDS])
    kind = next(kind for kind in _KINDS if kind.form == table.form)
    found: dict[str, tuple[tuple[int, ...], TapeTrade]] = {}
    terms: dict[str, InstrumentListed] = {}
    refused: list[RowRefused] = []
    packets: Counter[str] = Counter()
    passed_over = 0
    for number, cells in table.rows():
        if isinstance(cells, Refusal):
            refused.append(table.refused(number, cells))
            continue
        try:
            read = kind.read(table, number, cells)
            if read is None:
                passed_over += 1
                continue
            trade, listed = read
            if kind.in_packets:
                packets[trade.trade_id] += 1
                trade = replace(trade, trade_id=f"{trade.trade_id}-{packets[trade.trade_id]}")
            if trade.trade_id in found:
                first = found[trade.trade_id][1].row
                raise tables.RowRepeated(
                    field="trade_id", trade=trade.trade_id, earlier=f"{table.file}:{first}"
                )
        except Refusal as refusal:
            refused.append(table.refused(number, refusal, cells))
            continue
        found[trade.trade_id] = (kind.order(cells), trade)
        terms.setdefault(listed.symbol, listed)
    ordered = sorted(found.values(), key=lambda it: (it[1].at, it[0], it[1].trade_id))
    return Tape(
        file=table.file,
        venue=kind.venue,
        trades=tuple(trade for _, trade in ordered),
        terms=terms,
        assets=kind.assets,
        passed_over=passed_over,
        refused=tuple(refused),
    )


def _option_trade(
    table: Table, number: int, cells: Cells
) -> tuple[TapeTrade, InstrumentListed] | None:
    name = deribit.option_name(cells["instrument_name"])
    at = tables.since_1970(cells["timestamp"], per_second=1_000, field="timestamp")
    trade = TapeTrade(
        file=table.file,
        row=number,
        at=_before(name.expiry_at, at, symbol=name.symbol),
        trade_id=_number(cells, "trade_id"),
        symbol=name.symbol,
        quantity=_quantity(cells["amount"]),
        price=_price(cells["price"], lowest=0),
        taker=_side(cells["direction"], buy="buy", sell="sell"),
    )
    _number(cells, "trade_seq")
    return trade, deribit.option(name)


def _future_trade(
    table: Table, number: int, cells: Cells
) -> tuple[TapeTrade, InstrumentListed] | None:
    if cells["action"] == "F":
        return None
    if cells["action"] != "T":
        raise SideNotValid(field="action", got=cells["action"][:60], known="T F")
    at = tables.since_1970(cells["ts_event_ns"], per_second=1_000_000_000, field="ts_event_ns")
    listed = e_mini(cells["symbol"], at=at)
    trade = TapeTrade(
        file=table.file,
        row=number,
        at=_before(clock.parsed(listed.expiry_at), at, symbol=listed.symbol),
        trade_id=f"{listed.symbol}-{_number(cells, 'sequence')}",
        symbol=listed.symbol,
        quantity=str(amounts.decimal(_quantity(cells["size"])) * _POINT),
        price=_price(cells["price"], lowest=1),
        taker=_side(cells["side"], buy="B", sell="A", none="N"),
    )
    return trade, listed


def e_mini(symbol: str, *, at: datetime) -> InstrumentListed:
    """ES and a quarter's letter and digit: the first such month not before `at`.

    Expiry is the third Friday at 9:30 in New York. Raises TermsNotValid.
    """
    if not (len(symbol) == 4 and symbol.startswith("ES") and symbol[3] in "0123456789"):
        raise TermsNotValid(field="symbol", got=symbol[:60], form="ESH4")
    month = QUARTERS.get(symbol[2])
    if month is None:
        raise TermsNotValid(field="symbol", got=symbol, form="ESH4")
    years = (year for year in range(at.year, at.year + 11) if year % 10 == int(symbol[3]))
    expiry_at = next(
        (end for end in (_third_friday(year, month) for year in years) if end > at), None
    )
    assert expiry_at is not None, "eleven years hold every last digit once more"
    return InstrumentListed(
        symbol=symbol,
        kind="future",
        payoff="linear",
        underlying="SPX",
        quote="USD",
        settlement="USD",
        lot_size=str(_POINT),
        tick_size="0.25",
        expiry_at=clock.text(expiry_at),
        strike="",
        option_type="",
    )


def _third_friday(year: int, month: int) -> datetime:
    """9:30 in New York: summer time from the second Sunday of March to the first of November."""
    first = datetime(year, month, 1, 14 if month == 12 else 13, 30, tzinfo=UTC)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def _before(expiry_at: datetime, at: datetime, *, symbol: str) -> datetime:
    if at >= expiry_at:
        raise InstrumentNotTrading(
            field="symbol", symbol=symbol, status="expired", expiry=clock.text(expiry_at)
        )
    return at


def _number(cells: Cells, column: str) -> str:
    text = cells[column]
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise amounts.NotANumber(field=column, got=text[:60])
    return text


def _quantity(text: str) -> str:
    if amounts.decimal(text, field="quantity") <= 0:
        raise AmountOutOfRange(field="quantity", got=text)
    return text


def _price(text: str, *, lowest: int) -> str:
    """Only an option may trade at zero."""
    price = amounts.decimal(text, field="price")
    if price < 0 or (lowest and price == 0):
        raise PriceNotPositive(field="price", got=text)
    return text


def _side(text: str, *, buy: str, sell: str, none: str = "") -> str:
    if text and text in (buy, sell, none):
        return SIDES[(buy, sell, none).index(text)]
    known = " ".join(side for side in (buy, sell, none) if side)
    raise SideNotValid(field="direction", got=text[:60], known=known)


def _by_sequence(column: str) -> Callable[[Cells], tuple[int, ...]]:
    return lambda cells: (int(cells[column]),)


_POINT = 50  # USD a point of the index
_KINDS = (
    _Kind(
        form=Form(
            title="option trades (Deribit)",
            columns=frozenset(
                tables.names(
                    "timestamp_utc trade_seq trade_id timestamp tick_direction price iv"
                    " instrument_name index_price direction amount"
                )
            ),
            naming="instrument_name",
        ),
        venue="XDRB",
        assets=deribit.ASSETS,
        read=_option_trade,
        order=_by_sequence("trade_id"),
    ),
    _Kind(
        form=Form(
            title="future trades and fills (CME)",
            columns=frozenset(
                tables.names(
                    "ts_event_utc ts_event_ns symbol sequence action side price size order_id"
                )
            ),
            naming="symbol",
        ),
        venue="XCME",
        assets={
            "USD": Asset(scale=2, title="US dollar"),
            "SPX": Asset(scale=2, title="S&P 500 index"),
        },
        read=_future_trade,
        order=_by_sequence("sequence"),
        in_packets=True,
    ),
)
FORMS = tuple(kind.form for kind in _KINDS)
