"""The statement and the trial balance, over the API and as commands."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.management import CommandError, call_command

from clearing import selectors
from clearing.domain import clock
from clearing.services import pricing, reference, sealing, timekeeping, trades
from tests.builders import CAUSE, START, a_house, a_price_set, a_trade, after, terms
from tests.doors.callers import north, officer, problem, south, venue
from tests.tampering import as_owner, count_from_one

pytestmark = pytest.mark.django_db
PATH = "/accounts/NORTH-1/statement"


@pytest.fixture(autouse=True)
def a_usual_house(db):
    count_from_one()
    a_house(NORTH="250.5")
    pricing.seal(a_price_set(at=after(hours=1)), cause=CAUSE)
    trades.novate(a_trade(), at=timekeeping.now(), cause=CAUSE)


def table(answer):
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def run(name, *arguments):
    """(what it said, what it was refused for)"""
    out = io.StringIO()
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=io.StringIO())
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


# --- statement --------------------------------------------------------------------------------


def test_a_member_reads_its_statement_with_words_and_running_balances():
    answer = north().get(PATH).json()

    assert answer["opening"] == []
    first, lots = answer["items"][0], answer["items"][-1]
    assert (first["kind"], first["said"]) == (
        "collateral deposited",
        "NORTH-1 deposited 250.50 USDC",
    )
    assert (first["amount"], first["balance"], first["currency"]) == (
        *("250.500000", "250.500000"),
        "USDC",
    )
    assert first["counterparts"] == ["ccp-custody"]
    assert (lots["what"], lots["amount"], lots["reference"]) == ("lots", "1000", "t-1")
    assert [(it["what"], it["amount"]) for it in answer["closing"]] == [
        *[("cash", "250.500000"), ("cost", "90000.000000")],
        ("lots", "1000"),
    ]


def test_pages_follow_the_cursor_and_balances_are_the_periods():
    caller, seen, cursor = north(), [], {}
    while cursor is not None:
        page = caller.get(PATH, limit=1, **cursor).json()
        seen += page["items"]
        assert len(page["closing"]) == 3
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None

    assert seen == caller.get(PATH).json()["items"]


@pytest.mark.parametrize("how", ["query", "header"])
def test_the_whole_of_it_is_streamed_as_a_table(how):
    caller = north()
    if how == "query":
        answer = caller.get(PATH, format="csv", limit=1)
    else:
        caller.client.credentials(**caller.client._credentials, HTTP_ACCEPT="text/csv")
        answer = caller.get(PATH)

    rows = table(answer)
    assert answer.streaming
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert [row["line"] for row in rows] == ["movement"] * 3 + ["closing"] * 3
    assert [row["balance"] for row in rows[3:]] == ["250.500000", "90000.000000", "1000"]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@"])
def test_no_text_of_a_table_is_a_formula_and_numbers_keep_their_signs(begins, tmp_path):
    trade_id, path = f"{begins}HYPERLINK('//x')", tmp_path / "south.csv"
    sold = a_trade(trade_id=trade_id, buyer="SOUTH-1", seller="NORTH-1", quantity="2")
    trades.novate(sold, at=timekeeping.now(), cause=CAUSE)

    rows = table(north().get(PATH, format="csv"))
    run("statement", "NORTH-1", "--csv", path)
    shown = north().get(PATH).json()["items"]

    [lots] = [it for it in rows if it["what"] == "lots" and it["reference"].endswith(trade_id)]
    assert lots["reference"] == f"'{trade_id}"
    assert (lots["amount"], lots["balance"]) == ("-2000", "-1000")
    assert list(csv.DictReader(path.open())) == rows
    assert trade_id in {it["reference"] for it in shown}, "JSON says it as it is"


def test_a_problem_is_told_as_one_also_where_a_table_was_asked_for():
    answer = south().get(PATH, format="csv")

    assert problem(answer)[:2] == (404, "not-found")


def test_a_wrong_period_or_place_is_refused():
    caller = north()

    ends = {"start": clock.text(after(hours=1)), "end": clock.text(START)}
    assert problem(caller.get(PATH, **ends))[:2] == (400, "period-not-valid")
    assert problem(caller.get(PATH, cursor="x")) == (400, "cursor-not-valid", ["cursor"])
    late = clock.text(after(days=9))
    assert problem(caller.get(PATH, end=late))[:2] == (409, "point-in-the-future")
    assert problem(caller.get(PATH, start="yesterday")) == (400, "request-not-valid", ["start"])


def test_the_command_writes_the_same_table(tmp_path):
    path = tmp_path / "north.csv"

    said, refused = run("statement", "NORTH-1", "--csv", path)
    printed, _ = run("statement", "NORTH-1", "--from", clock.text(START))

    assert refused == ""
    assert said == f"6 lines written to {path}\n"
    assert list(csv.DictReader(path.open())) == table(north().get(PATH, format="csv"))
    assert "opening " in printed
    assert "NORTH-1 bought 1 BTC-PERP at 90,000" in printed


def test_the_command_refuses_by_code_and_field():
    assert run("statement", "NOBODY")[1].startswith("not-found account:")
    backwards = ["--from", clock.text(after(hours=1)), "--to", clock.text(START)]
    assert run("statement", "NORTH-1", *backwards)[1].startswith("period-not-valid to:")


# --- trial balance ----------------------------------------------------------------------------


def test_an_officer_reads_the_trial_balance_and_who_is_behind_a_line():
    caller = officer()

    answer = caller.get("/trial-balance").json()
    behind = caller.get("/trial-balance/accounts", ledger="cash:USDC", group="client").json()

    columns = {(it["what"], it["asset"]): it for it in answer["columns"]}
    assert answer["balanced"] is True
    cash = columns["cash", "USDC"]
    assert (cash["debit"], cash["credit"], cash["off"]) == (
        *("2000250.500000", "2000250.500000"),
        "0.000000",
    )
    assert [line["group"] for line in cash["lines"]] == ["backstop", "ccp-custody", "client"]
    assert columns["lots", "BTC-PERP"]["debit"] == "1000"
    assert behind["items"] == [
        {"account_id": "NORTH-1", "amount": "250.500000"},
        {"account_id": "SOUTH-1", "amount": "1000000.000000"},
    ]


def test_it_is_answered_for_any_point():
    sealing.seal()
    sequence = selectors.sealed_up_to()
    trades.novate(a_trade(trade_id="t-2"), at=timekeeping.now(), cause=CAUSE)
    caller = officer()

    then = caller.get("/trial-balance", as_of_seq=sequence).json()
    start = caller.get("/trial-balance", effective_at=clock.text(START)).json()
    now = caller.get("/trial-balance").json()

    def lots(answer):
        return [it["debit"] for it in answer["columns"] if it["what"] == "lots"]

    assert (lots(then), lots(start), lots(now)) == (["1000"], [], ["2000"])


@pytest.mark.parametrize("who", [north, venue])
def test_it_is_the_officers_alone(who):
    assert problem(who().get("/trial-balance"))[:2] == (403, "out-of-scope")


def test_the_command_prints_it_and_says_that_it_sums_to_zero():
    said, refused = run("trial_balance")
    rows, _ = run("trial_balance", "--csv")

    assert refused == ""
    assert "USDC: sums to zero" in said
    groups = {row["group"] for row in csv.DictReader(io.StringIO(rows))}
    assert groups == {"backstop", "ccp-custody", "client"}, "novation is flat"
    assert run("trial_balance", "--as-of-seq", 0)[1].startswith("point-before-the-log as_of_seq:")


def test_no_symbol_in_the_table_of_it_is_a_formula():
    reference.list_instruments([terms("=1+1")], at=START, cause=CAUSE)
    trades.novate(a_trade(trade_id="t-2", symbol="=1+1"), at=timekeeping.now(), cause=CAUSE)

    rows = list(csv.DictReader(io.StringIO(run("trial_balance", "--csv")[0])))

    assert {it["asset"] for it in rows} == {"USDC", "BTC-PERP", "'=1+1"}
    assert all(not it[side].startswith("'") for it in rows for side in ("debit", "credit"))


def test_the_command_fails_on_a_book_that_is_off():
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_entry SET amount = amount + 1 WHERE account = 'NORTH-1'"
            " AND asset = 'cash:USDC'"
        )

        said, refused = run("trial_balance")

    assert "USDC: OFF BY 0.000001" in said
    assert refused == "off: USDC"
