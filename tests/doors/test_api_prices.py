"""Sources report, windows close, and anybody may ask what became of it and why."""

from __future__ import annotations

import pytest

from clearing import models, selectors
from clearing.domain import clock
from clearing.services import observing, pricing, quorum, timekeeping
from tests.builders import CALL, CAUSE, PERPETUAL, a_house, a_price_set, after
from tests.doors.callers import Caller, a_key, custodian, north, officer, problem, venue
from tests.quotes import SOURCES, a_board, admit, report

pytestmark = pytest.mark.django_db
NOON = after(hours=1)


@pytest.fixture
def several():
    a_house()
    admit()
    timekeeping.advance(NOON, cause=CAUSE)


def a_body(index: str = "90000"):
    return {"observations": [_spelled(it) for it in a_board(index, at=NOON)]}


def _spelled(it):
    numbers = {name: getattr(it, name) for name in ("bid", "ask", "mark", "vol")}
    return {
        "subject": it.subject,
        "at": clock.text(it.at),
        **{name: text for name, text in numbers.items() if text},
    }


def test_three_venues_report_and_the_window_is_sealed(several):
    for name, index in zip(SOURCES, ("90000", "90010", "126000"), strict=True):
        answer = venue(name).post("/observations", a_body(index))
        assert answer.status_code == 201
        assert answer.json()["source"] == name
    closed = quorum.seal_window(cause=CAUSE)
    caller = north()

    found = caller.get("/prices/sets/latest").json()

    assert found["sequence"] == closed.sequence
    assert found["indices"] == {"BTC": "90005"}
    assert found["quotes"][CALL] == {"mark": "0.0123", "vol": "0.5"}
    assert set(found["made_of"]["sources"]) == set(SOURCES)
    assert [row["sequence"] for row in found["of_its_time"]] == [closed.sequence]
    assert caller.get(f"/prices/sets/{found['price_set'][:12]}").json() == found
    rejected = caller.get(f"/prices/sets/{closed.sequence}/rejections").json()["items"]
    assert {(it["source"], it["why"]) for it in rejected} == {("XTHR", "outlying")}
    said = caller.get(f"/prices/sets/{closed.sequence}/observations").json()["batches"]
    assert sorted(it["batch"] for it in said) == found["made_of"]["batches"]
    assert said[0]["observations"][0]["ask"] is None


def test_the_same_request_is_one_batch_and_its_key_is_for_nothing_else(several):
    caller = venue("XONE")

    first = caller.post("/observations", a_body(), key="k-1")
    again = caller.post("/observations", a_body(), key="k-1")
    other = caller.post("/observations", a_body("91000"), key="k-1")

    assert first.json() == again.json()
    assert problem(other)[:2] == (422, "key-reused")
    assert models.ObservationBatch.objects.count() == 1
    row = models.ObservationBatch.objects.get()
    assert row.actor.startswith("credential:")


def test_only_the_credential_a_source_reports_by_is_heard(several):
    for caller in (north(), custodian(), officer()):
        answer = caller.post("/observations", a_body())
        assert answer.status_code == 403
    stranger = venue("XDER").post("/observations", a_body())
    assert problem(stranger)[:2] == (422, "source-unknown")
    assert Caller().post("/observations", a_body()).status_code == 401
    assert not models.ObservationBatch.objects.exists()


@pytest.mark.parametrize(
    ("but", "status", "code", "where"),
    [
        ({"subject": "BTC"}, 400, "request-not-valid", "/observations/1/subject"),
        ({"subject": "price BTC"}, 422, "observation-refused", "/observations/1/subject"),
        ({"at": "yesterday"}, 400, "request-not-valid", "/observations/1/at"),
        ({"at": "2027-01-01T00:00:00Z"}, 422, "observation-refused", "/observations/1/at"),
        ({"mark": 90000}, 400, "request-not-valid", "/observations/1/mark"),
        ({"mark": "1e5"}, 400, "request-not-valid", "/observations/1/mark"),
    ],
)
def test_what_has_no_shape_is_refused_whole_with_its_place(several, but, status, code, where):
    body = a_body()
    body["observations"][1] |= but

    answer = venue("XONE").post("/observations", body)

    assert problem(answer) == (status, code, [where])
    assert not models.ObservationBatch.objects.exists()


def test_a_wrong_price_is_taken_and_kept(several):
    body = {"observations": [{"subject": "index BTC", "at": clock.text(NOON), "mark": "-1"}]}

    assert venue("XONE").post("/observations", body).status_code == 201


def test_a_window_without_a_quorum_is_told(several):
    report("XONE", a_board(at=NOON))
    closed = quorum.seal_window(cause=CAUSE)

    (item,) = north().get("/prices/deferrals").json()["items"]

    assert item["sequence"] == closed.sequence
    assert item["reason"] == "no index has a quorum: BTC 1 of 2 sources"
    assert problem(north().get("/prices/sets/latest"))[:2] == (409, "price-missing")


def test_sources_and_pegs_are_told(several):
    observing.suspend_source("XTWO", reason="a drill", at=NOON, cause=CAUSE)
    caller = north()

    sources = {it["source"]: it["standing"] for it in caller.get("/prices/sources").json()["items"]}
    (peg,) = caller.get("/prices/pegs").json()["items"]

    assert sources == {"XONE": "active", "XTWO": "suspended", "XTHR": "active"}
    assert peg == {"asset": "USDC", "price": "1", "by_definition": True, "price_sequence": None}


def test_every_set_and_its_corrections_are_listed_page_by_page(db):
    a_house()
    first = pricing.seal(a_price_set(at=after(hours=1)), cause=CAUSE)
    second = pricing.seal(a_price_set("91000", at=after(hours=2)), cause=CAUSE)
    fixed = pricing.patched(first, indices={"BTC": "89000"}, forwards={}, quotes={})
    third = pricing.correct(first, fixed, reason="a typo", cause=CAUSE)
    caller = north()

    page = caller.get("/prices/sets", limit=2).json()
    rest = caller.get("/prices/sets", limit=2, cursor=page["next_cursor"]).json()

    assert [it["sequence"] for it in page["items"]] == [third, second]
    assert [it["sequence"] for it in rest["items"]] == [first]
    assert (page["items"][0]["corrects"], page["items"][0]["reason"]) == (first, "a typo")
    chain = caller.get(f"/prices/sets/{first}").json()["of_its_time"]
    assert [it["sequence"] for it in chain] == [first, third]
    assert caller.get("/prices").json()["sequence"] == second


def test_an_officer_who_may_act_corrects_a_set_and_nobody_else(db):
    a_house()
    wrong = pricing.seal(a_price_set(), cause=CAUSE)
    path = f"/prices/sets/{wrong}/corrections"
    body = {
        "indices": {"BTC": "89000"},
        "quotes": {CALL: {"mark": "0.011"}},
        "reason": "a typo",
    }
    for caller in (north(), venue("XDER"), custodian(), officer()):
        assert problem(caller.post(path, body))[:2] == (403, "out-of-scope")
    acting = officer(role="risk-officer")

    answer = acting.post(path, body, key="fix-1")
    again = acting.post(path, body, key="fix-1")
    other = acting.post(path, body | {"indices": {"BTC": "88000"}}, key="fix-1")
    late = acting.post(path, body | {"indices": {"BTC": "88000"}})

    assert answer.status_code == 201
    assert answer.json() == again.json()
    assert answer.json()["corrects"] == wrong
    found = selectors.latest_prices()
    assert (found.name, found.prices.indices) == (answer.json()["price_set"], {"BTC": "89000"})
    assert found.prices.quote(CALL).vol == "0.5"
    assert problem(other)[:2] == (422, "key-reused")
    assert problem(late)[:2] == (409, "corrected-already")
    latest = f"/prices/sets/{found.sequence}/corrections"
    unknown = acting.post(latest, {"indices": {"DOGE": "1"}, "reason": "x"})
    assert problem(unknown) == (409, "price-missing", ["/indices"])
    assert problem(acting.post(latest, {"indices": {"BTC": "0"}, "reason": "x"}))[0] == 422
    assert problem(acting.post(latest, {"indices": {"BTC": "1"}}))[:2] == (400, "request-not-valid")


@pytest.mark.parametrize("named", ["1", "99999999", "abcdefgh", "abc", "0" * 64])
def test_a_set_that_is_not_there_is_not_found(db, named):
    a_house()
    pricing.seal(a_price_set(), cause=CAUSE)

    assert problem(north().get(f"/prices/sets/{named}"))[:2] == (404, "not-found")


def test_a_key_of_a_venue_may_read_prices_too(several):
    report("XONE", a_board(at=NOON))
    caller = Caller(a_key(venue="XONE"))

    assert caller.get("/prices/sources").status_code == 200
    assert PERPETUAL in selectors.instruments()
