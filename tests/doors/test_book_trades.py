"""manage.py book_trades: a real tape under its own dates, once."""

from __future__ import annotations

import csv
import gzip
import io
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.services import register
from clearing import selectors
from clearing.services import reference, timekeeping
from config.feeds import deribit
from tests import feed_rows
from tests.builders import CAUSE
from tests.feed_rows import DATA, NO_DATA, future_trade, option_trade, written

START = datetime(2020, 1, 1, tzinfo=UTC)
SYMBOL = "BTC-28FEB20-10750-C"
TAPE = DATA / "trades" / "deribit_btc_option_trades_2020-02-21.csv"
FUTURES = DATA / "trades" / "es_future_trades_fills_2023-12-25_2300_2340.csv.gz"
real = pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA)


def book(path, *arguments):
    """(exit code, stdout, stderr); NORTH-1 buys and SOUTH-1 sells unless said otherwise."""
    arguments = arguments or ("--buyer", "NORTH-1", "--seller", "SOUTH-1")
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("book_trades", str(path), *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


def a_house_of_2020():
    timekeeping.advance(START, cause=CAUSE)
    register.open_house(at=START, cause=CAUSE)
    for member in ("NORTH", "SOUTH"):
        register.admit_member(member, name=member.title(), at=START, cause=CAUSE)
        register.open_account(
            f"{member}-1", member_id=member, kind="client", title=member, at=START, cause=CAUSE
        )


def facts():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM clearing_event")
        return cursor.fetchone()[0]


def lots(account, symbol=SYMBOL):
    return selectors.account(account).lots(symbol)


# --- what is booked -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_every_trade_moves_from_seller_to_buyer_whoever_took(tmp_path):
    a_house_of_2020()
    rows = [option_trade(1), option_trade(2, direction="sell", amount="0.1")]

    code, out, err = book(written(tmp_path / "tape.csv", rows))

    assert (code, err) == (0, "")
    assert lots("NORTH-1") == 21
    assert lots("SOUTH-1") == -21
    assert "2 trades in 1 instruments, 1 newly listed" in out
    assert "2 booked, 0 booked before" in out


@pytest.mark.django_db
def test_trades_are_booked_at_their_own_times_and_business_time_follows(tmp_path):
    a_house_of_2020()

    book(written(tmp_path / "tape.csv.gz", [option_trade(1), option_trade(2_001)]))

    legs = [it for it in selectors.stream("account-NORTH-1") if it.fact.NAME.endswith("novated.v1")]
    assert [it.effective_at.isoformat() for it in legs] == [
        "2020-02-21T14:31:50.251000+00:00",
        "2020-02-21T14:31:52.251000+00:00",
    ]
    assert timekeeping.now() == legs[-1].effective_at
    assert {(it.fact.venue, it.fact.trade_id) for it in legs} == {
        ("XDRB", "62526754"),
        ("XDRB", "62528754"),
    }


@pytest.mark.django_db
def test_booked_twice_is_booked_once(tmp_path):
    a_house_of_2020()
    path = written(tmp_path / "tape.csv", [option_trade(1), option_trade(2)])
    book(path)
    before = facts()

    code, out, _ = book(path)

    assert code == 0
    assert facts() == before
    assert "0 booked, 2 booked before" in out


@pytest.mark.django_db
def test_a_tape_that_grew_books_what_is_new(tmp_path):
    a_house_of_2020()
    book(written(tmp_path / "tape.csv", [option_trade(1)]))

    _, out, _ = book(written(tmp_path / "tape.csv", [option_trade(1), option_trade(2)]))

    assert "1 booked, 1 booked before" in out
    assert lots("NORTH-1") == 40


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mapping", "north"),
    [
        (["side,buyer,seller", "buy,NORTH-1,SOUTH-1", "sell,SOUTH-1,NORTH-1"], 10),
        (["trade_id,buyer,seller", "62526754,SOUTH-1,NORTH-1", "62526755,NORTH-1,SOUTH-1"], -10),
    ],
)
def test_a_mapping_file_says_who_bought(tmp_path, mapping, north):
    a_house_of_2020()
    rows = [option_trade(1), option_trade(2, direction="sell", amount="1")]
    path = written(tmp_path / "tape.csv", rows)

    code, _, _ = book(path, "--accounts", feed_rows.text(tmp_path / "who.csv", mapping))

    assert code == 0
    assert lots("NORTH-1") == north


@pytest.mark.django_db
def test_future_trades_are_booked_in_whole_contracts(tmp_path):
    a_house_of_2020()
    rows = [future_trade(side="N"), future_trade(action="F"), future_trade(price="4800.50")]

    code, out, _ = book(written(tmp_path / "es.csv", rows))

    assert code == 0
    assert lots("NORTH-1", "ESH4") == 10
    assert selectors.account("NORTH-1").cost("ESH4") == 5 * 50 * (480_025 + 480_050)
    assert "1 rows that are no trade" in out


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"amount": "9.95"}, "quantity-off-lot", "quantity"),
        ({"price": "0.00455"}, "price-off-tick", "price"),
        ({"price": ""}, "not-a-number", "price"),
        ({"direction": "up"}, "side-not-valid", "direction"),
    ],
)
def test_a_bad_trade_is_refused_by_line_and_its_neighbours_are_booked(tmp_path, wrong, code, field):
    a_house_of_2020()
    same = {"timestamp": "1582295510251"}  # one moment: decided together
    rows = [option_trade(1, **same), option_trade(2, **same, **wrong), option_trade(3, **same)]

    exit_code, out, err = book(written(tmp_path / "tape.csv", rows))

    assert exit_code == 0
    assert err.startswith(f"tape.csv:3 {SYMBOL} {code} {field}: ")
    assert lots("NORTH-1") == 40
    assert "2 booked, 0 booked before, 1 rows refused" in out
    assert book(tmp_path / "tape.csv", *_two(), "--strict")[0] == 1


def _two(buyer="NORTH-1", seller="SOUTH-1"):
    return "--buyer", buyer, "--seller", seller


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("buyer", "seller", "code"),
    [("NOBODY-1", "SOUTH-1", "not-found"), ("NORTH-1", "ccp-novation", "account-not-open")],
)
def test_accounts_must_be_there_and_open(tmp_path, buyer, seller, code):
    a_house_of_2020()
    path = written(tmp_path / "tape.csv", [option_trade()])
    before = facts()

    exit_code, _, err = book(path, *_two(buyer, seller))

    assert exit_code == 1
    assert code in err
    assert facts() == before


@pytest.mark.django_db
def test_a_suspended_account_is_not_open(tmp_path):
    a_house_of_2020()
    register.suspend("SOUTH-1", reason="test", at=START, cause=CAUSE)

    exit_code, _, err = book(written(tmp_path / "tape.csv", [option_trade()]))

    assert exit_code == 1
    assert "account-not-open seller" in err


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        (["a,b"], "layout-unknown"),
        (["side,buyer,seller", "up,NORTH-1,SOUTH-1"], "side-not-valid"),
        (["side,buyer,seller", "buy,NORTH-1"], "row-broken"),
        (["side,buyer,seller", "buy,NORTH-1,SOUTH-1", "buy,SOUTH-1,NORTH-1"], "row-repeated"),
    ],
)
def test_a_wrong_mapping_is_refused_whole(tmp_path, mapping, code):
    a_house_of_2020()
    path = written(tmp_path / "tape.csv", [option_trade()])

    exit_code, _, err = book(path, "--accounts", feed_rows.text(tmp_path / "who.csv", mapping))

    assert exit_code == 1
    assert code in err


@pytest.mark.django_db
def test_trades_the_mapping_forgets_are_refused_by_line(tmp_path):
    a_house_of_2020()
    mapping = feed_rows.text(tmp_path / "who.csv", ["side,buyer,seller", "buy,NORTH-1,SOUTH-1"])
    path = written(tmp_path / "tape.csv", [option_trade(1), option_trade(2, direction="sell")])

    _, out, err = book(path, "--accounts", mapping)

    assert f"tape.csv:3 {SYMBOL} accounts-not-given buyer" in err
    assert "1 booked" in out


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments", [("--buyer", "NORTH-1"), (*_two(), "--accounts", "who.csv"), ("--strict",)]
)
def test_accounts_are_given_in_one_way(tmp_path, arguments):
    exit_code, _, err = book(tmp_path / "tape.csv", *arguments)

    assert exit_code == 1
    assert "give --buyer and --seller, or --accounts" in err


@pytest.mark.django_db
def test_another_layout_is_refused_with_those_known(tmp_path):
    a_house_of_2020()

    exit_code, _, err = book(feed_rows.text(tmp_path / "tape.csv", ["time,price", "1,2"]))

    assert exit_code == 1
    assert "layout-unknown" in err
    assert "option trades (Deribit): " in err


@pytest.mark.django_db
def test_a_live_clock_is_refused_before_anything(tmp_path):
    timekeeping.tick(cause=CAUSE)
    before = facts()

    exit_code, _, err = book(written(tmp_path / "tape.csv", [option_trade()]))

    assert exit_code == 1
    assert "clock-is-live" in err
    assert facts() == before


@pytest.mark.django_db
def test_a_late_report_is_booked_under_its_own_date_unless_it_expired(tmp_path):
    a_house_of_2020()
    path = written(tmp_path / "tape.csv", [option_trade(1)])
    timekeeping.advance(datetime(2020, 2, 25, tzinfo=UTC), cause=CAUSE)
    assert book(path)[0] == 0
    timekeeping.advance(datetime(2020, 3, 1, tzinfo=UTC), cause=CAUSE)
    before = facts()

    exit_code, out, err = book(written(path, [option_trade(1), option_trade(2)]))

    assert exit_code == 0
    assert "0 booked, 1 booked before, 1 rows refused" in out
    assert f"tape.csv:3 {SYMBOL} instrument-not-trading symbol" in err
    assert facts() == before


@pytest.mark.django_db
def test_what_is_new_here_and_has_expired_is_not_listed(tmp_path):
    a_house_of_2020()
    timekeeping.advance(datetime(2020, 3, 1, tzinfo=UTC), cause=CAUSE)
    before = facts()

    exit_code, _, err = book(written(tmp_path / "tape.csv", [option_trade(1)]))

    assert exit_code == 1
    assert "instrument-not-trading" in err
    assert "nothing could be booked" in err
    assert facts() == before


@pytest.mark.django_db
def test_the_same_ids_for_other_accounts_are_refused(tmp_path):
    a_house_of_2020()
    path = written(tmp_path / "tape.csv", [option_trade(1)])
    book(path)
    before = facts()

    exit_code, _, err = book(path, *_two("SOUTH-1", "NORTH-1"))

    assert exit_code == 1
    assert f"tape.csv:2 {SYMBOL} key-reused key" in err
    assert facts() == before


@pytest.mark.django_db
def test_another_contract_of_the_name_is_refused(tmp_path):
    a_house_of_2020()
    for asset in ("BTC", "USDC"):
        reference.admit_asset(
            asset, scale=deribit.ASSETS[asset].scale, title=asset, at=START, cause=CAUSE
        )
    listed = deribit.option(deribit.option_name(SYMBOL))
    reference.list_instruments([replace(listed, strike="10751")], at=START, cause=CAUSE)

    exit_code, _, err = book(written(tmp_path / "tape.csv", [option_trade(1)]))

    assert exit_code == 1
    assert f"tape.csv:2 {SYMBOL} terms-differ symbol" in err


# --- the real tapes -----------------------------------------------------------------------------


@real
@pytest.mark.django_db
def test_the_whole_tape_of_2020_books_and_adds_up():
    a_house_of_2020()
    wanted = Counter()
    with TAPE.open() as file:
        for row in csv.DictReader(file):
            wanted[row["instrument_name"]] += int(Decimal(row["amount"]) * 10)

    code, out, err = book(TAPE)
    before = facts()
    again = book(TAPE)

    assert (code, err) == (0, "")
    assert "233 booked" in out
    for symbol, total in wanted.items():
        assert lots("NORTH-1", symbol) == total
        assert lots("SOUTH-1", symbol) == -total
    assert timekeeping.now() == datetime(2020, 2, 21, 23, 47, 39, 515_000, tzinfo=UTC)
    assert all(members + house == 0 for _, members, house in selectors.trial_balance())
    assert again[0] == 0
    assert facts() == before


@real
@pytest.mark.soak
def test_the_whole_future_tape_books_and_adds_up(house, django_db_blocker):
    with gzip.open(FUTURES, "rt") as file:
        wanted = sum(int(row["size"]) for row in csv.DictReader(file) if row["action"] == "T")
    with django_db_blocker.unblock():
        a_house_of_2020()
        started = time.monotonic()

        code, out, err = book(FUTURES)

        print(out, f"{time.monotonic() - started:.1f} s")
        assert (code, err) == (0, "")
        assert lots("NORTH-1", "ESH4") == wanted
        before = facts()
        assert "2271 booked before" in book(FUTURES)[1]
        assert facts() == before
