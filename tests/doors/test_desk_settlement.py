"""Settlement in the admin: a cycle's page and picture, its lines, and the alarm of a held one."""

from __future__ import annotations

import pytest
from django.urls import reverse

from clearing import models
from clearing.services import cycles, pricing, timekeeping, trades
from tests.browser.scene import logged_in
from tests.builders import CAUSE, INVERSE, a_house, a_price_set, a_trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(client):
    a_house()
    for number, symbol in enumerate(("BTC-PERP", INVERSE)):
        report = a_trade(trade_id=f"t-{number}", symbol=symbol, quantity="1000")
        trades.novate(report, at=timekeeping.now(), cause=CAUSE)
    pricing.seal(a_price_set("91000"), cause=CAUSE)
    cycles.settle_now(cause=CAUSE)
    return logged_in(client)


def test_a_cycles_page_shows_who_paid_whom_with_a_picture(officer):
    page = officer.get("/admin/house/cycles/ad-hoc-1/")

    text = page.content.decode()
    assert page.status_code == 200
    assert "Net received by member, in USDC" in text
    assert "Net received by member, in BTC" in text
    assert 'data-member="NORTH"' in text
    assert "Settlement cycle ad-hoc-1 is closed and balances: 4 lines of 2 accounts" in text
    assert officer.get("/admin/house/cycles/none/").status_code == 404


def test_lists_lead_to_the_page_and_its_lines(officer):
    listed = officer.get(reverse("admin:clearing_cycle_changelist")).content.decode()
    lines = officer.get(reverse("admin:clearing_cycleline_changelist") + "?cycle=ad-hoc-1")
    one = officer.get(reverse("admin:clearing_cycle_change", args=["ad-hoc-1"]))

    assert "/admin/house/cycles/ad-hoc-1/" in listed
    assert lines.status_code == one.status_code == 200
    assert "1000000.000000 USDC" in lines.content.decode()


def test_a_held_cycle_is_an_alarm_on_the_front_page(officer):
    models.Cycle.objects.filter(cycle_id="ad-hoc-1").update(state="held", reason="I3: off by 7")

    front = officer.get("/admin/").content.decode()
    page = officer.get("/admin/house/cycles/ad-hoc-1/").content.decode()

    assert "Settlement cycle ad-hoc-1 does not balance and is held: I3: off by 7" in front
    assert "It does not balance, and waits for people: I3: off by 7" in page
