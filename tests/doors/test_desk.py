"""The admin: who sees what, that nothing is changed but by orders, and that pages stay cheap."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts import selectors as accounts
from clearing import selectors
from clearing.services import collateral
from config.desk import wording
from liquidation import selectors as liquidation
from margin import selectors as margin
from tests.browser import scene
from tests.browser.scene import count_events, events_of, kill_a_job, logged_in
from tests.builders import CAUSE, START, a_house, run_due_jobs

pytestmark = pytest.mark.django_db

PAGES = (
    "/admin/",
    "/admin/house/accounts/NORTH-1/",
    "/admin/house/accounts/ccp-custody/",
    "/admin/house/cases/NORTH-1-case-1/",
    "/admin/house/trails/NORTH-1-call-1/",
)
LISTS = [
    f"admin:{model._meta.app_label}_{model._meta.model_name}"
    for model, desk in admin.site._registry.items()
]


@pytest.fixture
def officer(client):
    scene.a_closed_account()
    return logged_in(client)


def events():
    return selectors.facts_after(0, streams=None, limit=10_000)


# --- who sees what ----------------------------------------------------------------------------


def test_a_risk_officer_reads_every_page(officer):
    assert {page: officer.get(page).status_code for page in PAGES} == dict.fromkeys(PAGES, 200)


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_whoever_may_view_the_house_reads_the_same(client, role):
    scene.a_closed_account()
    logged_in(client, role=role, login=role)

    assert [client.get(page).status_code for page in PAGES] == [200] * len(PAGES)


def test_nobody_else_reads_anything(client):
    scene.a_closed_account()

    assert {client.get(page).status_code for page in PAGES} == {302}
    logged_in(client, role="member-user", login="mia")
    assert {client.get(page).status_code for page in PAGES} == {302}


def test_staff_without_the_permission_are_refused(client, django_user_model):
    scene.a_closed_account()
    user = django_user_model.objects.create_user("stray", password=scene.PASSWORD, is_staff=True)
    client.force_login(user)

    assert {client.get(page).status_code for page in PAGES[1:]} == {403}
    assert b"NORTH" not in client.get("/admin/").content
    assert {client.get(reverse(f"{name}_changelist")).status_code for name in LISTS} == {403}


def test_what_is_not_there_is_not_found(officer):
    for page in ("accounts/NOBODY", "cases/none", "trails/none-at-all"):
        assert officer.get(f"/admin/house/{page}/").status_code == 404


# --- what the pages say -----------------------------------------------------------------------


def test_the_front_page_says_who_is_short_and_how_long_they_have(client):
    scene.a_short_account()
    page = logged_in(client).get("/admin/")

    house, [call] = page.context["house"], margin.open_calls()
    [short] = house["short"]
    assert short["account"] == "NORTH-1"
    assert short["standing"] == "below-maintenance"
    row = margin.latest_requirement("NORTH-1")
    assert short["equity"] == selectors.shown("USDC", row.equity)
    [shown] = house["calls"]
    assert shown["left"] == call.due_at - selectors.business_clock().now
    assert house["moment"].mode == "story"
    assert "simulated" in page.content.decode()


def test_a_debt_with_nothing_to_cover_is_the_worst_that_is_listed(client):
    scene.a_short_account()
    row = margin.latest_requirement("SOUTH-1")
    row.pk, row.run_id, row.price_sequence = None, "in-debt", row.price_sequence + 1
    row.equity, row.maintenance, row.initial = -5, 0, 0
    row.save(force_insert=True)
    client = logged_in(client)

    page = client.get("/admin/")

    found = [
        (it["account"], it["standing"], it["coverage"]) for it in page.context["house"]["short"]
    ]
    assert found[0] == ("SOUTH-1", "debt", None)
    assert [account for account, _, _ in found] == ["SOUTH-1", "NORTH-1"]
    assert "1 in debt" in page.context["house"]["depths"]
    assert "in debt" in client.get("/admin/house/accounts/SOUTH-1/").content.decode()


def test_the_last_run_of_all_is_none_of_one_account(client):
    scene.a_portfolio()
    last = margin.last_run_of_all()
    collateral.request_withdrawal(
        "NORTH-1",
        key="w-1",
        asset="USDC",
        amount="1",
        at=selectors.business_clock().now,
        cause=CAUSE,
    )
    run_due_jobs()
    newest = margin.runs().get(kind="withdrawal")
    newest.pk, newest.completed = "withdrawal-under-way", False
    newest.save(force_insert=True)

    moment = logged_in(client).get("/admin/").context["house"]["moment"]

    assert (moment.run.run_id, moment.under_way) == (last.run_id, None)


def test_a_run_of_all_that_is_under_way_is_told_beside_the_last(client):
    scene.a_portfolio()
    last = margin.last_run_of_all()
    begun = margin.last_run_of_all()
    begun.pk, begun.kind, begun.completed = "night-2026-01-02", "night", False
    begun.at += timedelta(hours=1)
    begun.save(force_insert=True)

    moment = logged_in(client).get("/admin/").context["house"]["moment"]

    assert (moment.run.run_id, moment.under_way.run_id) == (last.run_id, begun.run_id)


def test_the_front_page_alarms_about_dead_jobs_and_stale_prices(client):
    from clearing.services import timekeeping
    from tests.builders import after

    scene.a_portfolio()
    kill_a_job()
    timekeeping.advance(after(days=3), cause=CAUSE)
    house = logged_in(client).get("/admin/").context["house"]

    said = " ".join(sentence for _, sentence, _ in house["alarms"])
    assert "1 job has given up" in said
    assert "too old" in said
    assert "simulated" in said


def test_an_empty_house_has_a_front_page_too(client):
    page = logged_in(client).get("/admin/")

    said = " ".join(sentence for _, sentence, _ in page.context["house"]["alarms"])
    assert "Business time has not started" in said
    assert "No prices are sealed" in said


def test_the_case_page_shows_each_fact_of_the_trail_with_its_event(officer):
    page = officer.get("/admin/house/cases/NORTH-1-case-1/").content.decode()

    trail = liquidation.trail("NORTH-1-case-1")
    assert len(trail) > 15
    for it in trail:
        assert f'href="/admin/clearing/event/{it.sequence}/change/"' in page


def test_every_fact_of_a_whole_story_is_told(officer):
    digits = selectors.scales()

    for it in events():
        assert wording.line(it, digits)


def test_hostile_text_is_shown_as_text(client):
    a_house()
    client = logged_in(client)
    collateral.deposit(
        "NORTH-1",
        key="<script>alert(1)</script>",
        asset="USDC",
        amount="1",
        at=START,
        cause=CAUSE,
    )
    from accounts.services import register

    register.open_account(
        "EVIL-1", member_id="NORTH", kind="client", title="<b>x", at=START, cause=CAUSE
    )
    sequence = events_of("account-NORTH-1")[-1].sequence

    for page in ("house/accounts/EVIL-1/", f"clearing/event/{sequence}/change/"):
        body = client.get(f"/admin/{page}").content.decode()
        assert "<b>x" not in body
        assert "<script>alert" not in body


# --- read-only --------------------------------------------------------------------------------


def test_lists_and_records_are_read_and_never_changed(officer):
    before = count_events()

    for model in admin.site._registry:
        first = model.objects.order_by("pk").first()
        took = _tries(officer, model, first)

        assert took == dict.fromkeys(took, 403) | {"list": 200, "record": took["record"]}, model
        assert took["record"] == (200 if first else None), model
        assert first is None or model.objects.filter(pk=first.pk).exists()
    assert count_events() == before


def _tries(client, model, first):
    """What each way to read or change a model answers."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    took = {"list": client.get(reverse(f"{name}_changelist")).status_code, "record": None}
    if model._meta.label != "accounts.Account":  # opened by a service, below
        took["form"] = client.get(reverse(f"{name}_add")).status_code
        took["add"] = client.post(reverse(f"{name}_add"), {}).status_code
    if first is not None:
        page, gone = (reverse(f"{name}_{way}", args=[first.pk]) for way in ("change", "delete"))
        took["record"] = client.get(page).status_code
        took["change"] = client.post(page, {}).status_code
        took["delete"] = client.post(gone, {"post": "yes"}).status_code
        chosen = {"action": "delete_selected", "_selected_action": [first.pk]}
        client.post(reverse(f"{name}_changelist"), chosen)
    return took


def test_a_search_finds_by_id_and_survives_nonsense(officer):
    events_page = reverse("admin:clearing_event_changelist")

    assert b"case-NORTH-1" in officer.get(events_page, {"q": "case-NORTH-1"}).content
    for text in ("'; --", "9" * 40, "\x00", "%"):
        assert officer.get(events_page, {"q": text}).status_code in (200, 302)


def test_nobody_reads_a_password(officer):
    user = accounts.models.User.objects.get(username="vera")

    page = officer.get(reverse("admin:accounts_user_change", args=[user.pk]))

    assert page.status_code == 200
    assert user.password not in page.content.decode()
    assert "risk-officer" in page.content.decode()


# --- opening an account -----------------------------------------------------------------------

ADD = "/admin/accounts/account/add/"


def test_a_risk_officer_opens_an_account_through_the_service(officer):
    answer = officer.post(
        ADD, {"account_id": "NORTH-2", "member": "NORTH", "kind": "client", "title": "Second"}
    )

    assert answer.status_code == 302
    opened = events_of("account-NORTH-2")[0]
    assert opened.fact.NAME == "clearing.account-opened.v1"
    assert opened.cause.actor == "officer:vera"
    assert opened.cause.correlation_id == answer["X-Correlation-Id"]
    assert selectors.account_row("NORTH-2").member_id == "NORTH"


def test_a_refusal_is_a_message_and_nothing_is_written(officer):
    before = count_events()

    answer = officer.post(
        ADD,
        {"account_id": "north 2", "member": "NORTH", "kind": "client", "title": "?"},
        follow=True,
    )

    assert answer.status_code == 200
    assert "not well formed" in answer.content.decode()
    assert count_events() == before
    assert not accounts.models.Account.objects.filter(account_id="north 2").exists()


def test_an_account_of_the_house_itself_cannot_be_opened_here(officer):
    asked = {"account_id": "MINE", "member": "NORTH", "kind": "clearinghouse", "title": "x"}

    assert officer.post(ADD, asked).status_code == 200  # the form again
    assert not accounts.models.Account.objects.filter(account_id="MINE").exists()


def test_an_auditor_opens_nothing(client):
    a_house()
    logged_in(client, role="auditor", login="ada")

    assert client.get(ADD).status_code == 403
    assert client.post(ADD, {}).status_code == 403


# --- cost -------------------------------------------------------------------------------------


def more_accounts(count):
    from accounts.services import register

    for number in range(count):
        account = f"MORE-{number}"
        register.open_account(
            account, member_id="NORTH", kind="client", title=account, at=START, cause=CAUSE
        )
        collateral.deposit(account, key=account, asset="USDC", amount="10", at=START, cause=CAUSE)


def test_the_front_page_asks_as_much_for_many_accounts(client):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    scene.a_short_account()
    logged_in(client)
    client.get("/admin/")
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/admin/")
    more_accounts(12)
    run_due_jobs()
    with CaptureQueriesContext(connection) as many:
        client.get("/admin/")

    assert len(many) == len(few) <= 20, [it["sql"][:120] for it in many.captured_queries]


@pytest.mark.parametrize(
    ("page", "most"),
    [("accounts/NORTH-1", 35), ("cases/NORTH-1-case-1", 30), ("trails/NORTH-1-call-1", 25)],
)
def test_joined_pages_ask_a_bounded_number_of_questions(
    officer, django_assert_max_num_queries, page, most
):
    officer.get(f"/admin/house/{page}/")

    with django_assert_max_num_queries(most):
        officer.get(f"/admin/house/{page}/")
