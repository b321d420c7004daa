"""The three layouts of an option chain, and what a row of each says, in one shape.

The 2026 chains give volatility as a fraction, the older files in percent; here it is a fraction.
A column that is not used must still hold a number or nothing: a row that is broken anywhere is
not trusted elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from clearing.domain import amounts, clock
from clearing.domain.instrument import InstrumentNotTrading, TermsNotValid
from clearing.domain.prices import PriceRefused
from config.feeds import deribit, tables
from config.feeds.deribit import FutureName, OptionName
from config.feeds.tables import Cells, Form


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRow:
    """One option at one moment. index and mark are None where the layout has none, bid and ask
    where nobody stood on that side (the older files write 0 there)."""

    name: OptionName
    vol: Decimal  # fraction a year
    forward: Decimal
    index: Decimal | None
    mark: Decimal | None  # in coin
    future: FutureName | None  # the listed future its forward is, if it is one
    future_price: Decimal | None
    bid: Decimal | None = None  # in coin, as the mark
    ask: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """`window_seconds`: rows so close belong to one snapshot; zero when they share one time."""

    form: Form
    source: str  # as sealed sets name it
    time_of: Callable[[Cells], datetime]
    read: Callable[[Cells], OptionRow]
    window_seconds: int = 0


def _chain_time(cells: Cells) -> datetime:
    return tables.stamp(cells["timestamp"], field="timestamp")


def _ticker_time(cells: Cells) -> datetime:
    return tables.since_1970(cells["timestamp"], per_second=1_000, field="timestamp")


def _end_of_day_time(cells: Cells) -> datetime:
    return tables.since_1970(cells["quote_unixtime"], per_second=1, field="quote_unixtime")


def _chain_row(cells: Cells) -> OptionRow:
    _numbers(cells, "bid_price", "ask_price", "delta", "vega")
    _numbers(cells, "open_interest", "volume", "volume_usd")
    name = _named(
        cells["instrument_name"],
        currency=cells["currency"],
        option_type=cells["option_type"],
        strike=cells["strike"],
        expiry_at=tables.stamp(cells["expiry_datetime"], field="expiry_at"),
    )
    future = _future(cells["futures_instrument_name"], of=name)
    return OptionRow(
        name=name,
        vol=_volatility(cells, "implied_volatility", of=name),
        forward=_above_zero(cells, "underlying", field="forward", of=name),
        index=_above_zero(cells, "index_price", field="index", of=name),
        mark=_mark(cells, of=name),
        future=future,
        future_price=_future_price(cells, "futures_price", future=future, of=name),
        bid=_side(cells["bid_price"]),
        ask=_side(cells["ask_price"]),
    )


def _ticker_row(cells: Cells) -> OptionRow:
    _numbers(cells, *_TICKER_NUMBERS)
    name = _named(
        cells["instrument_name"],
        currency="",
        option_type=cells["option_type"],
        strike=cells["strike"],
        expiry_at=tables.since_1970(
            cells["expiration_timestamp"], per_second=1_000, field="expiry_at"
        ),
    )
    future = _future(cells["underlying_index"], of=name)
    return OptionRow(
        name=name,
        vol=_volatility(cells, "mark_iv", of=name).scaleb(-2),
        forward=_above_zero(cells, "underlying_price", field="forward", of=name),
        index=_above_zero(cells, "index_price", field="index", of=name),
        mark=_mark(cells, of=name),
        future=future,
        future_price=_future_price(cells, "underlying_price", future=future, of=name),
        bid=_side(cells["best_bid_price"]),
        ask=_side(cells["best_ask_price"]),
    )


def _end_of_day_row(cells: Cells) -> OptionRow:
    _numbers(cells, *_END_OF_DAY_NUMBERS)
    name = _named(
        cells["instrument_name"],
        currency=cells["base_currency"],
        option_type=cells["option_right"],
        strike=cells["strike"],
        expiry_at=tables.since_1970(cells["expiry_unix"], per_second=1, field="expiry_at"),
    )
    future = _future(cells["underlying_index"], of=name)
    return OptionRow(
        name=name,
        vol=_volatility(cells, "mark_iv", of=name).scaleb(-2),
        forward=_above_zero(cells, "underlying_price", field="forward", of=name),
        index=None,
        mark=None,
        future=future,
        future_price=_future_price(cells, "underlying_price", future=future, of=name),
        bid=_side(cells["bid_price"]),
        ask=_side(cells["ask_price"]),
    )


def check_not_expired(name: OptionName, *, at: datetime) -> None:
    """Raises InstrumentNotTrading."""
    if name.expiry_at <= at:
        raise InstrumentNotTrading(
            field="symbol", symbol=name.symbol, status="expired", expiry=clock.text(name.expiry_at)
        )


def _named(
    symbol: str, *, currency: str, option_type: str, strike: str, expiry_at: datetime
) -> OptionName:
    """The name, once the columns beside it say the same. Raises TermsNotValid, NotANumber."""
    name = deribit.option_name(symbol)
    if option_type not in ("call", "put"):
        raise TermsNotValid(field="option_type", got=option_type[:60], known="call put")
    if (option_type == "call") != name.is_call:
        raise TermsNotValid(field="option_type", got=option_type, name=symbol)
    if amounts.decimal(strike, field="strike") != name.strike:
        raise TermsNotValid(field="strike", got=strike, name=symbol)
    if expiry_at != name.expiry_at:
        raise TermsNotValid(field="expiry_at", got=clock.text(expiry_at), name=symbol)
    if currency and currency != name.currency:
        raise TermsNotValid(field="currency", got=currency[:60], name=symbol)
    return name


def _future(symbol: str, *, of: OptionName) -> FutureName | None:
    future = deribit.future_name(symbol)
    if future is not None and (future.currency, future.expiry_at) != (of.currency, of.expiry_at):
        raise TermsNotValid(field="underlying", got=symbol, name=of.symbol)
    return future


def _future_price(
    cells: Cells, column: str, *, future: FutureName | None, of: OptionName
) -> Decimal | None:
    if not cells[column]:
        return None
    price = _above_zero(cells, column, field="mark", of=of)
    return price if future is not None else None


def _above_zero(cells: Cells, column: str, *, field: str, of: OptionName) -> Decimal:
    if not cells[column]:
        raise PriceRefused(field=field, symbol=of.symbol, column=column, reason="missing")
    number = amounts.decimal(cells[column], field=field)
    if number <= 0:
        raise PriceRefused(field=field, symbol=of.symbol, got=number, reason="not above zero")
    return number


def _volatility(cells: Cells, column: str, *, of: OptionName) -> Decimal:
    if not cells[column]:
        raise PriceRefused(field="vol", symbol=of.symbol, reason="option with no volatility")
    return _above_zero(cells, column, field="vol", of=of)


def _mark(cells: Cells, *, of: OptionName) -> Decimal:
    """Zero is right for a deep option."""
    if not cells["mark_price"]:
        raise PriceRefused(field="mark", symbol=of.symbol, reason="missing")
    mark = amounts.decimal(cells["mark_price"], field="mark")
    if mark < 0:
        raise PriceRefused(field="mark", symbol=of.symbol, got=mark, reason="negative")
    return mark


def _side(text: str) -> Decimal | None:
    """A number by now: `_numbers` has looked. Nobody bids nothing."""
    return Decimal(text) or None if text else None


def _numbers(cells: Cells, *columns: str) -> None:
    for column in columns:
        if cells[column]:
            amounts.decimal(cells[column], field=column)


_TICKER_NUMBERS = tables.names(
    "settlement_price open_interest min_price max_price last_price interest_rate"
    " estimated_delivery_price bid_iv best_bid_price best_bid_amount best_ask_price"
    " best_ask_amount ask_iv vega theta rho gamma delta stats_volume stats_price_change stats_low"
    " stats_high"
)
_END_OF_DAY_NUMBERS = tables.names(
    "contract_size bid_size bid_price ask_price ask_size open_interest volume delta gamma vega"
    " theta rho"
)
CHAIN = Layout(
    form=Form(
        title="option chain (2026)",
        columns=frozenset(
            tables.names(
                "timestamp currency instrument_name option_type strike expiry_datetime index_price"
                " underlying underlying_name futures_price futures_instrument_name bid_price ask_price"
                " mark_price implied_volatility delta vega open_interest volume volume_usd"
            )
        ),
        naming="instrument_name",
    ),
    source="deribit:chain",
    time_of=_chain_time,
    read=_chain_row,
)
TICKER = Layout(
    form=Form(
        title="option tickers (2020)",
        columns=frozenset(
            tables.names(
                "timestamp_utc expiration_timestamp option_type instrument_name strike underlying_price"
                " underlying_index timestamp state mark_price mark_iv index_price change_id"
            )
        )
        | frozenset(_TICKER_NUMBERS),
        naming="instrument_name",
    ),
    source="deribit:ticker",
    time_of=_ticker_time,
    read=_ticker_row,
    window_seconds=600,
)
END_OF_DAY = Layout(
    form=Form(
        title="option end of day (2021)",
        columns=frozenset(
            tables.names(
                "quote_unixtime quote_readtime quote_date quote_time_hours instrument_name"
                " base_currency underlying_index underlying_price expiry_date expiry_unix expiry_time"
                " dte option_right strike mark_iv strike_distance_pct"
            )
        )
        | frozenset(_END_OF_DAY_NUMBERS),
        naming="instrument_name",
    ),
    source="deribit:end-of-day",
    time_of=_end_of_day_time,
    read=_end_of_day_row,
)
LAYOUTS = (CHAIN, TICKER, END_OF_DAY)
FORMS = tuple(layout.form for layout in LAYOUTS)


def layout_of(form: Form) -> Layout:
    return next(layout for layout in LAYOUTS if layout.form == form)
