"""What officers may have done from the admin: each order is one service, by one permission."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts import selectors as accounts
from clearing import selectors
from liquidation import selectors as liquidation
from tests.browser import scene
from tests.browser.scene import count_events, events_of, kill_a_job, logged_in
from tests.builders import CAUSE, START, a_house

pytestmark = pytest.mark.django_db


def test_an_operator_tries_a_dead_job_again(client):
    a_house()
    job = kill_a_job()
    chosen = {"action": "try_again", "_selected_action": [job]}

    logged_in(client).post("/admin/clearing/job/", chosen)
    assert selectors.dead_jobs().count() == 1, "a risk officer does not run the house"
    logged_in(client, role="operator", login="olga").post("/admin/clearing/job/", chosen)

    assert selectors.dead_jobs().count() == 0
    client.post("/admin/clearing/job/", chosen)
    assert selectors.jobs().get(id=job).state == "due"


@pytest.fixture
def stuck():
    """A case that waits for people, because no backstop is open to trade with."""
    from accounts.services import register

    scene.a_portfolio()
    at = selectors.business_clock().now
    register.suspend("RING-1", reason="test", at=at, cause=CAUSE)
    scene.seal("82500", minutes=20)
    [case] = liquidation.open_cases()
    assert case.state == "stuck"
    return case.case_id


def test_an_officer_takes_up_a_stuck_case_again_and_says_why(client, stuck):
    logged_in(client)
    order = reverse("admin:liquidation_case_resume", args=[stuck])
    page = client.get(reverse("admin:liquidation_case_change", args=[stuck])).content.decode()
    assert order in page
    assert order in client.get(f"/admin/house/cases/{stuck}/").content.decode()
    assert client.get(order).status_code == 200
    assert liquidation.case(stuck).state == "stuck", "asking is not ordering"

    assert client.post(order, {"reason": ""}).status_code == 200
    assert liquidation.case(stuck).state == "stuck"
    assert client.post(order, {"reason": "the backstop is back"}).status_code == 302

    assert liquidation.case(stuck).state == "frozen"
    fact = liquidation.trail(stuck)[-1]
    assert (fact.fact.reason, fact.cause.actor) == ("the backstop is back", "officer:vera")


def test_taking_up_twice_is_refused_with_a_message(client, stuck):
    logged_in(client)
    order = reverse("admin:liquidation_case_resume", args=[stuck])
    client.post(order, {"reason": "once"})
    before = count_events()

    answer = client.post(order, {"reason": "twice"}, follow=True)

    assert "not in a state for that" in answer.content.decode()
    assert count_events() == before


def test_only_who_may_act_takes_up_a_case(client, stuck):
    logged_in(client, role="auditor", login="ada")
    order = reverse("admin:liquidation_case_resume", args=[stuck])

    assert client.get(order).status_code == 403
    assert client.post(order, {"reason": "please"}).status_code == 403
    assert order not in client.get(f"/admin/house/cases/{stuck}/").content.decode()


def test_an_operator_revokes_a_key(client):
    from accounts.services import people

    a_house()
    people.issue_credential(title="desk", member_id="NORTH", at=START, cause=CAUSE)
    row = accounts.models.Credential.objects.get()
    order = reverse("admin:accounts_credential_revoke", args=[row.pk])
    logged_in(client, role="operator", login="olga")

    assert client.post(order, {"reason": "left the firm"}).status_code == 302

    row.refresh_from_db()
    assert row.revoked
    assert events_of(f"credential-{row.pk}")[-1].fact.reason == "left the firm"


def test_orders_need_the_browsers_token(client, stuck):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    logged_in(strict)
    order = reverse("admin:liquidation_case_resume", args=[stuck])

    assert strict.post(order, {"reason": "forged"}).status_code == 403
    assert liquidation.case(stuck).state == "stuck"
