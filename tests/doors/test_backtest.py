"""Backtests at a terminal: what is taken from price files, and what the real ones say."""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from io import StringIO
from math import exp, log
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config import backtesting
from config.feeds import closes
from margin.engine import simulation
from tests.oracle import histories as unrolled

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "crypto"
METHOD = ROOT / "margin" / "methods" / "simulation" / "filtered-es-99.json"
BARS = "date,symbol,base,open,high,low,close,volume"
PRICES = "date,price,volume,vix,funding_mean,funding_abs"
HOURS = "datetime_utc,ticker,open,high,low,close,volume"


def a_bar(day, close, *, high=None, low=None, base="BTC"):
    high, low = (close + 1 if high is None else high), (close - 1 if low is None else low)
    return f"{day},{base}/USD,{base},{close},{high},{low},{close},9"


def written(folder: Path, name: str, header: str, *rows: str) -> Path:
    path = folder / name
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as out:
        out.write("\n".join([header, *rows]) + "\n")
    return path


def btc(folder: Path):
    read = closes.read(folder)
    return closes.daily(read.sources, "BTC"), read


def test_no_return_crosses_from_one_source_to_another(tmp_path):
    written(
        tmp_path, "old.csv", PRICES, *(f"2019-12-{day},{100 * day},1,,," for day in (29, 30, 31))
    )
    written(
        tmp_path,
        "new.csv.gz",
        BARS,
        *(a_bar(f"2019-12-{day}", 7.0 * day) for day in (31,)),
        *(a_bar(f"2020-01-0{day}", 7.0 * (31 + day)) for day in (1, 2)),
    )

    found, _ = btc(tmp_path)

    assert [(it.day, it.file) for it in found.moves] == [
        (date(2019, 12, 30), "old.csv"),
        (date(2019, 12, 31), "old.csv"),
        (date(2020, 1, 1), "new.csv.gz"),
        (date(2020, 1, 2), "new.csv.gz"),
    ]
    assert found.moves[2].value == pytest.approx(log(32 / 31))
    assert not found.missing


def test_a_price_carried_over_is_refused_and_one_that_came_back_is_not(tmp_path):
    written(
        tmp_path,
        "bars.csv",
        BARS,
        a_bar("2022-11-05", 1568.34),
        a_bar("2022-11-06", 1568.34),
        a_bar("2022-11-07", 1568.34, high=1568.34, low=1568.34),
        a_bar("2022-11-08", 1334.25),
        a_bar("2022-11-09", 1100.0),
    )

    found, read = btc(tmp_path)

    assert [it.day.day for it in found.moves] == [6, 9]
    assert [it.day for it in found.missing] == [7, 8]
    assert [(it.row, it.code) for it in read.refused] == [(4, "close-refused")]


@pytest.mark.parametrize("close", ["", "nan", "-3", "0", "cheap", "inf"])
def test_a_close_that_is_no_price_is_refused_with_its_row(tmp_path, close):
    written(tmp_path, "prices.csv", PRICES, "2019-12-30,5,1,,,", f"2019-12-31,{close},1,,,")

    found, read = btc(tmp_path)

    assert not found.moves
    assert [(it.file, it.row, it.field) for it in read.refused] == [("prices.csv", 3, "price")]


def test_an_hour_closes_the_day_only_when_it_is_the_last_and_a_stable_coin_only_bears_witness(
    tmp_path,
):
    written(tmp_path, "bars.csv", BARS, a_bar("2021-05-18", 100.0), a_bar("2021-05-19", 90.0))
    written(
        tmp_path,
        "hours.csv",
        HOURS,
        "2021-05-18 22:00:00,BTCUSDT,1,1,1,77,1",
        "2021-05-18 23:00:00,BTCUSDT,1,1,1,101,1",
        "2021-05-19 23:00:00,BTCUSDT,1,1,1,88,1",
        "2021-05-20 23:00:00,BTCUSDT,1,1,1,80,1",
    )

    found, _ = btc(tmp_path)

    (move,) = found.moves
    assert move.file == "bars.csv"
    assert move.witness is not None
    assert move.witness[0] == "hours.csv"
    assert exp(move.witness[1]) == pytest.approx(88 / 101)


def histories_in(folder: Path) -> None:
    """Two coins with known returns, from 2018 on."""
    rows, price = [], {"BTC": 9000.0, "ETH": 700.0}
    for number, move in enumerate(unrolled.known_series(420)):
        day = date(2018, 1, 1) + timedelta(days=number)
        price = {"BTC": price["BTC"] * exp(move), "ETH": price["ETH"] * exp(-0.5 * move)}
        rows += [a_bar(day, close, base=base) for base, close in price.items()]
    written(folder, "bars.csv.gz", BARS, *rows)


def said(*arguments: object) -> str:
    out = StringIO()
    call_command("backtest", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_command_says_what_it_used_and_draws_each_book(tmp_path):
    histories_in(tmp_path)
    written(tmp_path, "rates.csv", "date,rate", "2018-01-01,3")

    words = said(tmp_path, "--html", tmp_path / "page.html")

    assert "BTC: 419 daily returns" in words
    assert "rates.csv: no layout with closes" in words
    assert "March 2020      BTC long          not tested" in words
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg class") == 6
    assert "BTC against ETH" in page
    assert "<script" not in page


def test_a_folder_without_a_history_is_refused(tmp_path):
    with pytest.raises(CommandError, match="0 days are too few"):
        said(tmp_path)
    with pytest.raises(CommandError, match="is no folder"):
        said(tmp_path / "nowhere")


@pytest.fixture(scope="module")
def real():
    if not DATA.exists():
        pytest.skip(f"{DATA.name} is not here")
    read = closes.read(DATA)
    return {it: closes.daily(read.sources, it) for it in closes.ASSETS}


def test_the_real_history_has_its_known_days(real):
    moves = {asset: {it.day: it.value for it in found.moves} for asset, found in real.items()}

    assert min(moves["BTC"].items(), key=lambda it: it[1])[0] == date(2020, 3, 12)
    assert exp(moves["BTC"][date(2020, 3, 12)]) - 1 == pytest.approx(-0.388, abs=5e-4)
    assert date(2018, 1, 1) in moves["BTC"]
    assert min(moves["ETH"]) == date(2020, 1, 2)  # there is no earlier one
    assert date(2022, 11, 7) in moves["ETH"]  # closed where it had closed, having moved


def test_the_day_before_the_crash_required_what_an_unrolled_history_requires(real):
    """12 March 2020, bitcoin long: a thousand returns at the volatility of the evening before."""
    before = [it.value for it in real["BTC"].moves if it.day < date(2020, 3, 12)]
    method = simulation.load(METHOD)

    outcome = backtesting.tested(
        real, method, since=date(2020, 3, 12), books=backtesting.BOOKS[:1]
    )[0]

    moves = unrolled.filtered_moves(before, decay=0.94, seed_days=30, days=1, never_down=False)[
        -1000:
    ]
    assert outcome.days[0] == date(2020, 3, 12)
    assert outcome.required[0] == pytest.approx(unrolled.worst_of(moves, count=10), rel=1e-9)
    assert outcome.required[0] == pytest.approx(0.1483, abs=5e-5)
    assert outcome.loss[0] == pytest.approx(0.3881, abs=5e-5)


def test_the_quantile_is_exceeded_as_often_as_promised_on_the_real_history(real):
    """Since 2018, each book alone: neither count nor clustering rejects 99 % at the 5 % level."""
    method = simulation.load(METHOD)

    outcomes = backtesting.tested(real, method, since=date(2018, 1, 1))

    for it in outcomes:
        assert not it.quantile.count.rejects(), it.book.name
        assert not it.quantile.both.rejects(), it.book.name
        assert it.margin.exceeded.sum() < it.quantile.exceeded.sum()
    long = outcomes[0]
    assert (len(long.days), long.days[0]) == (2966, date(2018, 1, 1))
    assert int(long.margin.exceeded.sum()) == 8
    crash = list(long.days).index(date(2020, 3, 12))
    assert long.margin.exceeded[crash]
