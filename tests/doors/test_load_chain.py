"""manage.py load_chain: translate in, seal, translate out."""

from __future__ import annotations

import io
import threading
from datetime import datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from clearing import selectors
from clearing.domain import clock
from clearing.domain.instrument import Kind, Payoff
from clearing.services import reference, timekeeping, trades
from margin import selectors as margin
from tests import feed_rows
from tests.builders import CAUSE, START, a_house, a_trade, run_due_jobs, terms
from tests.feed_rows import FIRST, SECOND, chain, end_of_day, ticker, written

CALL, PUT = "BTC-30JAN26-90000-C", "BTC-30JAN26-90000-P"


def load(*arguments):
    """(exit code, stdout, stderr)"""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("load_chain", *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


def facts():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM clearing_event")
        return cursor.fetchone()[0]


def sealed_times():
    return [clock.text(row.at) for row in reversed(selectors.price_sets())]


def two_snapshots(path):
    rows = [chain(CALL), chain(PUT), chain("ETH-30JAN26-3000-C", index_price="3000")]
    return written(path, [*rows, *(row | {"timestamp": SECOND} for row in rows)])


# --- what is sealed -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_chain_becomes_instruments_and_price_sets_under_business_time(tmp_path):
    written(tmp_path / "perpetual_candles.csv", [feed_rows.candle(), feed_rows.candle("ETH")])

    code, out, err = load(two_snapshots(tmp_path / "chain.csv.gz"))

    assert (code, err) == (0, "")
    assert sealed_times() == ["2026-01-28T04:00:47.979950Z", "2026-01-28T09:27:52.899983Z"]
    assert timekeeping.now() == datetime.fromisoformat(SECOND)
    prices = selectors.latest_prices().prices
    assert prices.quote(CALL).vol == "0.47"
    assert "BTC-PERPETUAL" not in prices.quotes  # its candle is hours old by then
    option, future = selectors.instrument(CALL), selectors.instrument("ETH-30JAN26")
    assert (option.kind, option.payoff, option.lot_size) == (
        Kind.OPTION,
        Payoff.INVERSE,
        Decimal("0.1"),
    )
    assert (future.kind, future.lot_size) == (Kind.FUTURE, 1)
    assert selectors.instrument("BTC-PERPETUAL").payoff is Payoff.INVERSE
    assert selectors.scales() == {"BTC": 8, "ETH": 9, "USDC": 6}
    assert "2/2 rows 3 sealed" in out
    assert "2 sealed, 0 sealed before" in out


@pytest.mark.django_db
@pytest.mark.parametrize("row", [chain, ticker, end_of_day])
def test_each_layout_seals_and_a_second_run_changes_nothing(tmp_path, row):
    path = written(tmp_path / "chain.csv", [row()])
    load(path)
    before = facts()

    code, out, _ = load(path)

    assert code == 0
    assert facts() == before
    assert "0 sealed, 1 sealed before" in out


@pytest.mark.django_db
def test_two_files_out_of_order_are_sealed_in_order(tmp_path):
    late = written(tmp_path / "a.csv", [chain(timestamp=SECOND)])
    early = written(tmp_path / "b.csv", [chain(timestamp=FIRST)])

    code, _, _ = load(late, early)

    assert code == 0
    assert sealed_times() == sorted(sealed_times())
    assert len(sealed_times()) == 2


@pytest.mark.django_db
def test_a_book_can_be_margined_on_it(tmp_path):
    a_house()
    load(two_snapshots(tmp_path / "chain.csv"))
    put = a_trade(symbol=PUT, quantity="0.5", price="0.0123")

    trades.novate(put, at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()

    assert selectors.latest_prices().settled
    for account in ("NORTH-1", "SOUTH-1"):
        row = margin.latest_requirement(account)
        assert row.reason == ""
    assert row.maintenance > 0  # the seller's


@pytest.mark.django_db
def test_a_contract_the_house_lists_keeps_its_own_lot_and_another_one_is_refused(tmp_path):
    a_house()  # its BTC-30JAN26 is a linear future
    rows = [chain(CALL), chain("BTC-30JAN26-100000-C")]

    code, _, err = load(written(tmp_path / "chain.csv", rows))

    prices = selectors.latest_prices().prices
    assert code == 0
    assert "derived BTC-30JAN26 terms-differ symbol" in err
    assert "BTC-30JAN26" not in prices.quotes
    assert {CALL, "BTC-30JAN26-100000-C", "BTC-USDC"} <= set(prices.quotes)
    assert selectors.instrument("BTC-USDC").lot_size == Decimal("0.001")


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_bad_rows_are_listed_by_name_and_line_and_good_ones_sealed(tmp_path):
    rows = [chain(CALL, implied_volatility=""), chain(PUT), chain("BTC-30JAN26-1-C", strike="2")]
    path = written(tmp_path / "chain.csv", rows, "half a row")

    code, out, err = load(path)

    assert code == 0
    lines = sorted(err.splitlines())
    assert lines[0].startswith(f"chain.csv:2 {CALL} price-refused vol: ")
    assert "option with no volatility" in lines[0]
    assert lines[1].startswith("chain.csv:4 BTC-30JAN26-1-C terms-not-valid strike: ")
    assert lines[2].startswith("chain.csv:5 - row-broken row: ")
    assert set(selectors.instruments()) == {PUT, "BTC-30JAN26", "BTC-USDC"}
    assert "3 rows refused" in out


@pytest.mark.django_db
def test_strict_exits_one_after_sealing_what_is_good(tmp_path):
    path = written(tmp_path / "chain.csv", [chain(CALL, mark_price="-1"), chain(PUT)])

    code, _, _ = load(path, "--strict")

    assert code == 1
    assert len(sealed_times()) == 1


@pytest.mark.django_db
def test_too_many_refusals_stop_before_the_set_is_sealed(tmp_path):
    bad = chain(CALL, timestamp=SECOND, mark_price="-1")
    path = written(tmp_path / "chain.csv", [chain(), bad, chain(PUT, timestamp=SECOND)])

    code, _, err = load(path, "--max-refusals", "0")

    assert code == 1
    assert "more than 0 rows are refused" in err
    assert len(sealed_times()) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("lines", [["a,b", "1,2"], []])
def test_another_header_is_refused_with_those_known(tmp_path, lines):
    good = written(tmp_path / "good.csv", [chain()])

    code, _, err = load(good, feed_rows.text(tmp_path / "other.csv", lines))

    assert code == 1
    assert "layout-unknown" in err
    assert "other.csv" in err
    assert "option tickers (2020): " in err
    assert facts() == 0


@pytest.mark.django_db
def test_nothing_good_is_exit_one_and_no_fact(tmp_path):
    code, _, err = load(written(tmp_path / "chain.csv", [chain(mark_price="-1")]))

    assert code == 1
    assert "nothing could be sealed" in err
    assert facts() == 0


@pytest.mark.django_db
def test_a_live_clock_is_refused_before_anything(tmp_path):
    timekeeping.tick(cause=CAUSE)
    before = facts()

    code, _, err = load(two_snapshots(tmp_path / "chain.csv"))

    assert code == 1
    assert "clock-is-live" in err
    assert str(clock.ClockIsLive(mode="live")) in err
    assert facts() == before


@pytest.mark.django_db
def test_an_older_snapshot_is_refused_whole_and_the_next_goes_on(tmp_path):
    load(written(tmp_path / "later.csv", [chain(timestamp=SECOND)]))
    before = facts()

    code, _, err = load(two_snapshots(tmp_path / "both.csv"))

    assert code == 1
    assert err.count("price-out-of-order at") == 2  # the second is not what was sealed
    assert facts() == before, "not even a listing"


# --- choices ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_period_and_one_currency(tmp_path):
    path = two_snapshots(tmp_path / "chain.csv")

    code, _, _ = load(path, "--since", "2026-01-28T06:00", "--currency", "ETH")

    assert code == 0
    assert sealed_times() == ["2026-01-28T09:27:52.899983Z"]
    assert set(selectors.latest_prices().prices.indices) == {"ETH"}


@pytest.mark.django_db
def test_no_such_day_is_no_period(tmp_path):
    code, _, err = load(two_snapshots(tmp_path / "chain.csv"), "--until", "2026-02-30")

    assert code == 1
    assert "2026-02-30 is no day or time" in err


@pytest.mark.django_db
def test_list_only_seals_nothing(tmp_path):
    code, out, _ = load(two_snapshots(tmp_path / "chain.csv"), "--list-only")

    assert code == 0
    assert not sealed_times()
    assert CALL in selectors.instruments()
    assert "7 instruments listed" in out


@pytest.mark.django_db
def test_waiting_for_workers_that_are_not_there_says_so(tmp_path):
    code, _, err = load(two_snapshots(tmp_path / "chain.csv"), "--wait", "0.2")

    assert code == 1
    assert "are workers running?" in err
    assert len(sealed_times()) == 1


# --- the services behind it ---------------------------------------------------------------------


@pytest.mark.django_db
def test_a_batch_of_instruments_is_listed_all_or_none():
    timekeeping.advance(START, cause=CAUSE)
    for asset, scale in (("USDC", 6), ("BTC", 8)):
        reference.admit_asset(asset, scale=scale, title=asset, at=START, cause=CAUSE)
    good, other = terms("BTC-B"), terms("BTC-A")

    assert reference.list_instruments([good, other], at=START, cause=CAUSE) == ["BTC-A", "BTC-B"]
    assert reference.list_instruments([good, terms("BTC-C")], at=START, cause=CAUSE) == ["BTC-C"]
    with pytest.raises(reference.TermsDiffer):
        reference.list_instruments(
            [terms("BTC-D"), terms("BTC-A", tick_size="1")], at=START, cause=CAUSE
        )
    with pytest.raises(selectors.AssetUnknown):
        reference.list_instruments([terms("X", underlying="SOL")], at=START, cause=CAUSE)
    assert "BTC-D" not in selectors.instruments()


def test_two_loads_at_once_end_in_one_book(house, tmp_path, django_db_blocker):
    path = two_snapshots(tmp_path / "chain.csv")
    answers = []

    def run():
        with django_db_blocker.unblock():
            answers.append(load(path)[0])
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with django_db_blocker.unblock():
        assert answers == [0, 0]
        assert len(sealed_times()) == 2
        assert len(selectors.instruments()) == 7
