"""What follows a trade, through the API: each party's part of it, and nothing of others'."""

from __future__ import annotations

import pytest

from clearing.services import timekeeping
from tests.builders import CAUSE, a_house, a_third_member, after
from tests.doors.callers import Caller, a_key, a_report, events, north, problem, south, venue
from tests.services.posttrade import a_busy_house

pytestmark = pytest.mark.django_db

TRADE = "/trades/XDER/t-1"


def east() -> Caller:
    return Caller(a_key(member="EAST"))


def reported(**but) -> None:
    answer = venue().post("/trades", a_report(**but))
    assert answer.status_code == 201, answer.content


def given_up(**but) -> str:
    body = {"account_id": "NORTH-1", "quantity": "0.6", "to_member": "EAST"} | but
    answer = north().post(f"{TRADE}/give-ups", body)
    assert answer.status_code == 202, answer.content
    return answer.json()["give_up_id"]


def quantities(caller: Caller, trade: str = TRADE) -> dict[str, str]:
    return {it["account_id"]: it["quantity"] for it in caller.get(trade).json()["parts"]}


def test_each_side_sees_its_own_part_of_a_trade_and_the_venue_none_of_where_it_went():
    a_busy_house()
    reported()

    assert quantities(north()) == {"NORTH-1": "1.000"}
    assert quantities(south()) == {"SOUTH-1": "-1.000"}
    assert quantities(venue()) == {}
    assert problem(east().get(TRADE)) == (404, "not-found", ["trade_id"])
    assert problem(venue("XOTH").get(TRADE)) == (404, "not-found", ["trade_id"])
    [row] = north().get("/trades").json()["items"]
    assert (row["price"], row["status"], row["parts"][0]["value"]) == (
        "90000.0",
        "active",
        "90000.000000",
    )
    assert east().get("/trades").json()["items"] == []


def test_a_list_of_trades_is_turned_a_page_at_a_time():
    a_busy_house()
    for number in range(3):
        reported(trade_id=f"t-{number}")
    caller = north()

    first = caller.get("/trades", limit=2).json()
    rest = caller.get("/trades", limit=2, cursor=first["next_cursor"]).json()

    assert [it["trade_id"] for it in first["items"]] == ["t-2", "t-1"]
    assert [it["trade_id"] for it in rest["items"]] == ["t-0"]
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_a_member_allocates_its_leg_and_takes_it_back():
    a_busy_house()
    reported()
    caller = north()
    shares = [{"account_id": "NORTH-2", "quantity": "0.4"}]

    made = caller.post(f"{TRADE}/allocations", {"account_id": "NORTH-1", "shares": shares})
    [row] = caller.get(f"{TRADE}/allocations").json()["items"]
    assert (made.status_code, row["allocation_id"]) == (201, made.json()["allocation_id"])
    assert row["shares"] == [{"account_id": "NORTH-2", "quantity": "0.400"}]
    back = caller.post(f"{TRADE}/allocations/{row['allocation_id']}/cancel")

    assert back.status_code == 200
    assert quantities(caller) == {"NORTH-1": "1.000", "NORTH-2": "0.000"}


@pytest.mark.parametrize("account", ["SOUTH-1", "EAST-1", "NOBODY-9"])
def test_a_member_allocates_nothing_of_others_and_nothing_to_them(account):
    a_busy_house()
    reported()
    caller, before = north(), None
    before = events()
    mine = [{"account_id": "NORTH-2", "quantity": "0.4"}]
    theirs = [{"account_id": account, "quantity": "0.4"}]

    taking = caller.post(f"{TRADE}/allocations", {"account_id": account, "shares": mine})
    giving = caller.post(f"{TRADE}/allocations", {"account_id": "NORTH-1", "shares": theirs})

    assert problem(taking) == (404, "not-found", ["/account_id"])
    assert problem(giving) == (404, "not-found", ["/shares"])
    assert events() == before


def test_more_than_there_is_is_refused_with_what_is_free():
    a_busy_house()
    reported()
    given_up(quantity="0.6")

    answer = north().post(
        f"{TRADE}/allocations",
        {"account_id": "NORTH-1", "shares": [{"account_id": "NORTH-2", "quantity": "0.5"}]},
    )

    assert problem(answer) == (409, "lots-not-free", ["/quantity"])
    assert answer.json()["facts"] == {"account": "NORTH-1", "free": "400", "asked": "500"}


def test_a_give_up_is_claimed_and_its_steps_are_timed():
    a_busy_house()
    timekeeping.advance(after(minutes=1), cause=CAUSE)
    reported()
    timekeeping.advance(after(minutes=8), cause=CAUSE)
    give_up_id = given_up()
    timekeeping.advance(after(minutes=20), cause=CAUSE)
    assert south().get("/give-ups").json()["items"] == []
    assert problem(south().get(f"/give-ups/{give_up_id}"))[:2] == (404, "not-found")

    claimed = east().post(f"/give-ups/{give_up_id}/claim", {"account_id": "EAST-1"})

    assert claimed.status_code == 200
    for caller in (north(), east()):
        [row] = caller.get("/give-ups").json()["items"]
        assert (row["status"], row["to_account"], row["quantity"]) == ("claimed", "EAST-1", "0.600")
        assert (row["seconds_to_give_up"], row["seconds_to_claim"]) == ("420.0", "720.0")
    assert quantities(north()) == {"NORTH-1": "0.400"}
    assert quantities(east()) == {"EAST-1": "0.600"}


def test_nobody_claims_what_was_not_given_up_to_it_or_into_an_account_of_others():
    a_busy_house()
    reported()
    give_up_id = given_up()
    before = events()
    callers = (south(), north(), venue())
    before = events()

    for caller in callers:
        answer = caller.post(f"/give-ups/{give_up_id}/claim", {"account_id": "SOUTH-1"})
        assert answer.status_code == 404
    assert events() == before
    answer = east().post(f"/give-ups/{give_up_id}/claim", {"account_id": "SOUTH-1"})
    assert problem(answer) == (404, "not-found", ["/account_id"])
    answer = north().post(f"/give-ups/{give_up_id}/claim", {"account_id": "NORTH-2"})
    assert problem(answer)[:2] == (404, "not-found"), "the giver is no carrier"


def test_a_give_up_out_of_time_is_not_claimed():
    a_busy_house()
    reported()
    give_up_id = given_up()
    timekeeping.advance(after(minutes=30), cause=CAUSE)

    answer = east().post(f"/give-ups/{give_up_id}/claim", {"account_id": "EAST-1"})

    assert problem(answer) == (409, "deadline-passed", ["give_up_id"])


def test_executions_are_allocated_at_their_average():
    a_busy_house()
    reported(trade_id="t-1", quantity="0.003", price="90000")
    reported(trade_id="t-2", quantity="0.004", price="90100.5")
    caller = north()

    made = caller.post(
        "/average-price-groups",
        {
            "account_id": "NORTH-1",
            "trades": [{"venue": "XDER", "trade_id": it} for it in ("t-1", "t-2")],
            "shares": [
                {"account_id": "NORTH-2", "quantity": "0.002"},
                {"account_id": "NORTH-3", "quantity": "0.005"},
            ],
        },
    )

    assert made.status_code == 201
    [row] = caller.get("/average-price-groups").json()["items"]
    assert (row["average"], row["value"], row["quantity"]) == (
        "630402000/7",
        "630.402000",
        "0.007",
    )
    assert south().get("/average-price-groups").json()["items"] == []


def test_a_position_is_offered_and_accepted():
    a_busy_house()
    reported()
    body = {"account_id": "NORTH-1", "symbol": "BTC-PERP", "quantity": "1", "to_member": "EAST"}

    offered = north().post("/position-transfers", body).json()["transfer_id"]
    answer = east().post(f"/position-transfers/{offered}/accept", {"account_id": "EAST-1"})

    assert answer.status_code == 200
    [row] = east().get("/position-transfers").json()["items"]
    assert (row["status"], row["price"], row["to_account"]) == ("claimed", None, "EAST-1")
    assert south().get("/position-transfers").json()["items"] == []
    foreign = south().post("/position-transfers", body)
    assert problem(foreign) == (404, "not-found", ["/account_id"])


def test_a_venue_busts_what_it_reported_and_nothing_else():
    a_busy_house()
    reported()
    body = {"reason": "told in error"}

    assert problem(venue("XOTH").post(f"{TRADE}/bust", body))[:2] == (404, "not-found")
    assert problem(north().post(f"{TRADE}/bust", body))[:2] == (403, "out-of-scope")
    done = venue().post(f"{TRADE}/bust", body, key="b-1")
    again = venue().post(f"{TRADE}/bust", body, key="b-2")

    assert (done.status_code, again.json()) == (200, done.json())
    seen = north().get(TRADE).json()
    assert (seen["status"], seen["reason"]) == ("busted", "told in error")
    names = [it["name"] for it in seen["history"]]
    assert names == [
        "clearing.trade-novated.v1",
        "clearing.leg-unwound.v1",
        "clearing.trade-busted.v1",
    ]


def test_a_venue_corrects_what_it_reported():
    a_busy_house()
    reported()
    body = {
        "reason": "the price",
        "new_trade_id": "t-1c",
        **{it: a_report()[it] for it in ("symbol", "quantity", "buyer", "seller")},
        "price": "91000",
    }

    done = venue().post(f"{TRADE}/correct", body)

    assert done.status_code == 200
    old, new = north().get(TRADE).json(), north().get("/trades/XDER/t-1c").json()
    assert (old["status"], old["replaced_by"]) == ("corrected", "t-1c")
    assert (new["status"], new["replaces"], new["price"]) == ("active", "t-1", "91000.0")
    wrong = venue().post("/trades/XDER/t-1c/correct", body | {"new_trade_id": "t-1"})
    assert problem(wrong) == (409, "trade-id-taken", ["/new_trade_id"])


def test_a_member_without_a_part_is_told_of_no_fact():
    a_house()
    a_third_member()
    reported()
    before = north().get(TRADE).json()["history"]

    assert {it["fact"].get("account_id") for it in before} == {"NORTH-1"}
