"""Perpetuals: the one-minute candle at each snapshot, as the chain's publisher keeps them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from clearing.domain import amounts
from clearing.domain.errors import Refusal
from clearing.domain.instrument import TermsNotValid
from clearing.domain.prices import PriceRefused
from config.feeds import deribit, tables
from config.feeds.tables import Cells, Form, RowRefused

FARTHEST_SECONDS = 600
FORM = Form(
    title="perpetual candles",
    columns=frozenset(
        tables.names(
            "obs_datetime coin instrument_name candle_tick_ms candle_open candle_high candle_low"
            " candle_close candle_volume candle_cost candle_resolution perp_futures_mark_price"
            " data_source"
        )
    ),
    naming="instrument_name",
)


@dataclass(slots=True)
class Candles:
    """Prices of perpetuals by coin, in the order of the candles' own minutes."""

    prices: dict[str, list[tuple[datetime, Decimal]]] = field(default_factory=dict)
    refused: list[RowRefused] = field(default_factory=list)

    def nearest(self, currency: str, *, at: datetime) -> Decimal | None:
        """The price closest in time; the earlier of two; None when none is within ten minutes."""
        prices = self.prices.get(currency, [])
        place = bisect_left(prices, at, key=lambda candle: candle[0])
        near = prices[max(0, place - 1) : place + 1]
        if not near:
            return None
        then, price = min(near, key=lambda candle: abs(candle[0] - at))
        return price if abs((then - at).total_seconds()) <= FARTHEST_SECONDS else None


NO_CANDLES = Candles()


def read_candles(paths: Iterable[Path]) -> Candles:
    """Bad rows are left out and kept in `refused`. Raises FileUnreadable, LayoutUnknown."""
    found = Candles()
    prices: dict[str, dict[datetime, Decimal]] = {}
    for path in paths:
        table = tables.table(path, [FORM])
        for number, cells in table.rows():
            if isinstance(cells, Refusal):
                found.refused.append(table.refused(number, cells))
                continue
            try:
                coin, at, price = _candle(cells)
            except Refusal as refusal:
                found.refused.append(table.refused(number, refusal, cells))
                continue
            if prices.setdefault(coin, {}).setdefault(at, price) != price:
                again = tables.RowRepeated(field="candle_tick_ms", got=cells["candle_tick_ms"])
                found.refused.append(table.refused(number, again, cells))
    found.prices = {coin: sorted(by_time.items()) for coin, by_time in prices.items()}
    return found


def candle_files(beside: Iterable[Path]) -> list[Path]:
    """Files of this layout in the folders of the given files."""
    found = []
    for folder in sorted({path.resolve().parent for path in beside}):
        for path in sorted(folder.glob("*candle*.csv*")):
            try:
                found.append(tables.table(path, [FORM]).path)
            except (tables.LayoutUnknown, tables.FileUnreadable):
                continue
    return found


def _candle(cells: Cells) -> tuple[str, datetime, Decimal]:
    coin, symbol = cells["coin"], cells["instrument_name"]
    if coin not in deribit.SIZES or symbol != deribit.perpetual_symbol(coin):
        raise TermsNotValid(field="symbol", got=symbol[:60], coin=coin[:60])
    at = tables.since_1970(cells["candle_tick_ms"], per_second=1_000, field="candle_tick_ms")
    price = amounts.decimal(cells["perp_futures_mark_price"], field="mark")
    if price <= 0:
        raise PriceRefused(field="mark", symbol=symbol, got=price, reason="not above zero")
    return coin, at, price
