"""The commands of reference data: what they do, what they refuse, by name and row."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import CommandError, call_command

from clearing import selectors
from clearing.domain.instrument import Status
from clearing.services import trades
from config.feeds import instruments
from tests.builders import CALL, CAUSE, FUTURE, PERPETUAL, SPOT, START, a_house, a_trade
from tests.doors.callers import events

pytestmark = pytest.mark.django_db
HEADER = instruments.COLUMNS


@pytest.fixture(autouse=True)
def _house():
    a_house()


def run(name, *arguments):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


def a_row(**but):
    usual = dict.fromkeys(HEADER, "") | {
        "symbol": "ETH-PERP",
        "kind": "perpetual",
        "payoff": "linear",
        "underlying": "ETH",
        "quote": "USDC",
        "settlement": "USDC",
        "lot_size": "0.01",
        "tick_size": "0.05",
        "cfi": "SFMXXC",
        "mic": "XDER",
        "dti": "X9J9K872S",
        "contract_size": "1",
    }
    return ",".join((usual | but)[name] for name in HEADER)


def written(path, *rows):
    path.write_text("\n".join([",".join(HEADER), *rows]) + "\n")
    return path


# --- list_instruments -----------------------------------------------------------------------------


def test_instruments_are_listed_with_their_codes_and_once(tmp_path):
    option = {
        "symbol": "ETH-C",
        "kind": "option",
        "expiry_at": "2026-01-30T08:00:00Z",
        "strike": "4000",
        "option_type": "call",
        "cfi": "OCECCS",
        "isin": "US0378331005",
    }
    path = written(tmp_path / "new.csv", a_row(), a_row(**option))

    code, out, err = run("list_instruments", path)
    before = events()
    again = run("list_instruments", path)

    assert (code, err) == (0, "")
    assert "2 instruments: 2 newly listed, 2 got their codes" in out
    assert selectors.codes()["ETH-C"].isin == "US0378331005"
    assert selectors.instrument("ETH-C").strike == 4000
    assert "2 instruments: 0 newly listed, 0 got their codes" in again[1]
    assert events() == before


def test_new_codes_of_a_listed_instrument_are_assigned(tmp_path):
    run("list_instruments", written(tmp_path / "a.csv", a_row()))

    _, out, _ = run("list_instruments", written(tmp_path / "b.csv", a_row(mic="XCME")))

    assert "0 newly listed, 1 got their codes" in out
    assert selectors.codes()["ETH-PERP"].mic == "XCME"


@pytest.mark.parametrize(
    ("but", "said"),
    [
        ({"dti": "X9J9K872T"}, "code-not-valid dti: .*expected S"),
        ({"cfi": "FXXXXX", "kind": "spot", "lot_size": "0.01"}, "code-not-valid cfi"),
        ({"isin": "US0378331006"}, "code-not-valid isin: .*expected 5"),
        ({"tick_size": "0"}, "terms-not-valid tick_size"),
        ({"kind": "swap"}, "terms-not-valid kind"),
        ({"underlying": "DOGE"}, "asset-unknown asset"),
        ({"contract_size": "0.015"}, "terms-not-valid contract_size"),
        ({"strike": "x"}, "not-a-number strike"),
    ],
)
def test_one_wrong_row_refuses_the_whole_file_by_its_number(tmp_path, but, said):
    before = events()
    path = written(tmp_path / "new.csv", a_row(symbol="ETH-1"), a_row(symbol="ETH-2", **but))

    code, _, err = run("list_instruments", path)

    assert code == 1
    assert re.match(f"new.csv:3 ETH-2 {said}", err), err
    assert events() == before


def test_a_file_of_another_layout_and_a_symbol_twice_are_refused(tmp_path):
    other = tmp_path / "x.csv"
    other.write_text("symbol,kind\nA,spot\n")

    assert "layout-unknown file" in run("list_instruments", other)[2]
    twice = written(tmp_path / "y.csv", a_row(), a_row())
    assert "row-repeated symbol" in run("list_instruments", twice)[2]


# --- admit_asset ----------------------------------------------------------------------------------


def admit(*arguments):
    return run("admit_asset", *arguments, "--title", "an asset")


def test_assets_are_admitted_for_what_they_are():
    assert admit("USD", "--scale", 2, "--kind", "fiat")[0] == 0
    leveraged = ("--underlying", "BTC", "--leverage", "3", "--source", "prospectus")
    assert admit("BTC3L", "--scale", 8, "--kind", "leveraged-token", *leveraged)[0] == 0
    before = events()

    again = admit("BTC3L", "--scale", 8, "--kind", "leveraged-token", *leveraged)

    assert "was already leveraged-token" in again[1]
    assert events() == before
    profiles = selectors.asset_profiles()
    assert (profiles["USD"].kind, profiles["USD"].iso4217) == ("fiat", "USD")
    assert (profiles["BTC3L"].underlying, profiles["BTC3L"].leverage) == ("BTC", 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("USD", "--scale", 6, "--kind", "fiat"), "code-not-valid iso4217"),
        (("XBT", "--scale", 8, "--kind", "fiat"), "code-not-valid iso4217"),
        (("BTC", "--scale", 8, "--kind", "token", "--dti", "4H95J0R2T"), "code-not-valid dti"),
        (("BTC", "--scale", 9, "--kind", "token"), "terms-differ scale"),
        (
            (
                *("B3", "--scale", 8, "--kind", "leveraged-token"),
                *("--leverage", 3, "--source", "x", "--underlying", "NONE"),
            ),
            "asset-unknown asset",
        ),
        (("B3", "--scale", 8, "--kind", "leveraged-token"), "asset-not-valid leverage"),
    ],
)
def test_assets_that_are_not_what_is_said_leave_nothing(arguments, said):
    before = events()

    code, _, err = admit(*arguments)

    assert (code, said in err) == (1, True), err
    assert events() == before


# --- amend_instrument, delist ---------------------------------------------------------------------


def test_amended_bounds_bind_new_trades_from_now_on():
    trades.novate(a_trade(price="90000.5"), at=START, cause=CAUSE)

    code, out, _ = run("amend_instrument", PERPETUAL, "--set", "price_step=5", "--reason", "noise")

    assert (code, out) == (0, f"{PERPETUAL} is amended\n")
    with pytest.raises(Exception, match="step 5"):
        trades.novate(a_trade(trade_id="t-2", price="90000.5"), at=START, cause=CAUSE)
    assert trades.novate(a_trade(price="90000.5"), at=START, cause=CAUSE)  # booked before
    assert trades.novate(a_trade(trade_id="t-3", price="90005"), at=START, cause=CAUSE)
    assert (
        "is so already"
        in run("amend_instrument", PERPETUAL, "--set", "price_step=5.0", "--reason", "again")[1]
    )


def test_terms_that_positions_rest_on_are_refused_by_name():
    _, _, err = run("amend_instrument", CALL, "--set", "strike=1", "--reason", "x")

    assert err.startswith("terms-fixed strike: ")
    assert "Adjust the contract" in err
    assert "NAME=VALUE" in run("amend_instrument", CALL, "--set", "strike", "--reason", "x")[2]


def test_only_what_nobody_holds_is_delisted():
    trades.novate(a_trade(), at=START, cause=CAUSE)

    assert "still-held symbol" in run("delist", PERPETUAL, "--reason", "x")[2]
    assert run("delist", FUTURE, "--reason", "no interest")[1] == f"{FUTURE} is delisted\n"
    assert "delisted already" in run("delist", FUTURE, "--reason", "again")[1]
    assert selectors.instrument(FUTURE).status is Status.DELISTED
    with pytest.raises(Exception, match="delisted"):
        trades.novate(a_trade(trade_id="t-2", symbol=FUTURE), at=START, cause=CAUSE)


# --- adjust_contract ------------------------------------------------------------------------------


def adjust(*arguments):
    return run("adjust_contract", *arguments, "--reason", "split")


def test_one_contract_is_adjusted_once():
    trades.novate(a_trade(), at=START, cause=CAUSE)
    asked = ("--contract", PERPETUAL, "--ratio", "10:1", "--action", "BTC-10-1")

    code, out, err = adjust(*asked)
    before = events()
    again = adjust(*asked)

    assert (code, err) == (0, "")
    assert "BTC-PERP -> 10 x BTC1-PERP, 0.001 units a lot" in out
    assert "1 contracts adjusted, 2 accounts moved" in out
    assert "BTC-10-1 was done before" in again[1]
    assert events() == before
    assert selectors.account("NORTH-1").lots("BTC1-PERP") == 10_000
    assert "key-reused key" in adjust(*asked[:3], "3:1", *asked[4:])[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--contract", SPOT, "--ratio", "2:1", "--action", "a"), "adjustment-not-possible symbol"),
        (("--contract", CALL, "--ratio", "2:1", "--action", "a"), "adjustment-not-possible symbol"),
        (("--contract", "NO", "--ratio", "2:1", "--action", "a"), "instrument-unknown symbol"),
        (("BTC", "--ratio", "2", "--action", "a"), "ratio-not-valid ratio"),
        (("ETH", "--ratio", "2:1", "--action", "a"), "nothing-to-adjust underlying"),
        (("--ratio", "2:1", "--action", "a"), "give UNDERLYING"),
        (("BTC", "--contract", CALL, "--ratio", "2:1", "--action", "a"), "give UNDERLYING"),
    ],
)
def test_what_cannot_be_adjusted_is_refused_and_leaves_nothing(arguments, said):
    before = events()

    code, _, err = adjust(*arguments)

    assert (code, said in err) == (1, True), err
    assert events() == before
