"""A member is called, acknowledges, pays or is closed, and can read why."""

from __future__ import annotations

import pytest

from clearing.services import pricing
from tests.builders import CAUSE, a_house, a_price_set, after, run_due_jobs
from tests.doors.callers import a_report, custodian, events, north, officer, problem, venue

pytestmark = pytest.mark.django_db
CALL_ID, CASE_ID = "NORTH-1-call-1", "NORTH-1-case-1"


def prices(index: str, *, hour: int) -> None:
    pricing.seal(a_price_set(index, at=after(hours=hour)), cause=CAUSE)
    run_due_jobs()


@pytest.fixture(autouse=True)
def a_called_member(db):
    """NORTH-1 is long one bitcoin on 20,000, and called when it falls to 82,000."""
    a_house(NORTH="20000")
    prices("90000", hour=1)
    venue().post("/trades", a_report())
    prices("82000", hour=3)


def test_a_call_says_how_much_by_when():
    caller = north()

    (call,) = caller.get("/accounts/NORTH-1/calls").json()["items"]

    assert call == caller.get(f"/calls/{CALL_ID}").json()
    assert call["state"] == "issued"
    assert call["asset"] == "USDC"
    assert float(call["amount"]) == pytest.approx(
        float(call["target"]) - float(call["equity"]), abs=1e-9
    )
    assert call["issued_at"] < call["due_at"]


def test_acknowledging_twice_is_once():
    caller = north()

    first = caller.post(f"/calls/{CALL_ID}/acknowledge", key="seen-1")
    before = events()
    again = caller.post(f"/calls/{CALL_ID}/acknowledge", key="seen-1")
    otherwise = caller.post(f"/calls/{CALL_ID}/acknowledge", key="seen-2")

    assert first.status_code == 200
    assert first.json() == again.json() == otherwise.json()
    assert events() == before
    assert caller.get(f"/calls/{CALL_ID}").json()["state"] == "acknowledged"


def test_acknowledging_needs_a_key_of_its_own():
    caller = north()
    caller.post("/accounts/NORTH-1/withdrawals", {"asset": "USDC", "amount": "1"}, key="out-1")

    missing = caller.post(f"/calls/{CALL_ID}/acknowledge", key="")
    reused = caller.post(f"/calls/{CALL_ID}/acknowledge", key="out-1")

    assert problem(missing) == (400, "key-missing", ["Idempotency-Key"])
    assert problem(reused) == (422, "key-reused", ["Idempotency-Key"])


def test_an_officer_does_not_acknowledge_for_the_member():
    answer = officer(role="risk-officer").post(f"/calls/{CALL_ID}/acknowledge")

    assert problem(answer)[:2] == (403, "out-of-scope")


def test_a_paid_call_is_covered_and_cannot_be_acknowledged():
    caller = north()
    custodian().post("/accounts/NORTH-1/deposits", {"asset": "USDC", "amount": "10000"})
    run_due_jobs()

    answer = caller.post(f"/calls/{CALL_ID}/acknowledge")

    call = caller.get(f"/calls/{CALL_ID}").json()
    assert (call["state"], call["outcome"]) == ("covered", "paid")
    assert problem(answer) == (409, "call-not-open", ["call_id"])


def test_a_case_tells_its_whole_story_to_its_owner():
    prices("76000", hour=4)
    caller = north()

    (case,) = caller.get("/accounts/NORTH-1/cases").json()["items"]
    whole = caller.get(f"/cases/{CASE_ID}").json()

    assert {name: whole[name] for name in case} == case
    assert (case["state"], case["call_id"], case["steps"]) == ("closed", CALL_ID, 1)
    told = [it["name"] for it in whole["trail"]]
    assert told[0] == "margin.call-issued.v1"
    assert told[-1] == "liquidation.case-closed.v1"
    for name in (
        "margin.call-breached.v1",
        "liquidation.plan-made.v1",
        "clearing.trade-novated.v1",
        "clearing.penalty-charged.v1",
        "liquidation.step-executed.v1",
    ):
        assert name in told
    assert {it["fact"]["account_id"] for it in whole["trail"]} == {"NORTH-1"}
    assert [it["sequence"] for it in whole["trail"]] == sorted(
        it["sequence"] for it in whole["trail"]
    )


def test_every_amount_of_a_case_is_in_a_named_asset():
    prices("76000", hour=4)

    trail = north().get(f"/cases/{CASE_ID}").json()["trail"]

    plan = next(it["fact"] for it in trail if it["name"] == "liquidation.plan-made.v1")
    assert plan["asset"] == "USDC"
    assert plan["penalty"].endswith("0000")
    assert plan["steps"] == [{"symbol": "BTC-PERP", "quantity": "-0.630", "price": "76000.0"}]
    breach = next(it["fact"] for it in trail if it["name"] == "margin.call-breached.v1")
    assert (breach["equity"], breach["asset"]) == ("6000.000000", "USDC")


def test_an_officer_sees_both_sides_of_a_case():
    prices("76000", hour=4)

    trail = officer().get(f"/cases/{CASE_ID}").json()["trail"]

    assert {"NORTH-1", "RING-1"} <= {it["fact"].get("account_id") for it in trail}


def test_the_trail_of_a_call_is_what_its_owner_may_see_of_it():
    prices("76000", hour=4)

    mine = north().get(f"/audit/{CALL_ID}").json()["items"]
    everything = officer().get(f"/audit/{CALL_ID}").json()["items"]

    assert {it["sequence"] for it in mine} < {it["sequence"] for it in everything}
    assert {it["fact"]["account_id"] for it in mine} == {"NORTH-1"}
