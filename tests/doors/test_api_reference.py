"""Codes, assets and terms by the API; and trades by FpML message."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from clearing import selectors
from clearing.domain import adjustment, fpml
from clearing.domain.amendment import Codes
from clearing.domain.asset import AssetKind, AssetProfile
from clearing.services import adjustments, listing
from tests.builders import CALL, CAUSE, FUTURE, PERPETUAL, START, a_house
from tests.doors.callers import events, north, problem, venue
from tests.fpml_messages import PRICING, a_message, a_trade

pytestmark = pytest.mark.django_db
PARTIES = [
    {"party": "Party A", "account": "NORTH-1"},
    {"party": "HWUPKR0MPOU8FGXBT394", "account": "SOUTH-1"},
]


@pytest.fixture(autouse=True)
def _house():
    a_house()
    codes = {FUTURE: Codes(mic="XDER", venue_code="BTCF6", contract_size="1", cfi="FFCCSX")}
    listing.assign_codes(codes, at=START, cause=CAUSE)


# --- what is listed -------------------------------------------------------------------------------


def test_an_instrument_is_shown_with_its_codes_and_bounds():
    listing.amend(FUTURE, {"price_step": "5"}, reason="x", at=START, cause=CAUSE)

    one = north().get(f"/instruments/{FUTURE}").json()
    bare = north().get(f"/instruments/{CALL}").json()

    assert (one["mic"], one["venue_code"], one["contract_size"]) == ("XDER", "BTCF6", "1")
    assert (one["price_step"], one["lowest_price"], one["successor"]) == ("5", None, "")
    assert (bare["isin"], bare["contract_size"]) == ("", "0.1")


def test_an_adjusted_instrument_names_the_one_that_stands_for_it_and_its_history():
    adjustments.adjust_contract(
        PERPETUAL,
        ratio=adjustment.ratio_of("10:1"),
        action="a",
        reason="ten for one",
        at=START,
        cause=CAUSE,
    )
    caller = north()

    one = caller.get(f"/instruments/{PERPETUAL}").json()
    first = caller.get(f"/instrument-history/{PERPETUAL}", limit=1).json()
    rest = caller.get(f"/instrument-history/{PERPETUAL}", cursor=first["next_cursor"]).json()

    assert (one["status"], one["successor"]) == ("adjusted", "BTC1-PERP")
    assert [it["name"] for it in first["items"] + rest["items"]] == [
        "clearing.instrument-listed.v1",
        "clearing.contract-adjusted.v1",
    ]
    assert rest["items"][0]["fact"]["reason"] == "ten for one"
    assert not rest["has_more"]
    assert problem(caller.get("/instrument-history/NONE"))[0] == 404


def test_assets_say_what_they_are():
    profile = AssetProfile(asset="BTC", kind=AssetKind.TOKEN, dti="4H95J0R2X")
    listing.describe_asset(profile, at=START, cause=CAUSE)
    caller = north()

    first = caller.get("/assets", limit=2).json()
    rest = caller.get("/assets", cursor=first["next_cursor"]).json()

    found = {it["asset"]: it for it in first["items"] + rest["items"]}
    assert sorted(found) == ["BTC", "ETH", "USDC"]
    assert (found["BTC"]["kind"], found["BTC"]["dti"]) == ("token", "4H95J0R2X")
    assert (found["ETH"]["kind"], found["ETH"]["dti"]) == (None, "")


# --- POST /trades/fpml ----------------------------------------------------------------------------


def message(*trades, **but):
    usual = {
        "code": "BTCF6",
        "exchange": "XDER",
        "terms": "<contractYearMonth>2026-01</contractYearMonth>",
        "pricing": PRICING.format(price="90000.5"),
        "number": "2",
    }
    text = a_message(*(trades or [a_trade(**(usual | but))])).decode()
    return text.replace("<currency>USD<", "<currency>USDC<")


def post(text, *, caller=None, parties=PARTIES):
    return (caller or venue()).post("/trades/fpml", {"message": text, "parties": parties})


def test_a_message_is_booked_once_by_the_venue_that_matched_it():
    caller = venue()

    answer = post(message(), caller=caller)
    before = events()
    again = post(message(), caller=caller)

    assert answer.status_code == 201
    (taken,) = answer.json()["trades"]
    assert (taken["symbol"], taken["quantity"], taken["price"]) == (FUTURE, "2", "90000.5")
    assert (taken["buyer"], taken["seller"]) == ("NORTH-1", "SOUTH-1")
    assert selectors.account("NORTH-1").lots(FUTURE) == D(2) / D("0.001")
    assert again.json() == answer.json()
    assert events() == before


@pytest.mark.parametrize(
    ("but", "expected"),
    [
        ({"code": "NONE"}, (422, "instrument-unknown", ["/message"])),
        ({"exchange": "XCME"}, (422, "description-differs", ["/message"])),
        ({"pricing": ""}, (422, "fpml-incomplete", ["/message"])),
        ({"pricing": PRICING.format(price="1.1")}, (422, "price-off-tick", ["/message"])),
        ({"product": "bond"}, (422, "fpml-not-taken", ["/message"])),
    ],
)
def test_what_cannot_be_booked_is_a_problem_of_the_message(but, expected):
    before = events()
    caller = venue()
    issued = events()

    assert problem(post(message(**but), caller=caller)) == expected
    assert events() == issued > before


def test_what_is_no_message_or_names_nobody_is_refused():
    caller = venue()

    assert problem(post("<x", caller=caller)) == (422, "fpml-not-valid", ["/message"])
    assert problem(post(message(), caller=caller, parties=[])) == (
        422,
        "party-unknown",
        ["/parties"],
    )
    bomb = '<!DOCTYPE x [<!ENTITY a "ha">]>' + message()
    assert problem(post(bomb, caller=caller)) == (422, "fpml-not-valid", ["/message"])
    long = " " * fpml.MOST_BYTES + message()
    assert problem(post(long, caller=caller))[0] == 400


def test_only_a_venue_reports_and_only_its_own():
    before = events()
    assert problem(post(message(), caller=north()))[:2] == (403, "out-of-scope")
    assert problem(post(message(), caller=venue("XCME")))[1] == "description-differs"
    assert selectors.account("NORTH-1").lots(FUTURE) == 0
    assert events() > before  # the two credentials
