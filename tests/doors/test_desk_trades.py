"""A trade's page, the lists beside it, and the commands: what an officer sees and may have done."""

from __future__ import annotations

from io import StringIO
from xml.etree import ElementTree

import pytest
from django.core.management import CommandError, call_command

from clearing import selectors
from clearing.admin import chains
from tests.browser.scene import logged_in
from tests.services.posttrade import (
    VENUE,
    a_busy_house,
    allocate,
    average,
    claim,
    give_up,
    port,
    trade,
)

PAGE = "/admin/clearing/trade/XDER:t-1/change/"


@pytest.mark.django_db
def test_a_trades_page_shows_where_each_leg_went_and_its_whole_trail(client):
    a_busy_house()
    trade()
    allocate(shares={"NORTH-2": "0.4"})
    claim(give_up(account_id="NORTH-2", quantity="0.3"))
    port("EAST-1", "SOUTH-2", whole=True)

    page = logged_in(client).get(PAGE).content.decode()

    assert "NORTH-1 to NORTH-2: 0.400 allocation; NORTH-2 to EAST-1: 0.300 give-up" in page
    assert "0.300 now" in page
    assert "SOUTH-2" in page
    assert "90,000" in page or "90000.0" in page
    for fact in ("trade-novated", "leg-allocated", "leg-moved", "give-up-ended"):
        assert f"clearing.{fact}.v1" in page


@pytest.mark.django_db
def test_an_officer_busts_a_trade_and_says_why(client):
    a_busy_house()
    trade()
    order = "/admin/clearing/trade/XDER%3At-1/order/bust/"
    client = logged_in(client)
    assert "/order/bust/" in client.get(PAGE).content.decode()

    client.post(order, {"reason": "both agree"})

    row = selectors.trade(VENUE, "t-1")
    assert (row.status, row.reason) == ("busted", "both agree")
    assert "/order/bust/" not in client.get(PAGE).content.decode()


@pytest.mark.django_db
def test_an_auditor_looks_and_busts_nothing(client):
    a_busy_house()
    trade()
    client = logged_in(client, role="auditor", login="ada")

    answer = client.post("/admin/clearing/trade/XDER%3At-1/order/bust/", {"reason": "no"})

    assert answer.status_code == 403
    assert client.get(PAGE).status_code == 200
    assert selectors.trade(VENUE, "t-1").status == "active"


@pytest.mark.django_db
def test_every_list_and_page_of_what_follows_a_trade_is_shown(client):
    a_busy_house()
    trade("t-1")
    trade("t-2", quantity="0.003")
    made, asked = allocate("t-1", shares={"NORTH-2": "0.4"}), give_up("t-1", quantity="0.1")
    average(("t-2",), NORTH_2="0.003")
    client = logged_in(client)

    pages = {
        "trade": "XDER:t-1",
        "allocation": made,
        "handover": asked,
        "pricegroup": "",
    }

    for model, key in pages.items():
        assert client.get(f"/admin/clearing/{model}/").status_code == 200, model
        if key:
            page = client.get(f"/admin/clearing/{model}/{key}/change/")
            assert page.status_code == 200, model
    assert "0 min 00 s" in client.get(f"/admin/clearing/handover/{asked}/change/").content.decode()
    assert "90000000" in client.get("/admin/clearing/pricegroup/").content.decode()


@pytest.mark.django_db
def test_the_terminal_busts_a_trade_and_is_told_what_it_may_not():
    a_busy_house()
    trade()
    out = StringIO()

    call_command("bust_trade", "XDER", "t-1", reason="both agree", stdout=out)
    call_command("bust_trade", "XDER", "t-1", reason="both agree", stdout=out)

    assert out.getvalue().count("XDER:t-1 is busted") == 2
    with pytest.raises(CommandError, match=r"not-found trade_id: There is no such thing"):
        call_command("bust_trade", "XDER", "t-9", reason="both agree")


@pytest.mark.django_db
def test_the_terminal_ports_an_account():
    a_busy_house()
    trade()
    out = StringIO()

    call_command("port_account", "NORTH-1", "EAST-1", reason="a new home", stdout=out)

    assert "NORTH-1 is ported to EAST-1" in out.getvalue()
    assert selectors.account("EAST-1").lots("BTC-PERP") == 1_000
    with pytest.raises(CommandError, match=r"account-not-open to_account: .*closed|not-found"):
        call_command("port_account", "SOUTH-1", "NOBODY-1", reason="a new home")


def test_a_picture_of_a_chain_is_well_formed_and_can_be_read_aloud():
    step = chains.Step(giver="A<1", taker='B"2', says="0.4 allocation")
    back = chains.Step(giver='B"2', taker="A<1", says="0.1 allocation-cancelled")
    leg = chains.Leg(title="bought & held", first="A<1", steps=[step, back], now={"C-1": "0.3 now"})

    drawn = ElementTree.fromstring(chains.picture([leg]))  # noqa: S314 - our own

    space = "{http://www.w3.org/2000/svg}"
    assert drawn.find(f"{space}desc").text.startswith('A<1 to B"2: 0.4 allocation; B"2 to A<1')
    boxes = [it.find(f"{space}text").text for it in drawn.findall(f"{space}g[@class='bar']")]
    assert boxes == ["A<1", 'B"2', "C-1"]


def test_a_leg_that_went_nowhere_is_one_account():
    leg = chains.Leg(title="sold by S-1", first="S-1", steps=[], now={"S-1": "1 now"})

    assert "No lots have moved" in chains.picture([leg])
