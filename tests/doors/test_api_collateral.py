"""Collateral at the API: what it counts for, lot by lot, and what is on its way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clearing.services import pricing, schedule, timekeeping
from tests.builders import CAUSE, a_house, a_price_set, after, run_due_jobs
from tests.doors.callers import Caller, custodian, events, north, officer, problem, south, venue

pytestmark = pytest.mark.django_db
LOTS = "/accounts/NORTH-1/collateral/lots"
SWAPS = "/accounts/NORTH-1/substitutions"
SWAP = {
    "asset": "BTC",
    "amount": "1",
    "incoming": "USDC",
    "incoming_amount": "90000",
    "expires_at": "2026-01-01T09:00:00Z",
}
HOUSE = Path(__file__).parents[2] / "clearing" / "schedules" / "house.json"


def a_house_with_bitcoin(**rules: Any) -> None:
    a_house(NORTH="1000")
    assets = {"BTC": {"admitted": True} | rules, "USDC": {"admitted": True}}
    schedule.set_schedule({"reporting": "USDC", "assets": assets}, at=after(), cause=CAUSE)
    bank = custodian()
    for amount in ("0.5", "1.5"):
        bank.post("/accounts/NORTH-1/deposits", {"asset": "BTC", "amount": amount})
    pricing.seal(a_price_set("90000"), cause=CAUSE)
    run_due_jobs()


def bitcoin(caller: Caller) -> Any:
    return next(it for it in caller.get(LOTS).json()["assets"] if it["asset"] == "BTC")


def test_every_cut_is_named_and_each_lot_says_where_it_is():
    a_house_with_bitcoin(haircut="0.1", concentration={"account_limit": "100000"})

    answer = north().get(LOTS).json()

    (found,) = [it for it in answer["assets"] if it["asset"] == "BTC"]
    assert (answer["asset"], answer["market_value"], answer["eligible_value"]) == (
        "USDC",
        "181000.000000",
        "101000.000000",
    )
    assert found["cuts"] == {
        "not_admitted": "0.000000",
        "haircut": "18000.000000",
        "gap": "0.000000",
        "concentration": "62000.000000",
        "wrong_way": "0.000000",
        "depeg": "0.000000",
    }
    assert [(it["units"], it["custodian"], it["eligible_value"]) for it in found["lots"]] == [
        ("0.50000000", "CUSTODY-BANK", "25000.000000"),
        ("1.50000000", "CUSTODY-BANK", "75000.000000"),
    ]


def test_before_a_schedule_there_are_lots_and_no_values():
    a_house()

    answer = north().get(LOTS).json()

    assert answer["asset"] is None
    assert answer["assets"][0]["lots"][0]["units"] == "1000000.000000"
    assert answer["assets"][0]["eligible_value"] is None


def test_a_substitution_from_proposal_to_settlement():
    a_house_with_bitcoin(haircut="0.1")
    caller, bank = north(), custodian()

    taken = caller.post(SWAPS, SWAP, key="swap-1")
    where = taken.headers["Location"].removeprefix("/api/v1")
    assert (taken.status_code, caller.get(where).json()["state"]) == (202, "proposed")
    assert [it["encumbered"] for it in bitcoin(caller)["lots"]] == [True, False, True]

    covered = bank.post(f"{where}/confirm", key="wire-7")
    run_due_jobs()

    assert covered.json()["state"] == "covered"
    assert caller.get(where).json()["state"] == "settled"
    assert bitcoin(caller)["balance"] == "1.00000000"
    again = bank.post(f"{where}/confirm", key="wire-7")
    assert again.json() == covered.json()
    assert problem(caller.post(f"{where}/cancel"))[:2] == (409, "substitution-not-open")


def test_a_member_neither_confirms_nor_covers_and_a_custodian_proposes_nothing():
    a_house_with_bitcoin(custodian_confirms=True)
    caller, bank, olga = north(), custodian(), officer()
    caller.post(SWAPS, SWAP, key="swap-1")
    caller.post("/accounts/NORTH-1/withdrawals", {"asset": "BTC", "amount": "0.1"}, key="out-1")
    run_due_jobs()
    before = events()

    for path in (f"{SWAPS}/NORTH-1:swap-1", "/accounts/NORTH-1/withdrawals/NORTH-1:out-1"):
        assert problem(caller.post(f"{path}/confirm"))[:2] == (403, "out-of-scope")
        assert problem(olga.post(f"{path}/confirm"))[:2] == (403, "out-of-scope")
    assert problem(bank.post(SWAPS, SWAP))[:2] == (404, "not-found")
    assert problem(olga.post(SWAPS, SWAP))[:2] == (403, "out-of-scope")
    assert events() == before


def test_a_withdrawal_that_the_custodian_confirms():
    a_house_with_bitcoin(custodian_confirms=True)
    caller, bank = north(), custodian()
    path = "/accounts/NORTH-1/withdrawals/NORTH-1:out-1"

    caller.post("/accounts/NORTH-1/withdrawals", {"asset": "BTC", "amount": "0.6"}, key="out-1")
    run_due_jobs()
    assert caller.get(path).json()["status"] == "instructed"
    assert bitcoin(caller)["leaving"] == "0.60000000"
    stranger = custodian("OTHER-BANK").post(f"{path}/confirm")
    assert problem(stranger)[:2] == (404, "not-found")

    bank.post(f"{path}/confirm")
    run_due_jobs()

    shown = caller.get(path).json()
    assert (shown["status"], shown["settled_at"]) == ("settled", "2026-01-01T01:00:00.000000Z")


@pytest.mark.parametrize("who", [south, venue])
def test_anothers_collateral_is_as_little_there_as_none(who):
    a_house_with_bitcoin()
    north().post(SWAPS, SWAP, key="swap-1")
    caller = who()
    before = events()

    for path in (LOTS, SWAPS, f"{SWAPS}/NORTH-1:swap-1"):
        nobodys = caller.get(path.replace("NORTH", "NOBODY"))
        assert problem(caller.get(path)) == problem(nobodys) == (404, "not-found", nowhere(nobodys))
    for path in (SWAPS, f"{SWAPS}/NORTH-1:swap-1/cancel", f"{SWAPS}/NORTH-1:swap-1/confirm"):
        assert caller.post(path, SWAP).status_code == 404
    assert events() == before


def nowhere(answer: Any) -> list[str]:
    return problem(answer)[2]


@pytest.mark.parametrize(
    ("but", "status", "code", "where"),
    [
        ({"amount": "2.5"}, 409, "balance-too-small", "/amount"),
        ({"asset": "XYZ"}, 422, "asset-unknown", "/asset"),
        ({"incoming": "XYZ"}, 422, "asset-unknown", "/incoming"),
        ({"incoming_amount": "0.0000001"}, 422, "amount-not-exact", "/incoming_amount"),
        ({"incoming": "BTC"}, 422, "substitution-not-valid", "/incoming"),
        ({"expires_at": "2026-01-01T00:30:00Z"}, 422, "deadline-not-valid", "/expires_at"),
    ],
)
def test_a_bad_proposal_is_refused_by_field(but, status, code, where):
    a_house_with_bitcoin()

    assert problem(north().post(SWAPS, SWAP | but)) == (status, code, [where])


def test_the_schedule_says_what_is_in_force_now_and_then_and_what_is_to_come():
    a_house()
    schedule.set_schedule(json.loads(HOUSE.read_text()), at=after(), cause=CAUSE)
    change = {"assets": {"BTC": {"admitted": True, "haircut": "0.3"}}}
    schedule.set_schedule(change, at=after(), cause=CAUSE)
    caller = south()

    def haircut(**at: str) -> str:
        found = caller.get("/collateral/schedule", **at).json()
        return next(it["haircut"] for it in found["assets"] if it["asset"] == "BTC")

    now = caller.get("/collateral/schedule").json()
    assert (haircut(), haircut(at="2026-01-02T00:00:00Z")) == ("0.1", "0.3")
    assert [
        (it["asset"], it["terms"]["haircut"]) for it in now["announced"] if "haircut" in it["terms"]
    ] == [("BTC", "0.3")]
    timekeeping.advance(after(days=2), cause=CAUSE)
    assert haircut() == "0.3"
    assert haircut(at="2026-01-01T12:00:00Z") == "0.1"
