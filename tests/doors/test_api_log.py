"""A member follows its own events, and reads the trail of one request."""

from __future__ import annotations

import dataclasses
import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clearing import codec
from clearing.api import facts
from clearing.services import pricing, sealing
from tests.builders import CAUSE, a_house, a_price_set, run_due_jobs
from tests.doors.callers import COUNTS, a_report, events, north, officer, problem, south, venue

SEED = 20260101


def seal_everything() -> None:
    from clearing import selectors

    for _ in range(20):
        if sealing.seal() >= events() and selectors.sealed_up_to():
            return


@pytest.fixture
def a_day(house):
    """Committed for real, because only what has committed is ever sealed."""
    a_house()
    pricing.seal(a_price_set(), cause=CAUSE)
    for number in range(6):
        venue().post("/trades", a_report(trade_id=f"t-{number}"))
    run_due_jobs()
    seal_everything()


def follow(caller, *, limit: int) -> list[dict]:
    seen, after = [], 0
    while True:
        page = caller.get("/events", after=after, limit=limit).json()
        seen += page["items"]
        assert page["next_after"] >= after
        after = page["next_after"]
        if not page["has_more"]:
            assert after >= page["sealed_up_to"]
            return seen


def test_a_reader_sees_each_own_fact_once_and_in_order(a_day):
    mine = follow(north(), limit=500)

    assert [it["sequence"] for it in mine] == sorted({it["sequence"] for it in mine})
    assert {it["stream"] for it in mine} == {"account-NORTH-1"}
    assert [it["version"] for it in mine] == list(range(1, len(mine) + 1))
    assert [it["name"] for it in mine].count("clearing.trade-novated.v1") == 6
    for limit in (1, 2, 5):
        assert follow(north(), limit=limit) == mine


def test_a_member_and_a_venue_see_nothing_of_others(a_day):
    assert {it["stream"] for it in follow(south(), limit=3)} == {"account-SOUTH-1"}
    assert follow(venue(), limit=3) == []
    assert len(follow(officer(), limit=7)) > 30


def test_nothing_is_shown_before_its_place_is_final(a_day):
    before = north().get("/events", after=0).json()
    venue().post("/trades", a_report(trade_id="late"))

    unsealed = north().get("/events", after=before["next_after"]).json()
    seal_everything()
    sealed = north().get("/events", after=unsealed["next_after"]).json()

    assert unsealed["items"] == []
    assert [it["fact"]["trade_id"] for it in sealed["items"]] == ["late"]


def test_a_reader_that_stops_anywhere_misses_nothing(a_day):
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    caller, seen, after = north(), [], 0
    for number in range(12):
        if chance.random() < 0.5:
            venue().post("/trades", a_report(trade_id=f"more-{number}"))
        if chance.random() < 0.5:
            sealing.seal()
        page = caller.get("/events", after=after, limit=chance.choice([1, 2, 50])).json()
        seen += [it["sequence"] for it in page["items"]]
        after = page["next_after"]
    seal_everything()
    seen += [it["sequence"] for it in caller.get("/events", after=after, limit=500).json()["items"]]

    assert seen == [it["sequence"] for it in follow(caller, limit=500)]


def test_a_long_page_asks_the_database_no_more_often_than_a_short_one(a_day):
    caller = officer()
    asked = []
    for limit in (1, 500):
        with CaptureQueriesContext(connection) as queries:
            caller.get("/events", limit=limit)
        asked.append(len(queries))

    assert asked[1] - asked[0] <= 2, "digits, terms and assets are looked up for a page at once"


def test_a_reader_ahead_of_the_log_waits(a_day):
    page = north().get("/events", after=2**62).json()

    assert page["items"] == []
    assert page["next_after"] == 2**62


@pytest.mark.django_db
@pytest.mark.parametrize("after", ["-1", str(2**63), "x", "1e3"])
def test_a_wrong_place_is_refused(after):
    a_house()

    assert problem(north().get("/events", after=after)) == (400, "request-not-valid", ["after"])


@pytest.mark.django_db
def test_the_trail_of_a_trade_shows_each_side_its_own():
    a_house()
    pricing.seal(a_price_set(), cause=CAUSE)
    answer = venue().post("/trades", a_report(), headers={"X-Correlation-Id": "ticket-0001"})
    run_due_jobs()

    bought = north().get("/audit/req:ticket-0001").json()["items"]
    sold = south().get("/audit/req:ticket-0001").json()["items"]

    assert answer.status_code == 201
    (leg,) = [it["fact"] for it in bought if it["name"] == "clearing.trade-novated.v1"]
    assert (leg["account_id"], leg["quantity"], leg["price"]) == ("NORTH-1", "1.000", "90000.0")
    assert (leg["cost"], leg["settlement"]) == ("90000.000000", "USDC")
    assert {it["fact"]["account_id"] for it in sold} == {"SOUTH-1"}
    whole = officer().get("/audit/req:ticket-0001").json()["items"]
    assert {it["sequence"] for it in bought + sold} < {it["sequence"] for it in whole}


@pytest.mark.django_db
def test_a_trail_without_anything_of_the_callers_is_not_there():
    a_house()
    venue().post("/trades", a_report(), headers={"X-Correlation-Id": "ticket-0001"})

    foreign = venue().get("/audit/req:ticket-0001")
    none = venue().get("/audit/ticket-0002")

    assert problem(foreign) == problem(none) == (404, "not-found", ["correlation_id"])


def test_every_number_of_every_fact_is_an_amount_or_a_count():
    """A new fact's integer must be spelled as a decimal, or be declared a count."""
    undecided = {
        f"{name}.{field.name}"
        for name, fact in codec.catalogue().items()
        for field in dataclasses.fields(fact)
        if field.type == "int"
        and field.name not in facts.AMOUNTS | COUNTS | {"lots", "price_ticks"}
    }

    assert undecided == set()


def test_every_asset_an_amount_needs_is_named_by_its_fact():
    nameless = {
        f"{name}.{amount}"
        for name, fact in codec.catalogue().items()
        for amount, asset in facts.ASSET_OF.items()
        if amount in fact.__dataclass_fields__ and asset not in fact.__dataclass_fields__
    }

    assert nameless == set()
