"""A member looks at its accounts and moves collateral."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clearing.services import accounts, pricing, timekeeping
from margin import selectors as margin
from tests.builders import (
    CALL,
    CAUSE,
    INVERSE,
    PUT,
    START,
    a_house,
    a_price_set,
    after,
    run_due_jobs,
)
from tests.doors.callers import (
    a_report,
    custodian,
    events,
    north,
    officer,
    problem,
    south,
    venue,
)

pytestmark = pytest.mark.django_db
USDC = {"asset": "USDC", "amount": "250.5"}
WHO = {"deposits": custodian, "withdrawals": north}


@pytest.fixture(autouse=True)
def a_usual_house(db):
    a_house()


def names(answer):
    return [row["account_id"] for row in answer.json()["items"]]


def test_everybody_sees_their_own_accounts():
    assert names(north().get("/accounts")) == ["NORTH-1"]
    assert names(south().get("/accounts")) == ["SOUTH-1"]
    assert names(venue().get("/accounts")) == []
    assert names(custodian().get("/accounts")) == []
    assert {"NORTH-1", "SOUTH-1", "RING-1", "ccp-custody"} <= set(names(officer().get("/accounts")))


def test_one_account_says_whose_it_is_and_what_it_may_do():
    accounts.suspend("NORTH-1", reason="test", at=START, cause=CAUSE)

    answer = north().get("/accounts/NORTH-1").json()

    assert answer["member_id"] == "NORTH"
    assert answer["standing"] == "suspended"
    assert answer["opened_at"] == "2026-01-01T00:00:00.000000Z"


def test_lists_come_in_pages_that_join_without_gap_or_overlap():
    caller, seen, cursor = officer(), [], ""
    while cursor is not None:
        page = caller.get("/accounts", limit=2, cursor=cursor).json() if cursor else None
        page = page or caller.get("/accounts", limit=2).json()
        seen += [row["account_id"] for row in page["items"]]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)

    assert seen == names(caller.get("/accounts"))


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 501}, {"limit": "x"}, {"limit": "9" * 5_000}],
    ids=["none", "too many", "no number", "huge"],
)
def test_a_wrong_page_is_refused(query):
    assert problem(north().get("/accounts", **query)) == (400, "request-not-valid", ["limit"])


@pytest.mark.parametrize("cursor", ["-1", str(2**63), "x", "1e3"])
def test_a_wrong_cursor_is_refused(cursor):
    answer = north().get("/accounts/NORTH-1/calls", cursor=cursor)

    assert problem(answer) == (400, "request-not-valid", ["cursor"])


def test_positions_are_in_the_instruments_own_units_and_valued_at_the_mark():
    pricing.seal(a_price_set("80000"), cause=CAUSE)
    caller = venue()
    caller.post("/trades", a_report(symbol=INVERSE, quantity="9000", price="90000"))
    caller.post("/trades", a_report(trade_id="t-2", symbol=CALL, quantity="0.5", price="0.0123"))

    sold = south().get("/accounts/SOUTH-1/positions").json()["positions"]

    assert sold == [
        {
            **{"symbol": CALL, "quantity": "-0.5", "cost": None, "settlement": "BTC"},
            **{"lots": "-5", "mark": "0.0123", "value": "-0.00615000"},
        },
        {
            **{"symbol": INVERSE, "quantity": "-9000", "cost": "0.10000000", "settlement": "BTC"},
            **{"lots": "-900", "mark": "80000", "value": "0.01250000"},
        },
    ]


def test_without_a_price_a_position_has_no_value():
    venue().post("/trades", a_report())

    answer = north().get("/accounts/NORTH-1/positions").json()

    assert answer["price_sequence"] is None
    [position] = answer["positions"]
    assert (position["mark"], position["value"]) == (None, None)


def test_balances_show_what_is_leaving():
    caller = north()
    caller.post("/accounts/NORTH-1/withdrawals", USDC)

    answer = caller.get("/accounts/NORTH-1/balances").json()

    assert answer["balances"] == [
        {"asset": "USDC", "amount": "999749.500000", "withdrawing": "250.500000"}
    ]


def test_the_smallest_unit_is_spelled_without_exponent():
    custodian().post("/accounts/NORTH-1/deposits", {"asset": "BTC", "amount": "0.00000001"})

    balances = north().get("/accounts/NORTH-1/balances").json()["balances"]

    assert balances[0] == {"asset": "BTC", "amount": "0.00000001", "withdrawing": "0.00000000"}


def test_the_house_sees_its_own_balances():
    answer = officer().get("/accounts/ccp-custody/balances").json()

    assert answer["balances"][0]["amount"] == "-3000000.000000"


def test_a_deposit_twice_is_one_deposit_and_one_answer():
    caller = custodian()

    first = caller.post("/accounts/NORTH-1/deposits", USDC, key="wire-1")
    before = events()
    again = caller.post("/accounts/NORTH-1/deposits", USDC, key="wire-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert events() == before
    balances = north().get("/accounts/NORTH-1/balances").json()["balances"]
    assert balances[0]["amount"] == "1000250.500000"


@pytest.mark.parametrize("path", ["deposits", "withdrawals"])
def test_a_key_with_other_content_is_refused(path):
    caller = WHO[path]()
    caller.post(f"/accounts/NORTH-1/{path}", {"asset": "USDC", "amount": "1"}, key="wire-1")
    before = events()

    answer = caller.post(f"/accounts/NORTH-1/{path}", USDC, key="wire-1")

    assert problem(answer) == (422, "key-reused", ["Idempotency-Key"])
    assert events() == before


def test_a_withdrawal_is_taken_and_settled_once_it_is_tested():
    pricing.seal(a_price_set(), cause=CAUSE)
    caller = north()

    answer = caller.post("/accounts/NORTH-1/withdrawals", USDC, key="out-1")
    again = caller.post("/accounts/NORTH-1/withdrawals", USDC, key="out-1")
    asked = caller.client.get(answer.headers["Location"]).json()
    run_due_jobs()
    settled = caller.client.get(answer.headers["Location"]).json()

    assert (answer.status_code, again.status_code) == (202, 202)
    assert again.json() == answer.json()
    assert (asked["status"], settled["status"]) == ("requested", "settled")
    assert settled["amount"] == "250.500000"
    assert caller.get("/accounts/NORTH-1/withdrawals").json()["items"] == [settled]


def test_a_withdrawal_on_stale_prices_is_refused_with_the_reason():
    pricing.seal(a_price_set(), cause=CAUSE)
    run_due_jobs()
    timekeeping.advance(after(days=9), cause=CAUSE)
    caller = north()

    answer = caller.post("/accounts/NORTH-1/withdrawals", USDC)
    run_due_jobs()

    outcome = caller.client.get(answer.headers["Location"]).json()
    assert outcome["status"] == "refused"
    assert outcome["reason"].startswith("price-stale")


def test_a_margined_account_may_not_be_emptied():
    pricing.seal(a_price_set(), cause=CAUSE)
    venue().post("/trades", a_report())
    run_due_jobs()
    caller = north()

    answer = caller.post(
        "/accounts/NORTH-1/withdrawals", {"asset": "USDC", "amount": "1000000"}, key="all"
    )
    run_due_jobs()

    outcome = caller.client.get(answer.headers["Location"]).json()
    assert outcome["reason"].startswith("margin-short")


def test_withdrawals_come_newest_first_in_pages():
    caller = north()
    for amount in ("1", "2", "3"):
        caller.post("/accounts/NORTH-1/withdrawals", {"asset": "USDC", "amount": amount})

    first = caller.get("/accounts/NORTH-1/withdrawals", limit=2).json()
    rest = caller.get("/accounts/NORTH-1/withdrawals", cursor=first["next_cursor"]).json()

    amounts = [row["amount"] for page in (first, rest) for row in page["items"]]
    assert amounts == ["3.000000", "2.000000", "1.000000"]
    assert (first["has_more"], rest["has_more"]) == (True, False)


MONEY = {
    "unknown asset": ({"asset": "DOGE", "amount": "1"}, 422, "asset-unknown", "/asset"),
    "too many digits": (
        {"asset": "USDC", "amount": "0.0000001"},
        422,
        "amount-not-exact",
        "/amount",
    ),
    "zero": ({"asset": "USDC", "amount": "0"}, 422, "amount-out-of-range", "/amount"),
    "negative": ({"asset": "USDC", "amount": "-1"}, 422, "amount-out-of-range", "/amount"),
    "huge": ({"asset": "USDC", "amount": "9" * 25}, 422, "amount-out-of-range", "/amount"),
    "a number": ({"asset": "USDC", "amount": 1}, 400, "request-not-valid", "/amount"),
    "NaN": ({"asset": "USDC", "amount": "NaN"}, 400, "request-not-valid", "/amount"),
    "bomb": ({"asset": "USDC", "amount": "1e999999999"}, 400, "request-not-valid", "/amount"),
    "no asset": ({"amount": "1"}, 400, "request-not-valid", "/asset"),
}


@pytest.mark.parametrize("path", ["deposits", "withdrawals"])
@pytest.mark.parametrize(("body", "status", "code", "where"), MONEY.values(), ids=MONEY)
def test_a_wrong_amount_is_refused_and_nothing_is_recorded(path, body, status, code, where):
    caller = WHO[path]()
    before = events()

    answer = caller.post(f"/accounts/NORTH-1/{path}", body)

    assert problem(answer) == (status, code, [where])
    assert events() == before


def test_more_than_there_is_cannot_leave():
    answer = north().post("/accounts/NORTH-1/withdrawals", {"asset": "USDC", "amount": "1000001"})

    assert problem(answer) == (409, "balance-too-small", ["/amount"])


def test_a_suspended_account_takes_money_and_lets_none_go():
    accounts.suspend("NORTH-1", reason="test", at=START, cause=CAUSE)

    assert custodian().post("/accounts/NORTH-1/deposits", USDC).status_code == 201
    answer = north().post("/accounts/NORTH-1/withdrawals", USDC)
    assert problem(answer) == (409, "account-not-open", ["account_id"])


@pytest.mark.parametrize("path", ["deposits", "withdrawals"])
def test_a_write_needs_a_well_formed_key(path):
    caller = WHO[path]()
    before = events()

    missing = caller.post(f"/accounts/NORTH-1/{path}", USDC, key="")
    broken = caller.post(f"/accounts/NORTH-1/{path}", USDC, key="k" * 41)

    assert problem(missing) == (400, "key-missing", ["Idempotency-Key"])
    assert problem(broken) == (400, "key-not-valid", ["Idempotency-Key"])
    assert events() == before


def test_an_id_used_by_the_members_other_credential_is_refused():
    north().post("/accounts/NORTH-1/withdrawals", USDC, key="out-1")

    answer = north().post("/accounts/NORTH-1/withdrawals", USDC, key="out-1")

    assert problem(answer) == (409, "withdrawal-taken", ["Idempotency-Key"])


@pytest.mark.parametrize("path", ["deposits", "withdrawals"])
def test_an_officer_reads_and_does_not_move_money(path):
    before = events()
    caller = officer(role="risk-officer")
    granted = events()

    answer = caller.post(f"/accounts/NORTH-1/{path}", USDC)

    assert problem(answer)[:2] == (403, "out-of-scope")
    assert events() == granted > before


def test_instruments_come_in_pages_and_by_symbol():
    caller = north()

    first = caller.get("/instruments", limit=4).json()
    rest = caller.get("/instruments", cursor=first["next_cursor"]).json()
    one = caller.get(f"/instruments/{CALL}").json()

    found = first["items"] + rest["items"]
    assert [it["symbol"] for it in found] == sorted(it["symbol"] for it in found)
    assert len(found) == 6
    assert one in found
    assert (one["lot_size"], one["strike"], one["option_type"]) == ("0.1", "100000", "call")


def test_an_unknown_instrument_is_not_there():
    assert problem(north().get("/instruments/DOGE-PERP")) == (404, "instrument-unknown", ["symbol"])


def test_prices_are_the_latest_sealed_set():
    caller = north()
    before = caller.get("/prices")
    sequence = pricing.seal(a_price_set(), cause=CAUSE)

    prices = caller.get("/prices").json()

    assert problem(before)[:2] == (409, "price-missing")
    assert prices["sequence"] == sequence
    assert prices["quotes"][CALL] == {"mark": "0.0123", "vol": "0.5"}
    assert prices["quotes"]["BTC-PERP"]["vol"] is None


def test_the_clock_tells_business_time():
    timekeeping.advance(after(hours=5), cause=CAUSE)

    answer = venue().get("/clock").json()

    assert answer["now"] == "2026-01-01T05:00:00.000000Z"
    assert answer["mode"] == "story"


def test_the_requirement_is_explained_and_every_result_is_kept():
    pricing.seal(a_price_set(), cause=CAUSE)
    run_due_jobs()
    venue().post("/trades", a_report())
    run_due_jobs()
    caller = north()

    latest = caller.get("/accounts/NORTH-1/requirement").json()
    history = caller.get("/accounts/NORTH-1/requirements").json()["items"]

    row = margin.latest_requirement("NORTH-1")
    assert latest["asset"] == "USDC"
    assert latest["equity"] == "1000000.000000"
    assert latest["maintenance"] == f"{row.maintenance // 10**6}.{row.maintenance % 10**6:06}"
    for name in ("price_set", "parameter_set", "array_digest", "result_hash"):
        assert len(latest[name]) == 64
    (group,) = latest["groups"]
    assert group["underlying"] == "BTC"
    assert group["binding"] in [each["name"] for each in group["vector"]]
    assert group["worst"] == {v["name"]: v["amount"] for v in group["vector"]}[group["binding"]]
    assert len(history) == 2
    assert {name: latest[name] for name in history[0]} == history[0]


def test_no_requirement_is_not_a_requirement_of_zero():
    caller = north()
    never = caller.get("/accounts/NORTH-1/requirement")
    pricing.seal(a_price_set(), cause=CAUSE)
    run_due_jobs()
    sold = a_report(symbol=PUT, quantity="0.1", price="0.01", buyer="SOUTH-1", seller="NORTH-1")
    venue().post("/trades", sold)
    whole = a_price_set(at=after(hours=2))
    quotes = {symbol: quote for symbol, quote in whole.quotes.items() if symbol != PUT}
    pricing.seal(replace(whole, quotes=quotes), cause=CAUSE)
    run_due_jobs()

    unpriced = caller.get("/accounts/NORTH-1/requirement").json()

    assert problem(never)[:2] == (404, "not-found")
    assert unpriced["reason"].startswith("price-missing")
    assert (unpriced["equity"], unpriced["maintenance"], unpriced["initial"]) == (None, None, None)
