"""A venue reports trades."""

from __future__ import annotations

import pytest

from clearing import selectors
from clearing.services import accounts, pricing, reference, timekeeping
from tests.builders import CAUSE, EXPIRY, FUTURE, START, a_house, a_price_set, run_due_jobs
from tests.doors.callers import a_report, events, north, officer, problem, venue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_usual_house(db):
    a_house()


def test_a_trade_is_taken_and_margined():
    pricing.seal(a_price_set(), cause=CAUSE)

    answer = venue().post("/trades", a_report(), key="")
    run_due_jobs()

    assert answer.status_code == 201
    assert answer.json()["trade_id"] == "t-1"
    assert selectors.recorded(answer.json()["sequence"]).fact.trade_id == "t-1"
    held = north().get("/accounts/NORTH-1/positions").json()["positions"]
    assert held == [
        {
            "symbol": "BTC-PERP",
            "quantity": "1.000",
            "cost": "90000.000000",
            "settlement": "USDC",
            "lots": "1000",
            "mark": "90000",
            "value": "0.000000",
        }
    ]


def test_the_same_report_twice_is_one_trade_and_one_answer():
    caller = venue()

    first = caller.post("/trades", a_report())
    before = events()
    again = caller.post("/trades", a_report())

    assert again.status_code == 201
    assert again.json() == first.json()
    assert events() == before


def test_two_venues_may_use_the_same_trade_id():
    first = venue("XDER").post("/trades", a_report())
    other = venue("XEUR").post("/trades", a_report(quantity="2"))

    assert (first.status_code, other.status_code) == (201, 201)


def test_facts_name_the_credential_and_the_request():
    answer = venue().post("/trades", a_report(), headers={"X-Correlation-Id": "desk-7-ticket-12"})

    cause = selectors.recorded(answer.json()["sequence"]).cause
    assert cause.actor.startswith("credential:")
    assert cause.correlation_id == "req:desk-7-ticket-12" == answer.headers["X-Correlation-Id"]


def test_a_batch_is_taken_whole_and_twice_is_once():
    caller = venue()
    body = {"trades": [a_report(), a_report(trade_id="t-2", symbol=FUTURE)]}

    first = caller.post("/trades/batch", body)
    before = events()
    again = caller.post("/trades/batch", body)

    assert first.status_code == 201
    assert [each["trade_id"] for each in first.json()["trades"]] == ["t-1", "t-2"]
    assert again.json() == first.json()
    assert events() == before


def test_a_batch_with_one_wrong_trade_records_none_and_points_at_it():
    caller = venue()
    before = events()

    answer = caller.post(
        "/trades/batch", {"trades": [a_report(), a_report(trade_id="t-2", price="90000.3")]}
    )

    assert problem(answer) == (422, "price-off-tick", ["/trades/1/price"])
    assert events() == before


def test_a_batch_may_ask_for_a_result_of_each():
    caller = venue()
    body = {
        "trades": [a_report(), a_report(trade_id="t-2", price="90000.3"), a_report(trade_id="t-3")],
        "mode": "each",
    }

    first = caller.post("/trades/batch", body)
    again = caller.post("/trades/batch", body)

    assert first.status_code == 201
    taken, refused, last = first.json()["trades"]
    assert (taken["problem"], last["problem"]) == (None, None)
    assert refused["sequence"] is None
    assert (refused["problem"]["status"], refused["problem"]["code"]) == (422, "price-off-tick")
    assert refused["problem"]["errors"][0]["pointer"] == "/trades/1/price"
    assert selectors.recorded(last["sequence"]).fact.trade_id == "t-3"
    assert [it["sequence"] for it in again.json()["trades"]] == [
        taken["sequence"],
        None,
        last["sequence"],
    ]


def test_a_batch_has_one_of_two_modes():
    answer = venue().post("/trades/batch", {"trades": [a_report()], "mode": "some"})

    assert problem(answer) == (400, "request-not-valid", ["/mode"])


def test_one_id_twice_in_a_batch_with_other_content_is_refused():
    answer = venue().post("/trades/batch", {"trades": [a_report(), a_report(quantity="2")]})

    assert problem(answer) == (422, "key-reused", ["/trades/1/trade_id"])


@pytest.mark.parametrize("trades", [[], [a_report()] * 1_001], ids=["none", "too many"])
def test_a_batch_has_some_trades_and_not_too_many(trades):
    answer = venue().post("/trades/batch", {"trades": trades})

    assert problem(answer) == (422, "batch-out-of-range", ["/trades"])


RULES = {
    "unknown instrument": ({"symbol": "DOGE-PERP"}, 422, "instrument-unknown", "/symbol"),
    "off-tick price": ({"price": "90000.3"}, 422, "price-off-tick", "/price"),
    "zero price": ({"price": "0"}, 422, "price-not-positive", "/price"),
    "negative price": ({"price": "-0.5"}, 422, "price-not-positive", "/price"),
    "no lots": ({"quantity": "0"}, 422, "lots-out-of-range", "/quantity"),
    "negative lots": ({"quantity": "-1"}, 422, "lots-out-of-range", "/quantity"),
    "huge lots": ({"quantity": "1" + "0" * 25}, 422, "lots-out-of-range", "/quantity"),
    "half a lot": ({"quantity": "0.0005"}, 422, "quantity-off-lot", "/quantity"),
    "value too large": (
        {"quantity": "1000000", "price": "1" + "0" * 18},
        422,
        "amount-out-of-range",
        "/quantity",
    ),
    "with itself": ({"seller": "NORTH-1"}, 422, "self-trade", "/seller"),
    "unknown buyer": ({"buyer": "NOBODY-1"}, 409, "account-not-open", "/buyer"),
    "the house's own account": ({"buyer": "ccp-insurance"}, 409, "account-not-open", "/buyer"),
}


@pytest.mark.parametrize(("but", "status", "code", "where"), RULES.values(), ids=RULES)
def test_a_rule_refuses_and_nothing_is_recorded(but, status, code, where):
    caller = venue()
    before = events()

    answer = caller.post("/trades", a_report(**but))

    assert problem(answer) == (status, code, [where])
    assert events() == before


SHAPES = {
    "no quantity": ({"quantity": None}, "/quantity", "null"),
    "a JSON number": ({"quantity": 1}, "/quantity", "not-a-string"),
    "a JSON float": ({"price": 0.1}, "/price", "not-a-string"),
    "not a number": ({"price": "NaN"}, "/price", "not-a-number"),
    "infinite": ({"price": "Infinity"}, "/price", "not-a-number"),
    "exponent bomb": ({"price": "1e1000000000"}, "/price", "not-a-number"),
    "small exponent": ({"price": "9e4"}, "/price", "not-a-number"),
    "separators": ({"quantity": "1_000"}, "/quantity", "not-a-number"),
    "other digits": ({"quantity": "١"}, "/quantity", "not-a-number"),
    "blanks": ({"quantity": " 1"}, "/quantity", "not-a-number"),
    "line end": ({"quantity": "1\n"}, "/quantity", "not-a-number"),
    "very long": ({"quantity": "1" * 100_000}, "/quantity", "not-a-number"),
    "empty": ({"symbol": ""}, "/symbol", "blank"),
    "NUL": ({"symbol": "BTC\x00PERP"}, "/symbol", "invalid"),
    "id too long": ({"trade_id": "t" * 33}, "/trade_id", "max-length"),
    "id a number": ({"trade_id": 7}, "/trade_id", "invalid"),
    "a list": ({"buyer": ["NORTH-1"]}, "/buyer", "invalid"),
}


@pytest.mark.parametrize(("but", "where", "code"), SHAPES.values(), ids=SHAPES)
def test_a_wrong_shape_is_refused_with_its_field(but, where, code):
    caller = venue()
    before = events()

    answer = caller.post("/trades", a_report(**but))

    assert answer.status_code == 400
    assert answer.json()["code"] == "request-not-valid"
    assert (where, code) in [(e["pointer"], e["code"]) for e in answer.json()["errors"]]
    assert events() == before


def test_every_missing_field_is_named_at_once():
    answer = venue().post("/trades", {"trade_id": "t-1"})

    assert problem(answer) == (
        400,
        "request-not-valid",
        ["/symbol", "/quantity", "/price", "/buyer", "/seller"],
    )


BODIES = {
    "not JSON": (b"{", 400, "malformed"),
    "nothing": (b"", 400, "request-not-valid"),
    "NaN literal": (b'{"price": NaN}', 400, "malformed"),
    "name twice": (b'{"price": "1", "price": "2"}', 400, "malformed"),
    "deep nesting": (b"[" * 200_000, 400, "malformed"),
    "long integer": (b'{"price": ' + b"9" * 100_000 + b"}", 400, "malformed"),
    "not UTF-8": (b'{"price": "\xff"}', 400, "malformed"),
    "half a character": (rb'{"price": "\ud800"}', 400, "malformed"),
    "half a character as a name": (rb'{"\uDfFf": "1"}', 400, "malformed"),
    "halves the wrong way round": (rb'[[{"a": ["\ude00\ud83d"]}]]', 400, "malformed"),
    "too large": (b" " * (3 << 20), 413, "body-too-large"),
    "a list": (b"[]", 400, "request-not-valid"),
    "a string": (b'"trade"', 400, "request-not-valid"),
}


@pytest.mark.parametrize(("body", "status", "code"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_report_is_refused(body, status, code):
    caller = venue()
    before = events()

    answer = caller.send("post", "/trades", body)

    assert problem(answer)[:2] == (status, code)
    assert events() == before


def test_half_a_character_is_refused_by_name_and_a_whole_one_is_read():
    caller = venue()

    half = caller.send("post", "/trades", rb'{"price": "\ud83d"}')
    whole = caller.send("post", "/trades", rb'{"price": "\ud83d\ude00 C:\\ud800"}')

    assert r"\ud83d without its other half is no character" in half.json()["detail"]
    assert problem(whole)[:2] == (400, "request-not-valid")


def test_other_content_types_are_refused():
    answer = venue().send("post", "/trades", b"a=b", content_type="text/plain")

    assert problem(answer)[:2] == (415, "unsupported-media-type")


def test_a_late_trade_from_before_the_listing_is_refused_at_its_time():
    caller, before = venue(), events()

    answer = caller.post("/trades", a_report(executed_at="2025-12-31T23:59:59Z"))

    assert problem(answer) == (422, "executed-too-early", ["/executed_at"])
    assert events() == before


def test_the_same_id_with_other_content_is_refused():
    caller = venue()
    caller.post("/trades", a_report())
    before = events()

    answer = caller.post("/trades", a_report(quantity="2"))

    assert problem(answer) == (422, "key-reused", ["/trade_id"])
    assert events() == before


def test_a_halted_instrument_does_not_trade():
    reference.halt("BTC-PERP", reason="test", at=START, cause=CAUSE)

    answer = venue().post("/trades", a_report())

    assert problem(answer) == (409, "instrument-not-trading", ["/symbol"])


def test_an_expired_instrument_does_not_trade():
    timekeeping.advance(EXPIRY, cause=CAUSE)

    answer = venue().post("/trades", a_report(symbol=FUTURE))

    assert problem(answer) == (409, "instrument-not-trading", ["/symbol"])


def test_a_suspended_account_may_only_shed_risk():
    caller = venue()
    caller.post("/trades", a_report())
    accounts.suspend("NORTH-1", reason="test", at=START, cause=CAUSE)

    more = caller.post("/trades", a_report(trade_id="t-2"))
    less = caller.post("/trades", a_report(trade_id="t-3", buyer="SOUTH-1", seller="NORTH-1"))

    assert problem(more) == (409, "account-not-open", ["/buyer"])
    assert less.status_code == 201


@pytest.mark.parametrize("caller", [north, officer])
@pytest.mark.parametrize("path", ["/trades", "/trades/batch"])
def test_only_venues_report_trades(path, caller):
    answer = caller().post(path, {"nonsense": 1})

    assert problem(answer)[:2] == (403, "out-of-scope")
