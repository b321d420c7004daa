"""Exchange files become snapshots and tapes: good rows stay, bad ones are refused by name and line."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import clock
from config.feeds import candles, chains, deribit, snapshots, tables, tapes
from tests import feed_rows
from tests.feed_rows import SECOND, chain, end_of_day, ticker, written

CALL, PUT = "BTC-30JAN26-90000-C", "BTC-30JAN26-90000-P"


def read(*paths, **options):
    return list(chains.read_chain(paths, **options))


def only(*paths, **options):
    (found,) = read(*paths, **options)
    return found


# --- the three layouts --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chain.csv", "chain.csv.gz", "chain.txt.gz"])
def test_a_2026_chain_is_a_price_set(tmp_path, name):
    rows = [chain(CALL), chain(PUT, mark_price="5e-08", implied_volatility="0.5488000000000001")]

    found = only(written(tmp_path / name, rows))

    assert found.prices.quotes[CALL] == snapshots.Quote("0.0123", "0.47")
    assert found.prices.quotes[PUT] == snapshots.Quote("0.00000005", "0.5488000000000001")
    assert found.prices.quotes["BTC-30JAN26"].mark == "89100.5"
    assert found.prices.quotes["BTC-USDC"].mark == "89021.44"
    assert found.prices.indices == {"BTC": "89021.44"}
    assert found.prices.forwards == {"BTC 2026-01-30T08:00:00.000000Z": "89100.5"}
    assert not found.prices.simulated
    assert clock.text(found.at) == "2026-01-28T04:00:47.979950Z"
    assert found.terms[CALL] == deribit.option(deribit.option_name(CALL))
    assert not found.refused


def test_index_and_forward_are_medians_over_the_snapshot(tmp_path):
    rows = [
        chain(CALL, index_price="89000", underlying="89100"),
        chain(PUT, index_price="89001", underlying="89103"),
        chain("BTC-27MAR26-1-C", expiry_datetime="2026-03-27T08:00:00+00:00", index_price="80000"),
        chain("BTC-27MAR26-2-C", expiry_datetime="2026-03-27T08:00:00+00:00", index_price="99999"),
    ]

    found = only(written(tmp_path / "chain.csv", rows))

    assert found.prices.indices == {"BTC": "89000.5"}
    assert found.prices.forwards["BTC 2026-01-30T08:00:00.000000Z"] == "89101.5"


def test_2020_rows_within_ten_minutes_are_one_snapshot_at_the_latest(tmp_path):
    rows = [
        ticker("BTC-29MAY20-9000-P", timestamp="1590103817942", mark_iv="60"),
        ticker("BTC-29MAY20-9000-C", timestamp="1590103217942"),
        ticker("BTC-29MAY20-9000-C", timestamp="1590103817943"),
    ]

    first, second = read(written(tmp_path / "tickers.csv", rows))

    assert clock.text(first.at) == "2020-05-21T23:30:17.942000Z"
    assert first.prices.quotes["BTC-29MAY20-9000-C"].vol == "0.7423"
    assert first.prices.quotes["BTC-29MAY20-9000-P"].vol == "0.6"
    assert list(second.prices.quotes) == ["BTC-29MAY20-9000-C", "BTC-USDC"]
    assert "BTC-29MAY20" not in first.terms  # SYN. is no listed future


def test_a_2020_snapshot_may_span_two_files(tmp_path):
    one = written(tmp_path / "b.csv", [ticker("BTC-29MAY20-9000-C")])
    two = written(tmp_path / "a.csv", [ticker("BTC-29MAY20-9000-P", timestamp="1590103300000")])

    assert only(one, two).rows == 2


def test_2021_index_is_the_nearest_forward_and_marks_are_modelled(tmp_path):
    late = {"expiry_unix": "1632470400", "underlying_index": "BTC-24SEP21"}
    rows = [
        end_of_day("BTC-24SEP21-34000-C", underlying_price="36000", **late),
        end_of_day(),
        end_of_day("BTC-30JUL21-34000-P", underlying_price="34200.6"),
    ]

    found = only(written(tmp_path / "eod.csv.gz", rows))

    assert found.prices.indices == {"BTC": "34200.55"}
    call, put = (found.prices.quotes[f"BTC-30JUL21-34000-{right}"] for right in "CP")
    parity = Decimal(1) - Decimal(34000) / Decimal("34200.55")
    assert abs(Decimal(call.mark) - Decimal(put.mark) - parity) < Decimal("2e-8")
    assert call.vol == "0.805"
    assert found.prices.quotes["BTC-24SEP21"].mark == "36000"


# --- order and overlap --------------------------------------------------------------------------


def test_files_come_in_time_order_whatever_their_own(tmp_path):
    late = written(tmp_path / "a.csv", [chain(timestamp=SECOND)])
    early = written(tmp_path / "b.csv.gz", [chain()])
    old = written(tmp_path / "c.csv", [ticker()])

    found = read(late, early, old)

    assert [it.at for it in found] == sorted(it.at for it in found)
    assert chains.read_chain([late, early, old]).times == [it.at for it in found]


def test_rows_of_one_file_may_be_in_any_order(tmp_path):
    rows = [chain(CALL, timestamp=SECOND), chain(CALL), chain(PUT, timestamp=SECOND), chain(PUT)]

    found = read(written(tmp_path / "chain.csv", rows))

    assert [it.rows for it in found] == [2, 2]
    assert not any(it.refused for it in found)


def test_what_two_files_say_alike_is_said_once(tmp_path):
    one = written(tmp_path / "a.csv", [chain(CALL), chain(PUT)])
    two = written(tmp_path / "b.csv", [chain(CALL), chain(PUT, mark_price="0.5")])

    found = only(two, one, two)

    assert found.prices.quotes[PUT].mark == "0.0123"  # in the order of the files' names
    assert [(it.file, it.row, it.code) for it in found.refused] == [("b.csv", 3, "row-repeated")]


def test_a_period_and_a_currency_may_be_chosen(tmp_path):
    eth = "ETH-30JAN26-3000-C"
    rows = [chain(CALL), chain(eth, index_price="3000"), chain(CALL, timestamp=SECOND)]
    path = written(tmp_path / "chain.csv", rows)
    noon = datetime(2026, 1, 28, 6, tzinfo=UTC)

    assert [it.rows for it in read(path, until=noon)] == [2]
    assert [it.rows for it in read(path, since=noon)] == [1]
    assert eth in only(path, until=noon, currency="ETH").prices.quotes
    assert CALL not in only(path, until=noon, currency="ETH").prices.quotes


# --- bad rows -----------------------------------------------------------------------------------

BAD = {
    "not a number": ({"mark_price": "oops"}, "not-a-number", "mark"),
    "not finite": ({"index_price": "NaN"}, "not-a-number", "index"),
    "an idle column": ({"bid_price": "x"}, "not-a-number", "bid_price"),
    "negative mark": ({"mark_price": "-0.1"}, "price-refused", "mark"),
    "no mark": ({"mark_price": ""}, "price-refused", "mark"),
    "zero index": ({"index_price": "0.0"}, "price-refused", "index"),
    "no index": ({"index_price": ""}, "price-refused", "index"),
    "zero forward": ({"underlying": "0"}, "price-refused", "forward"),
    "no forward": ({"underlying": ""}, "price-refused", "forward"),
    "no volatility": ({"implied_volatility": ""}, "price-refused", "vol"),
    "zero volatility": ({"implied_volatility": "0.0"}, "price-refused", "vol"),
    "zero future": ({"futures_price": "0"}, "price-refused", "mark"),
    "no such type": ({"option_type": "straddle"}, "terms-not-valid", "option_type"),
    "other type": ({"option_type": "put"}, "terms-not-valid", "option_type"),
    "other strike": ({"strike": "91000.0"}, "terms-not-valid", "strike"),
    "other expiry": (
        {"expiry_datetime": "2026-01-31T08:00:00+00:00"},
        "terms-not-valid",
        "expiry_at",
    ),
    "other currency": ({"currency": "ETH"}, "terms-not-valid", "currency"),
    "other future": ({"futures_instrument_name": "BTC-27MAR26"}, "terms-not-valid", "underlying"),
    "no time of expiry": ({"expiry_datetime": "soon"}, "time-not-valid", "expiry_at"),
    "no name": ({"instrument_name": "BTC-30JAN26"}, "terms-not-valid", "symbol"),
    "no such day": ({"instrument_name": "BTC-31FEB26-90000-C"}, "terms-not-valid", "expiry_at"),
    "unknown coin": ({"instrument_name": "SOL-30JAN26-90000-C"}, "terms-not-valid", "currency"),
}


@pytest.mark.parametrize(("wrong", "code", "field"), BAD.values(), ids=BAD)
def test_a_bad_row_is_refused_by_name_and_line_and_no_good_one_is_lost(
    tmp_path, wrong, code, field
):
    bad = chain(CALL, **wrong)
    path = written(tmp_path / "chain.csv", [chain("BTC-30JAN26-1-C"), bad, chain(PUT)])

    found = only(path)

    (refused,) = found.refused
    assert (refused.file, refused.row, refused.code) == ("chain.csv", 3, code)
    assert (refused.instrument, refused.field) == (bad["instrument_name"], field)
    assert {"BTC-30JAN26-1-C", PUT} < set(found.prices.quotes)
    assert CALL not in found.prices.quotes


def test_an_option_that_had_expired_is_refused(tmp_path):
    rows = [chain(PUT), chain("BTC-28JAN26-1-C", expiry_datetime="2026-01-28T08:00:00+00:00")]
    rows = [row | {"timestamp": SECOND, "futures_instrument_name": ""} for row in rows]

    (refused,) = only(written(tmp_path / "chain.csv", rows)).refused

    assert (refused.row, refused.code) == (3, "instrument-not-trading")


def test_the_second_row_of_an_instrument_is_refused(tmp_path):
    (refused,) = only(written(tmp_path / "chain.csv", [chain(), chain()])).refused

    assert (refused.row, refused.code, refused.field) == (3, "row-repeated", "symbol")
    assert "chain.csv:2" in refused.reason


def test_rows_without_time_or_with_other_columns_belong_nowhere_and_are_said(tmp_path):
    broken = ["x,y", '2026-01-28T04:00:47.979950+00:00,"BTC,' + "," * 17]
    path = written(tmp_path / "chain.csv", [chain(), chain(PUT, timestamp="noon")], *broken)

    found = chains.read_chain([path])

    assert [(it.row, it.code) for it in found.strays] == [
        (3, "time-not-valid"),
        (4, "row-broken"),
        (5, "row-broken"),
    ]
    assert [it.rows for it in found] == [1]


def test_a_stray_quote_or_byte_spoils_its_own_row_only(tmp_path):
    path = written(tmp_path / "chain.csv", [chain(mark_price='"0.1'), chain(PUT)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"0.47", b"\xff\xfe", 1))

    found = chains.read_chain([path])

    assert [it.row for it in found.strays] == [2]
    assert PUT in next(iter(found)).prices.quotes


@pytest.mark.parametrize(
    ("row", "wrong", "field"),
    [
        (ticker, {"mark_iv": ""}, "vol"),
        (ticker, {"index_price": "0"}, "index"),
        (ticker, {"option_type": "put"}, "option_type"),
        (ticker, {"expiration_timestamp": "1590742800000"}, "expiry_at"),
        (ticker, {"best_bid_price": "x"}, "best_bid_price"),
        (end_of_day, {"mark_iv": "0.0"}, "vol"),
        (end_of_day, {"underlying_price": ""}, "forward"),
        (end_of_day, {"option_right": "put"}, "option_type"),
        (end_of_day, {"expiry_unix": "1627632001"}, "expiry_at"),
        (end_of_day, {"base_currency": "ETH"}, "currency"),
    ],
)
def test_older_layouts_refuse_alike(tmp_path, row, wrong, field):
    (refused,) = only(written(tmp_path / "old.csv", [row(**wrong)])).refused

    assert (refused.row, refused.field) == (2, field)


def test_a_snapshot_of_bad_rows_only_has_nothing_to_seal(tmp_path):
    found = only(written(tmp_path / "chain.csv", [chain(mark_price="-1")]))

    assert not found.prices.quotes
    assert len(found.refused) == 1


@pytest.mark.parametrize("lines", [[], ["a,b"], ["timestamp"], [",".join(chain()) + ",more"]])
def test_any_other_header_is_refused_with_those_known(tmp_path, lines):
    with pytest.raises(tables.LayoutUnknown) as refused:
        chains.read_chain([feed_rows.text(tmp_path / "other.csv", lines)])

    assert all(form.title in str(refused.value) for form in chains.layouts.FORMS)


def test_columns_may_come_in_any_order(tmp_path):
    rows = [dict(reversed(chain().items()))]

    assert CALL in only(written(tmp_path / "chain.csv", rows)).prices.quotes


def test_a_file_that_breaks_off_is_refused_before_anything(tmp_path):
    good = written(tmp_path / "a.csv", [chain()])
    torn = written(tmp_path / "b.csv.gz", [chain() for _ in range(500)])
    torn.write_bytes(torn.read_bytes()[:-20])

    for path in (torn, tmp_path / "missing.csv", tmp_path):
        with pytest.raises(tables.FileUnreadable):
            chains.read_chain([good, path])


# --- perpetuals ---------------------------------------------------------------------------------


def test_a_perpetual_is_the_nearest_candle_within_ten_minutes(tmp_path):
    path = written(
        tmp_path / "perpetual_candles.csv",
        [
            feed_rows.candle(),
            feed_rows.candle(candle_tick_ms="1769573460000", perp_futures_mark_price="1"),
            feed_rows.candle("ETH", candle_tick_ms="1769574000000"),
            feed_rows.candle(perp_futures_mark_price="-1"),
            feed_rows.candle(coin="SOL"),
        ],
    )
    rows = [chain(), chain("ETH-30JAN26-3000-C", index_price="3000")]
    found = candles.read_candles([path])

    one = only(written(tmp_path / "chain.csv", rows), candles=found)

    assert one.prices.quotes["BTC-PERPETUAL"].mark == "89045"
    assert one.missing == ("ETH-PERPETUAL",)
    assert "ETH-PERPETUAL" not in one.terms
    assert [(it.row, it.field) for it in found.refused] == [(5, "mark"), (6, "symbol")]
    assert candles.candle_files([tmp_path / "chain.csv"]) == [path.resolve()]


# --- medians ------------------------------------------------------------------------------------


@given(st.lists(st.decimals(min_value=1, max_value=10**6, places=8), min_size=1, max_size=30))
def test_a_median_has_as_many_above_as_below(numbers):
    found = snapshots.median(numbers)

    assert found == statistics.median(numbers)
    assert abs(sum(it > found for it in numbers) - sum(it < found for it in numbers)) <= len(
        [it for it in numbers if it == found]
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [("5e-08", "0.00000005"), ("82000.0", "82000"), ("0.0", "0"), ("1E+3", "1000")],
)
def test_a_number_has_one_spelling(number, text):
    assert snapshots.spelled(Decimal(number)) == text


# --- tapes --------------------------------------------------------------------------------------


def test_a_tape_is_in_the_order_of_time_and_then_of_ids(tmp_path):
    rows = [feed_rows.option_trade(number, timestamp="1582295510251") for number in (3, 1, 2)]
    rows.append(feed_rows.option_trade(4, timestamp="1582295510250"))

    tape = tapes.read_tape(written(tmp_path / "tape.csv.gz", rows))

    assert [it.trade_id for it in tape.trades] == ["62526757", "62526754", "62526755", "62526756"]
    assert list(tape.terms) == ["BTC-28FEB20-10750-C"]


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"price": "x"}, "not-a-number", "price"),
        ({"price": "-1"}, "price-not-positive", "price"),
        ({"amount": "0"}, "amount-out-of-range", "quantity"),
        ({"direction": "hold"}, "side-not-valid", "direction"),
        ({"trade_id": ""}, "not-a-number", "trade_id"),
        ({"trade_id": "62526754"}, "row-repeated", "trade_id"),
        ({"timestamp": "now"}, "time-not-valid", "timestamp"),
        ({"timestamp": "1582880400000"}, "instrument-not-trading", "symbol"),
        ({"instrument_name": "BTC"}, "terms-not-valid", "symbol"),
    ],
)
def test_a_bad_trade_is_refused_by_line(tmp_path, wrong, code, field):
    rows = [
        feed_rows.option_trade(1),
        feed_rows.option_trade(2, **wrong),
        feed_rows.option_trade(3),
    ]

    tape = tapes.read_tape(written(tmp_path / "tape.csv", rows))

    (refused,) = tape.refused
    assert (refused.row, refused.code, refused.field) == (3, code, field)
    assert len(tape.trades) == 2


def test_future_trades_are_told_from_fills_and_numbered_in_their_packet(tmp_path):
    rows = [feed_rows.future_trade(), feed_rows.future_trade(action="F"), feed_rows.future_trade()]

    tape = tapes.read_tape(written(tmp_path / "es.csv", rows))

    assert [it.trade_id for it in tape.trades] == ["ESH4-6006-1", "ESH4-6006-2"]
    assert tape.passed_over == 1
    assert tape.trades[0].quantity == "250"  # five contracts of fifty USD a point
    assert tape.terms["ESH4"].expiry_at == "2024-03-15T13:30:00.000000Z"


def test_a_quarterly_future_expires_on_the_next_such_third_friday():
    at = datetime(2023, 12, 25, tzinfo=UTC)

    assert tapes.e_mini("ESZ3", at=at).expiry_at == "2033-12-16T14:30:00.000000Z"
    assert tapes.e_mini("ESM4", at=at).expiry_at == "2024-06-21T13:30:00.000000Z"
