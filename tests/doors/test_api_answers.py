"""Every no has a status that somebody decided, a page, and a place it points at."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from unittest import mock

import pytest
from django.db import OperationalError

from clearing.domain.errors import Refusal
from clearing.services import trades
from config import answers, problems
from tests.builders import a_house
from tests.doors.callers import Caller, a_report, events, north, problem, venue

APPS = ("clearing", "accounts", "margin", "liquidation")
ALL = (*APPS, "config")  # what commands refuse never meets HTTP, but its codes are codes too


def every_refusal(packages: tuple[str, ...] = APPS) -> list[type[Refusal]]:
    """Found by loading every module of the house, not by what happens to be loaded."""
    for app in packages:
        for module in pkgutil.walk_packages(import_module(app).__path__, f"{app}."):
            if "__main__" not in module.name and ".migrations" not in module.name:
                import_module(module.name)
    found, left = [], [Refusal]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    return [it for it in found if it.__module__.split(".")[0] in packages]


def test_every_refusal_has_a_status_and_every_status_a_refusal():
    codes = {it.code for it in every_refusal()}

    assert codes - set(answers.STATUS) == set(), "decide which status it answers with"
    assert set(answers.STATUS) - codes == set(), "nobody refuses this any more"


def test_every_refusal_has_a_code_and_a_sentence_of_its_own():
    kinds = every_refusal(ALL)
    codes = [it.code for it in kinds]

    assert len(codes) == len(set(codes)), sorted(c for c in codes if codes.count(c) > 1)
    assert not set(codes) & set(answers.AT_THE_DOOR)
    for kind in kinds:
        assert kind.says.endswith("."), kind
        assert kind.code == kind.code.lower()


def test_statuses_are_errors_and_their_meaning_is_kept():
    assert set(answers.STATUS.values()) == {400, 401, 403, 404, 409, 422, 503}
    assert [code for code, status in answers.STATUS.items() if status == 401] == [
        "credential-not-valid"
    ]
    assert answers.status_of(type("New", (Refusal,), {"code": "brand-new"})) == 422


def test_every_problem_has_a_page():
    pages = Caller().get("/problems").json()["items"]

    assert {it["code"] for it in pages} >= set(answers.AT_THE_DOOR)
    for refusal in problems.refusals():
        page = Caller().get(f"/problems/{refusal.code}").json()
        assert page in pages
        assert page["title"] == refusal.says
    assert problem(Caller().get("/problems/no-such-code")) == (404, "not-found", ["code"])


@pytest.mark.django_db
def test_a_problem_says_what_where_and_of_which_request():
    a_house()

    answer = venue().post(
        "/trades", a_report(price="90000.3"), headers={"X-Correlation-Id": "ticket-0001"}
    )

    assert answer.json() == {
        "type": "/api/v1/problems/price-off-tick",
        "title": "The price is not a whole number of ticks.",
        "status": 422,
        "detail": "The price is not a whole number of ticks. (got 90000.3, tick 0.5)"
        " Use a multiple of the tick.",
        "code": "price-off-tick",
        "instance": "req:ticket-0001",
        "facts": {"got": "90000.3", "tick": "0.5"},
        "errors": [
            {
                "pointer": "/price",
                "detail": "The price is not a whole number of ticks. (got 90000.3, tick 0.5)"
                " Use a multiple of the tick.",
            }
        ],
    }


@pytest.mark.django_db
def test_a_busy_database_is_asked_again_later():
    a_house()
    caller = venue()
    before = events()

    with mock.patch.object(trades, "novate", side_effect=OperationalError("lock timeout")):
        answer = caller.post("/trades", a_report())

    assert problem(answer)[:2] == (503, "busy")
    assert answer.headers["Retry-After"] == "1"
    assert "lock timeout" not in answer.content.decode()
    assert events() == before
    assert caller.post("/trades", a_report()).status_code == 201


@pytest.mark.django_db
def test_our_own_mistake_is_a_problem_without_its_inside():
    a_house()
    caller = venue()
    caller.client.raise_request_exception = False

    with mock.patch.object(trades, "novate", side_effect=KeyError("secret")):
        answer = caller.post("/trades", a_report())

    assert problem(answer) == (500, "broken", [])
    assert "secret" not in answer.content.decode()


@pytest.mark.django_db
def test_before_the_clock_starts_everything_waits():
    answer = Caller("clr_000000000000_" + "0" * 64).get("/clock")

    assert problem(answer)[:2] == (503, "clock-not-started")
    assert answer.headers["Retry-After"]


@pytest.mark.django_db
def test_other_methods_are_refused_by_name():
    a_house()

    answer = north().send("delete", "/accounts/NORTH-1", b"")

    assert problem(answer)[:2] == (405, "method-not-allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.django_db
def test_we_answer_in_json_only():
    a_house()
    caller = north()

    plain = caller.client.get("/api/v1/accounts", headers={"Accept": "text/csv"})
    browsers = caller.client.get("/api/v1/accounts", headers={"Accept": "text/html,*/*;q=0.8"})

    assert problem(plain)[:2] == (406, "not-acceptable")
    assert browsers.status_code == 200


@pytest.mark.django_db
def test_the_process_is_alive_and_ready(client):
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    assert client.get("/").headers["Location"] == "/admin/"


@pytest.mark.django_db
def test_a_process_without_its_database_is_alive_but_not_ready(client):
    from config import probes

    with mock.patch.object(probes, "connection") as broken:
        broken.cursor.side_effect = OperationalError("gone")
        assert client.get("/livez").status_code == 200
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "gone" not in answer.content.decode()
