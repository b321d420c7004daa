"""Rows of exchange files: valid by default, a test names only what it is about."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

DATA = Path(__file__).parents[2] / "shared" / "data"
NO_DATA = "the real data folder is not beside the checkout"

FIRST, SECOND = "2026-01-28T04:00:47.979950+00:00", "2026-01-28T09:27:52.899983+00:00"
Row = dict[str, str]


def chain(name: str = "BTC-30JAN26-90000-C", **but: str) -> Row:
    """The 2026 layout: volatility is a fraction."""
    currency, _, strike, right = name.split("-")
    future = name.rsplit("-", 2)[0]
    usual = {
        "timestamp": FIRST,
        "currency": currency,
        "instrument_name": name,
        "option_type": "call" if right == "C" else "put",
        "strike": f"{strike}.0",
        "expiry_datetime": "2026-01-30T08:00:00+00:00",
        "index_price": "89021.44",
        "underlying": "89100.5",
        "underlying_name": future,
        "futures_price": "89100.5",
        "futures_instrument_name": future,
        "bid_price": "0.01",
        "ask_price": "",
        "mark_price": "0.0123",
        "implied_volatility": "0.47",
        "delta": "0.5",
        "vega": "10.5",
        "open_interest": "1.0",
        "volume": "0.0",
        "volume_usd": "0.0",
    }
    return usual | but


def ticker(name: str = "BTC-29MAY20-9000-C", **but: str) -> Row:
    """The 2020 layout: milliseconds, percent, one time a row."""
    _, _, strike, right = name.split("-")
    usual = {
        "timestamp_utc": "2020-05-21T23:20:17.942Z",
        "expiration_timestamp": "1590739200000",
        "option_type": "call" if right == "C" else "put",
        "instrument_name": name,
        "strike": f"{strike}.0",
        "underlying_price": "9087.89",
        "underlying_index": "SYN.BTC-29MAY20",
        "timestamp": "1590103217942",
        "state": "open",
        "settlement_price": "",
        "open_interest": "0.0",
        "min_price": "0.0",
        "max_price": "0.1",
        "mark_price": "0.0339",
        "mark_iv": "74.23",
        "last_price": "",
        "interest_rate": "0.0",
        "index_price": "9087.38",
        "estimated_delivery_price": "9087.38",
        "change_id": "19461436039",
        "bid_iv": "0.0",
        "best_bid_price": "0.0",
        "best_bid_amount": "0.0",
        "best_ask_price": "0.0",
        "best_ask_amount": "0.0",
        "ask_iv": "0.0",
        "vega": "0.0",
        "theta": "0.0",
        "rho": "0.0",
        "gamma": "0.0",
        "delta": "1.0",
        "stats_volume": "",
        "stats_price_change": "",
        "stats_low": "",
        "stats_high": "",
    }
    return usual | but


def end_of_day(name: str = "BTC-30JUL21-34000-C", **but: str) -> Row:
    """The 2021 layout: seconds, percent, neither index nor mark."""
    _, _, strike, right = name.split("-")
    usual = {
        "quote_unixtime": "1625112046",
        "quote_readtime": "2021-07-01 00:00",
        "quote_date": "2021-07-01",
        "quote_time_hours": "0.0",
        "instrument_name": name,
        "base_currency": "BTC",
        "contract_size": "1.0",
        "underlying_index": "BTC-30JUL21",
        "underlying_price": "34200.5",
        "expiry_date": "2021-07-30",
        "expiry_unix": "1627632000",
        "expiry_time": "4.0",
        "dte": "29.16613",
        "option_right": "call" if right == "C" else "put",
        "strike": f"{strike}.0",
        "bid_size": "0.0",
        "bid_price": "0.0",
        "ask_price": "0.0",
        "ask_size": "0.0",
        "open_interest": "0.0",
        "volume": "",
        "delta": "0.5",
        "gamma": "0.0",
        "vega": "0.0",
        "theta": "0.0",
        "rho": "0.0",
        "mark_iv": "80.5",
        "strike_distance_pct": "0.1",
    }
    return usual | but


def candle(coin: str = "BTC", **but: str) -> Row:
    usual = {
        "obs_datetime": FIRST,
        "coin": coin,
        "instrument_name": f"{coin}-PERPETUAL",
        "candle_tick_ms": "1769572860000",  # 04:01:00
        "candle_open": "89045.0",
        "candle_high": "89050.0",
        "candle_low": "89040.0",
        "candle_close": "89044.0",
        "candle_volume": "0.4",
        "candle_cost": "42930.0",
        "candle_resolution": "1",
        "perp_futures_mark_price": "89045.0",
        "data_source": "tradingview_chart_open_close_nearest",
    }
    return usual | but


def option_trade(number: int = 1, **but: str) -> Row:
    usual = {
        "timestamp_utc": "2020-02-21T14:31:50.251Z",
        "trade_seq": str(number),
        "trade_id": str(62_526_753 + number),
        "timestamp": str(1_582_295_510_250 + number),
        "tick_direction": "2",
        "price": "0.0045",
        "iv": "58.48",
        "instrument_name": "BTC-28FEB20-10750-C",
        "index_price": "9721.88",
        "direction": "buy",
        "amount": "2.0",
    }
    return usual | but


def future_trade(**but: str) -> Row:
    usual = {
        "ts_event_utc": "2023-12-25T23:00:00.085275Z",
        "ts_event_ns": "1703545200085275419",
        "symbol": "ESH4",
        "sequence": "6006",
        "action": "T",
        "side": "B",
        "price": "4800.25",
        "size": "5",
        "order_id": "6412777265520",
    }
    return usual | but


def written(path: Path, rows: Sequence[Mapping[str, str]], *more: str) -> Path:
    """The rows under their header, then lines as they are; gzip when the name ends in .gz."""
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows), *more]
    return text(path, lines)


def text(path: Path, lines: Iterable[str]) -> Path:
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
