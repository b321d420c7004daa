"""The custodian confirms what has arrived; nobody credits itself, and the custodian sees nothing."""

from __future__ import annotations

import pytest

from accounts.services import people, register
from clearing import selectors
from clearing.domain import entries
from clearing.services import accounts
from tests.builders import CAUSE, START, a_house
from tests.doors.callers import a_report, custodian, events, north, officer, problem, south, venue

pytestmark = pytest.mark.django_db
USDC = {"asset": "USDC", "amount": "250.5"}
OUT_OF_SCOPE = (403, "out-of-scope", [])
NOT_THERE = (404, "not-found", ["account_id"])
START_CASH = 1_000_000_000_000


@pytest.fixture(autouse=True)
def a_usual_house(db):
    a_house()


def cash(account_id: str) -> int:
    return selectors.account(account_id).cash("USDC")


def test_the_custodian_confirms_what_has_arrived_for_any_member():
    caller = custodian()

    answers = [caller.post(f"/accounts/{it}-1/deposits", USDC) for it in ("NORTH", "SOUTH", "RING")]

    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert answers[0].json()["account_id"] == "NORTH-1"
    assert cash("NORTH-1") == cash("SOUTH-1") == cash("RING-1") == START_CASH + 250_500_000
    cause = selectors.recorded(answers[0].json()["sequence"]).cause
    assert cause.actor.startswith("credential:")


def test_what_is_confirmed_twice_is_credited_once():
    caller = custodian()

    first = caller.post("/accounts/NORTH-1/deposits", USDC, key="wire-1")
    before = events()
    again = caller.post("/accounts/NORTH-1/deposits", USDC, key="wire-1")
    elsewhere = caller.post("/accounts/SOUTH-1/deposits", USDC, key="wire-1")

    assert again.json() == first.json()
    assert problem(elsewhere) == (422, "key-reused", ["Idempotency-Key"])
    assert events() == before
    assert cash("NORTH-1") == START_CASH + 250_500_000
    assert cash("SOUTH-1") == START_CASH


def test_a_member_cannot_credit_itself():
    caller = north()
    before = events()

    answer = caller.post("/accounts/NORTH-1/deposits", USDC)

    assert problem(answer) == OUT_OF_SCOPE
    assert "custodian" in answer.json()["facts"]["needs"]
    assert events() == before
    assert cash("NORTH-1") == START_CASH


def test_money_that_never_arrived_cannot_leave():
    caller = north()
    caller.post("/accounts/NORTH-1/deposits", {"asset": "BTC", "amount": "1"})

    answer = caller.post("/accounts/NORTH-1/withdrawals", {"asset": "BTC", "amount": "1"})

    assert problem(answer) == (409, "balance-too-small", ["/amount"])


@pytest.mark.parametrize("who", [south, venue])
def test_anothers_account_is_as_little_there_as_none(who):
    caller = who()
    before = events()

    foreign = caller.post("/accounts/NORTH-1/deposits", USDC)
    nobodys = caller.post("/accounts/NOBODY-9/deposits", USDC)

    assert problem(foreign) == problem(nobodys) == NOT_THERE
    assert events() == before


@pytest.mark.parametrize("account_id", [*entries.HOUSE_ACCOUNTS, "NOBODY-9"])
def test_the_houses_own_accounts_and_unknown_ones_are_not_there(account_id):
    caller = custodian()
    before = events()

    answer = caller.post(f"/accounts/{account_id}/deposits", USDC)

    assert problem(answer) == NOT_THERE
    assert events() == before


def test_an_officer_sees_the_account_and_may_not_credit_it():
    caller = officer(role="risk-officer")

    assert problem(caller.post("/accounts/NORTH-1/deposits", USDC)) == OUT_OF_SCOPE
    assert problem(caller.post("/accounts/ccp-custody/deposits", USDC)) == OUT_OF_SCOPE
    assert problem(caller.post("/accounts/NOBODY-9/deposits", USDC)) == NOT_THERE


def test_a_closed_account_takes_nothing():
    register.open_account(
        "NORTH-2", member_id="NORTH", kind="client", title="Spare", at=START, cause=CAUSE
    )
    accounts.close("NORTH-2", reason="test", at=START, cause=CAUSE)

    answer = custodian().post("/accounts/NORTH-2/deposits", USDC)

    assert problem(answer) == (409, "account-not-open", ["account_id"])


def test_the_custodian_neither_withdraws_nor_trades():
    caller = custodian()
    before = events()

    withdrawal = caller.post("/accounts/NORTH-1/withdrawals", USDC)
    trade = caller.post("/trades", a_report())
    batch = caller.post("/trades/batch", {"trades": [a_report()]})

    assert problem(withdrawal) == NOT_THERE
    assert problem(trade) == problem(batch) == OUT_OF_SCOPE
    assert events() == before


def test_the_custodian_reads_nothing_back_of_what_it_confirmed():
    caller = custodian()
    headers = {"X-Correlation-Id": "wire-0001"}
    caller.post("/accounts/NORTH-1/deposits", USDC, headers=headers)

    for path in ("", "/balances", "/positions", "/withdrawals", "/calls", "/requirement"):
        assert problem(caller.get(f"/accounts/NORTH-1{path}"))[0] == 404, path
    assert problem(caller.get("/audit/req:wire-0001"))[0] == 404
    assert caller.get("/accounts").json()["items"] == []
    assert caller.get("/events").json()["items"] == []
    assert north().get("/audit/req:wire-0001").json()["items"][0]["fact"]["amount"] == "250.500000"
    assert problem(south().get("/audit/req:wire-0001"))[0] == 404


def test_a_key_taken_back_confirms_nothing_more():
    caller = custodian()
    key = caller.client._credentials["HTTP_AUTHORIZATION"]
    people.revoke_credential(key.split("_")[1], reason="test", at=START, cause=CAUSE)

    answer = caller.post("/accounts/NORTH-1/deposits", USDC)

    assert problem(answer)[:2] == (401, "credential-not-valid")
    assert cash("NORTH-1") == START_CASH


def test_two_custodians_may_use_the_same_key():
    one, other = custodian(), custodian("OTHER-BANK")

    answers = [it.post("/accounts/NORTH-1/deposits", USDC, key="wire-1") for it in (one, other)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert cash("NORTH-1") == START_CASH + 2 * 250_500_000
