"""The collateral page shows how market value becomes what counts; the schedule's, what is to come."""

from __future__ import annotations

import re

import pytest

from accounts.services import people
from clearing import selectors
from clearing.services import collateral, pricing, schedule, substitutions, trades
from config.desk import pictures
from config.desk.pictures import Step
from tests.builders import CAUSE, START, a_house, a_price_set, a_trade, after, run_due_jobs

pytestmark = pytest.mark.django_db
PAGE = "/admin/house/accounts/NORTH-1/collateral/"
SCHEDULE = "/admin/house/collateral/"


@pytest.fixture
def officer(client):
    user = people.create_user("olga", password="correct horse battery")
    people.grant_role("olga", role="risk-officer", at=START, cause=CAUSE)
    client.force_login(user)
    return client


def a_house_with_bitcoin() -> None:
    a_house(NORTH="1000")
    rules = {"admitted": True, "haircut": "0.1", "concentration": {"account_limit": "30000"}}
    assets = {"BTC": rules, "USDC": {"admitted": True}}
    schedule.set_schedule({"reporting": "USDC", "assets": assets}, at=after(), cause=CAUSE)
    collateral.deposit(NORTH, key="b", asset="BTC", amount="1", at=after(), cause=CAUSE)
    pricing.seal(a_price_set("90000"), cause=CAUSE)
    run_due_jobs()


NORTH = "NORTH-1"


def field(page: str, name: str, *, within: str = "") -> str:
    """The text of the first field of that name: the decimal, without what styles it."""
    part = page[page.index(within) :] if within else page
    found = re.search(rf'data-field="{name}"[^>]*>(.*?)</(td|dd|div)>', part, re.DOTALL)
    assert found, name
    return re.sub(r"<[^>]*>", "", found[1]).split()[0]


def test_the_page_shows_each_cut_and_each_lot(officer):
    a_house_with_bitcoin()
    substitutions.propose(
        NORTH,
        key="s",
        asset="BTC",
        amount="0.25",
        incoming="USDC",
        incoming_amount="1",
        expires_at=after(hours=9),
        at=after(hours=1),
        cause=CAUSE,
    )

    page = officer.get(PAGE).content.decode()

    bitcoin = 'data-asset="BTC"'
    assert field(page, "market", within=bitcoin) == "90000.000000"
    assert field(page, "haircut", within=bitcoin) == "9000.000000"
    assert field(page, "concentration", within=bitcoin) == "51000.000000"
    assert field(page, "eligible", within=bitcoin) == "30000.000000"
    assert field(page, "eligible_value") == "31000.000000"
    assert "substitution:NORTH-1:s" in page
    assert "Of 91,000.00 USDC, 31,000.00 USDC is left after 6 cuts." in page


def test_the_account_page_says_what_the_schedule_requires_and_leads_there(officer):
    a_house_with_bitcoin()
    trades.novate(a_trade(quantity="0.001"), at=after(hours=1), cause=CAUSE)  # at risk
    run_due_jobs()

    page = officer.get("/admin/house/accounts/NORTH-1/").content.decode()

    assert PAGE in page
    assert field(page, "maintenance", within="data-cuts") == "58200.000000"


def test_without_a_schedule_the_page_says_who_decides(officer):
    a_house()

    assert "the margin method alone" in officer.get(PAGE).content.decode()
    assert "set_collateral_schedule" in officer.get(SCHEDULE).content.decode()


def test_the_schedule_shows_what_is_in_force_and_what_is_announced(officer):
    a_house_with_bitcoin()
    change = {"assets": {"BTC": {"admitted": True, "haircut": "0.3"}}}
    schedule.set_schedule(change, at=after(hours=1), cause=CAUSE)

    page = officer.get(SCHEDULE).content.decode()

    assert field(page, "haircut", within='data-asset="BTC"') == "0.1"
    assert "BTC counts less a haircut of 0.3, from 2026-01-02 01:00:00 UTC on" in page


def test_lots_and_substitutions_have_lists_and_pages_of_their_own(officer):
    a_house_with_bitcoin()
    (lot,) = selectors.lots_of(NORTH)["BTC"]

    assert lot.lot_id in officer.get("/admin/clearing/collaterallot/").content.decode()
    page = officer.get(f"/admin/clearing/collaterallot/{lot.lot_id}/change/").content.decode()
    assert PAGE in page
    assert officer.get("/admin/clearing/substitution/").status_code == 200


def test_nobody_else_sees_the_pages(client):
    a_house()

    assert {client.get(it).status_code for it in (PAGE, SCHEDULE)} == {302}


def test_a_waterfall_hangs_each_cut_where_the_one_before_ended():
    steps = [
        Step(name="value <1>", start=0.0, end=100.0),
        Step(name="cut", start=100.0, end=75.0),
        Step(name="counts", start=0.0, end=75.0),
    ]

    drawn = pictures.waterfall(steps, key="k", title="t", unit="USDC")

    bars = re.findall(r'<rect x="([\d.]+)%" y="\d+" width="([\d.]+)%"', drawn)
    assert bars == [("40.00", "40.00"), ("70.00", "10.00"), ("40.00", "30.00")]
    assert "value &lt;1&gt;" in drawn
    assert pictures.waterfall([], key="k", title="t", unit="USDC")
