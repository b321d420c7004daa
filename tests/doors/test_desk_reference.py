"""Instruments and assets in the admin: codes, bounds, history, and an officer's orders."""

from __future__ import annotations

import pytest
from django.urls import reverse

from clearing import selectors
from clearing.domain.amendment import Codes
from clearing.domain.asset import AssetKind, AssetProfile
from clearing.services import listing, trades
from tests.browser.scene import logged_in
from tests.builders import CALL, CAUSE, FUTURE, PERPETUAL, START, a_house, a_trade
from tests.doors.callers import events

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(client):
    a_house()
    return logged_in(client)


def page(symbol):
    return reverse("admin:clearing_instrument_change", args=[symbol])


def order(name, symbol):
    return reverse(f"admin:clearing_instrument_{name}", args=[symbol])


def last(symbol):
    return list(selectors.stream(f"instrument-{symbol}"))[-1]


def test_codes_are_assigned_whole_and_shown(officer):
    given = dict.fromkeys(("isin", "upi", "venue_code", "contract_size"), "")
    given |= {"cfi": "OCECCS", "mic": "XDER", "dti": "4H95J0R2X"}

    answer = officer.post(order("codes", CALL), given)

    assert answer.status_code == 302
    assert selectors.codes()[CALL] == Codes(**given)
    assert last(CALL).cause.actor == "officer:vera"
    shown = officer.get(page(CALL)).content.decode()
    assert "4H95J0R2X" in shown
    assert "0.1 units" in shown
    assert "instrument codes assigned" in shown
    assert "XDER" in officer.get(order("codes", CALL)).content.decode()  # the form starts there


def test_a_wrong_code_is_said_on_the_form_and_leaves_nothing(officer):
    before = events()

    answer = officer.post(order("codes", CALL), {"dti": "4H95J0R2T"}, follow=True)

    assert "expected X" in answer.content.decode()
    assert events() == before


def test_bounds_are_amended_and_shown(officer):
    asked = {"price_step": "5", "lowest_price": "", "highest_price": "", "reason": "noise"}

    assert officer.post(order("amend", PERPETUAL), asked).status_code == 302

    assert "price step 5" in officer.get(page(PERPETUAL)).content.decode()
    assert last(PERPETUAL).fact.reason == "noise"


def test_a_contract_is_adjusted_from_its_page_and_links_to_the_one_that_stands_for_it(officer):
    trades.novate(a_trade(), at=START, cause=CAUSE)
    asked = {"ratio": "10:1", "action": "a-1", "new_symbol": "", "reason": "ten for one"}

    answer = officer.post(order("adjust", PERPETUAL), asked, follow=True)

    shown = answer.content.decode()
    assert "2 accounts moved" in shown
    assert page("BTC1-PERP") in shown
    assert selectors.account("NORTH-1").lots("BTC1-PERP") == 10_000
    assert order("adjust", PERPETUAL) not in shown  # it is not alive any more
    assert "contract adjusted" in shown


def test_a_refused_order_says_why(officer):
    trades.novate(a_trade(), at=START, cause=CAUSE)

    held = officer.post(order("delist", PERPETUAL), {"reason": "x"}, follow=True)
    ratio = {"ratio": "1:1", "action": "a", "new_symbol": "", "reason": "x"}
    same = officer.post(order("adjust", PERPETUAL), ratio, follow=True)

    assert "Somebody holds this instrument" in held.content.decode()
    assert "no ratio of a split" in same.content.decode()


def test_an_instrument_nobody_holds_is_delisted(officer):
    officer.post(order("delist", FUTURE), {"reason": "no interest"})

    assert selectors.instrument(FUTURE).status == "delisted"


@pytest.mark.parametrize("name", ["amend", "codes", "adjust", "delist"])
def test_only_a_risk_officer_orders(client, name):
    a_house()
    logged_in(client, role="operator", login="olga")

    assert client.post(order(name, PERPETUAL), {"reason": "mine"}).status_code == 403


def test_assets_say_what_they_are(officer):
    profile = AssetProfile(asset="BTC", kind=AssetKind.TOKEN, dti="4H95J0R2X")
    listing.describe_asset(profile, at=START, cause=CAUSE)

    rows = officer.get(reverse("admin:clearing_asset_changelist")).content.decode()
    one = officer.get(reverse("admin:clearing_asset_change", args=["BTC"])).content.decode()

    assert "DTI 4H95J0R2X" in rows
    assert "not described" in rows
    assert "DTI 4H95J0R2X" in one
