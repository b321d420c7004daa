"""Positions and balances at any point of the log."""

from __future__ import annotations

import pytest

from clearing import selectors
from clearing.domain import clock
from clearing.services import pricing, sealing, timekeeping, trades
from tests.builders import CAUSE, START, a_house, a_price_set, a_trade, after, run_due_jobs
from tests.doors.callers import north, officer, problem, south
from tests.tampering import count_from_one

pytestmark = pytest.mark.django_db

PATHS = ("/accounts/NORTH-1/positions", "/accounts/NORTH-1/balances")


@pytest.fixture(autouse=True)
def a_usual_house(db):
    count_from_one()
    a_house()


def quantities(answer):
    return [row["quantity"] for row in answer.json()["positions"]]


def test_positions_and_their_marks_are_those_of_the_point():
    first = pricing.seal(a_price_set("90000", at=after(hours=1)), cause=CAUSE)
    bought = trades.novate(a_trade(), at=after(hours=1), cause=CAUSE)
    second = pricing.seal(a_price_set("91000", at=after(hours=2)), cause=CAUSE)
    trades.novate(a_trade(trade_id="t-2"), at=after(hours=2), cause=CAUSE)
    caller = north()
    sealing.seal()

    then = caller.get("/accounts/NORTH-1/positions", as_of_seq=bought).json()
    now = caller.get("/accounts/NORTH-1/positions").json()

    [long], [longer] = then["positions"], now["positions"]
    assert (then["price_sequence"], now["price_sequence"]) == (first, second)
    assert (long["quantity"], long["mark"], long["value"]) == ("1.000", "90000", "0.000000")
    assert (longer["quantity"], longer["mark"], longer["value"]) == (
        *("2.000", "91000", "2000.000000"),
    )
    assert then["sequence"] < now["sequence"]


def test_a_trade_told_late_is_told_apart_by_both_times():
    pricing.seal(a_price_set(at=after(hours=5)), cause=CAUSE)
    on_time = trades.novate(a_trade(trade_id="on time"), at=after(hours=4), cause=CAUSE)
    known_at = clock.text(selectors.recorded(on_time).recorded_at)
    trades.novate(a_trade(trade_id="late"), at=after(hours=2), cause=CAUSE)
    caller, path = north(), "/accounts/NORTH-1/positions"

    at_three = clock.text(after(hours=3))
    assert quantities(caller.get(path, effective_at=at_three)) == ["1.000"]
    assert quantities(caller.get(path, known_at=known_at)) == ["1.000"]
    assert quantities(caller.get(path, effective_at=at_three, known_at=known_at)) == []
    assert quantities(caller.get(path, effective_at="2026-01-01T05:00:00+01:00")) == ["2.000"]
    assert quantities(caller.get(path)) == ["2.000"]


def test_balances_at_a_point_show_what_was_leaving():
    pricing.seal(a_price_set(), cause=CAUSE)
    caller, path = north(), "/accounts/NORTH-1/balances"
    opened = caller.get(path).json()
    asked = caller.post("/accounts/NORTH-1/withdrawals", {"asset": "USDC", "amount": "1"}).json()
    run_due_jobs()
    sealing.seal()

    before = caller.get(path, as_of_seq=asked["sequence"] - 1).json()
    between = caller.get(path, as_of_seq=asked["sequence"]).json()
    now = caller.get(path).json()

    assert before == opened
    assert between["balances"] == [
        {"asset": "USDC", "amount": "999999.000000", "withdrawing": "1.000000"}
    ]
    assert now["balances"] == [
        {"asset": "USDC", "amount": "999999.000000", "withdrawing": "0.000000"}
    ]


def test_the_houses_own_book_can_be_asked_too():
    sealing.seal()
    answer = officer().get("/accounts/ccp-custody/balances", as_of_seq=selectors.sealed_up_to())

    assert answer.json()["balances"][0]["amount"] == "-3000000.000000"


@pytest.mark.parametrize("path", PATHS)
def test_a_point_the_log_cannot_answer_for_is_refused_with_the_side_at_fault(path):
    unsealed = timekeeping.reading().sequence
    sealing.seal()
    fresh = trades.novate(a_trade(), at=START, cause=CAUSE)
    start, early, late = (clock.text(it) for it in (START, after(days=-1), after(days=1)))

    refused = {
        ("point-before-the-log", "as_of_seq"): {"as_of_seq": 0},
        ("point-not-sealed", "as_of_seq"): {"as_of_seq": fresh},
        ("point-before-the-log", "effective_at"): {"effective_at": early},
        ("point-in-the-future", "effective_at"): {"effective_at": late},
        ("point-before-the-log", "known_at"): {"known_at": "2001-01-01T00:00:00Z"},
        ("point-in-the-future", "known_at"): {"known_at": "9999-12-31T23:59:59Z"},
    }
    for (code, side), query in refused.items():
        assert problem(north().get(path, **query)) == (409, code, [side])
    both = {"as_of_seq": unsealed, "known_at": start}
    assert problem(north().get(path, **both)) == (400, "point-not-valid", ["known_at"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("side", "value"),
    [
        ("as_of_seq", "-1"),
        ("as_of_seq", "x"),
        ("as_of_seq", "9" * 5_000),
        ("as_of_seq", str(2**63)),
        ("effective_at", "yesterday"),
        ("effective_at", "2026-01-01"),
        ("effective_at", "2026-01-01T00:00:00"),
        ("effective_at", "2026-01-01T00:00:00 01:00"),
        ("effective_at", "2026-02-30T00:00:00Z"),
        ("known_at", "0001-01-01T00:00:00+01:00"),
        ("known_at", "0000-01-01T00:00:00Z"),
        ("known_at", "٢٠٢٦-01-01T00:00:00Z"),
        ("known_at", "2026-01-01T00:00:00Z\x00"),
        ("known_at", ""),
    ],
)
def test_a_wrong_point_is_refused(path, side, value):
    assert problem(north().get(path, **{side: value})) == (400, "request-not-valid", [side])


@pytest.mark.parametrize(
    "said", ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00.000000000z", "2025-12-31T19:00:00-05:00"]
)
def test_a_moment_is_one_however_it_is_spelled(said):
    usual = north().get(PATHS[1], effective_at=clock.text(START)).json()

    assert north().get(PATHS[1], effective_at=said).json() == usual


@pytest.mark.parametrize("path", PATHS)
def test_others_do_not_see_the_past_either(path):
    for side, value in (("as_of_seq", 5), ("effective_at", clock.text(START)), ("known_at", "x")):
        assert problem(south().get(path, **{side: value}))[:2] == (404, "not-found")
