"""manage.py book_trades on a file of the house's own layout: by row, once, all or what is good."""

from __future__ import annotations

import gzip
import io

import pytest
from django.core.management import CommandError, call_command

from clearing import selectors
from clearing.services import trades
from tests.builders import a_house
from tests.doors.callers import events

pytestmark = pytest.mark.django_db
HEADER = "trade_id,venue,symbol,quantity,price,buyer,seller"


@pytest.fixture(autouse=True)
def _house():
    a_house()


def row(trade_id="t-1", **but):
    usual = {
        "trade_id": trade_id,
        "venue": "XDER",
        "symbol": "BTC-PERP",
        "quantity": "1",
        "price": "90000",
        "buyer": "NORTH-1",
        "seller": "SOUTH-1",
    }
    return ",".join((usual | but)[name] for name in HEADER.split(","))


def written(path, *rows, header=HEADER):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def book(path, *options):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("book_trades", str(path), *options, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


def lots():
    return selectors.account("NORTH-1").lots("BTC-PERP")


def test_every_row_is_booked_once_however_often_it_is_told(tmp_path):
    path = written(tmp_path / "t.csv", row("t-1"), row("t-2", quantity="0.5"))

    code, out, err = book(path)
    before = events()
    again = book(path)

    assert (code, err) == (0, "")
    assert "2 booked, 0 booked before, 0 rows refused" in out
    assert lots() == 1_500
    assert "0 booked, 2 booked before" in again[1]
    assert events() == before


def test_columns_may_come_in_any_order_and_zipped(tmp_path):
    path = tmp_path / "t.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("seller,buyer,price,quantity,symbol,venue,trade_id\n")
        file.write("SOUTH-1,NORTH-1,90000,2,BTC-PERP,XDER,t-9\n")

    assert book(path)[0] == 0
    assert lots() == 2_000


@pytest.mark.parametrize(
    ("but", "said"),
    [
        ({"quantity": "0.0005"}, "quantity-off-lot quantity"),
        ({"quantity": "lots"}, "not-a-number quantity"),
        ({"quantity": "0"}, "lots-out-of-range quantity"),
        ({"price": "90000.3"}, "price-off-tick price"),
        ({"price": "-1"}, "price-not-positive price"),
        ({"price": ""}, "not-a-number price"),
        ({"symbol": "NOSUCH"}, "instrument-unknown symbol"),
        ({"buyer": "NOBODY-1"}, "account-not-open buyer"),
        ({"buyer": "SOUTH-1"}, "self-trade seller"),
        ({"venue": "XD"}, "code-not-valid venue"),
        ({"trade_id": "t 2"}, "cell-not-valid trade_id"),
        ({"trade_id": "t-1"}, "row-repeated trade_id"),
        ({"trade_id": "x" * 33}, "cell-not-valid trade_id"),
    ],
)
def test_a_bad_row_is_refused_by_its_number_and_the_others_are_booked(tmp_path, but, said):
    path = written(tmp_path / "t.csv", row("t-1"), row(**({"trade_id": "t-2"} | but)), row("t-3"))

    code, out, err = book(path)

    assert code == 0
    symbol = but.get("symbol", "BTC-PERP")
    assert err.startswith(f"t.csv:3 {symbol} {said}: ")
    assert "2 booked, 0 booked before, 1 rows refused" in out
    assert lots() == 2_000
    assert book(path, "--strict")[0] == 1


def test_a_row_with_a_cell_too_few_is_refused_alone(tmp_path):
    path = written(tmp_path / "t.csv", row("t-1"), "t-2,XDER,BTC-PERP")

    _, out, err = book(path)

    assert "t.csv:3 - row-broken row" in err
    assert "1 booked" in out


def test_the_same_id_with_other_content_is_refused(tmp_path):
    book(written(tmp_path / "t.csv", row("t-1")))

    _, out, err = book(written(tmp_path / "t.csv", row("t-1", quantity="2"), row("t-2")))

    assert "t.csv:2 BTC-PERP key-reused key" in err
    assert "1 booked" in out


def test_whole_is_all_or_nothing(tmp_path):
    before = events()
    for rows in ([row("t-1"), row("t-2", price="1.1")], [row("t-1"), "broken"]):
        code, _, err = book(written(tmp_path / "t.csv", *rows), "--whole")

        assert code == 1
        assert "t.csv:3" in err
        assert events() == before

    assert book(written(tmp_path / "t.csv", row("t-1"), row("t-2")), "--whole")[0] == 0
    assert lots() == 2_000


def test_more_than_one_decision_holds_cannot_be_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(trades, "MOST_IN_A_BATCH", 2)
    path = written(tmp_path / "t.csv", *(row(f"t-{it}") for it in range(5)))

    assert "batch-out-of-range file" in book(path, "--whole")[2]
    assert "5 booked" in book(path)[1]


def test_a_report_names_its_own_accounts(tmp_path):
    path = written(tmp_path / "t.csv", row())

    assert "names its own" in book(path, "--buyer", "NORTH-1", "--seller", "SOUTH-1")[2]
