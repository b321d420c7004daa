"""The pages that prove the book: as of a point, the trial balance, the statement."""

from __future__ import annotations

import pytest

from clearing import models, selectors
from clearing.services import sealing, timekeeping, trades
from tests.browser.scene import logged_in
from tests.builders import CAUSE, START, a_house, a_trade, after
from tests.tampering import as_owner, count_from_one

pytestmark = pytest.mark.django_db
ACCOUNT = "/admin/house/accounts/NORTH-1/"
TRIAL = "/admin/house/trial-balance/"


@pytest.fixture
def officer(client):
    count_from_one()
    a_house()
    timekeeping.advance(after(hours=5), cause=CAUSE)
    trades.novate(a_trade(trade_id="on time"), at=after(hours=4), cause=CAUSE)
    trades.novate(a_trade(trade_id="late"), at=after(hours=2), cause=CAUSE)
    sealing.seal()
    return logged_in(client)


def lots(page):
    return [row["lots"] for row in page.context["positions"]]


def test_an_account_is_seen_as_it_was_and_as_it_was_known(officer):
    on_time = models.Event.objects.filter(payload__contains="on time").latest("sequence")

    now = officer.get(ACCOUNT)
    by_time = officer.get(ACCOUNT, {"effective_at": "2026-01-01 03:00"})
    known = officer.get(ACCOUNT, {"known_at": on_time.recorded_at.isoformat()})
    by_place = officer.get(ACCOUNT, {"as_of_seq": on_time.sequence})

    seen = [lots(it) for it in (now, by_time, known, by_place)]
    assert seen == [[2_000], [1_000], [1_000], [1_000]]
    assert "The book then: what had taken effect by 2026-01-01 03:00:00" in by_time.content.decode()
    assert "Never margined" not in by_time.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"as_of_seq": "x"},
        {"as_of_seq": "0"},
        {"as_of_seq": "999999"},
        {"effective_at": "yesterday"},
        {"effective_at": "2030-01-01"},
        {"known_at": "1999-01-01"},
        {"as_of_seq": "3", "known_at": "2026-01-01"},
    ],
)
def test_a_point_that_cannot_be_answered_says_so_and_shows_the_book_as_it_is(officer, query):
    page = officer.get(ACCOUNT, query)

    assert page.status_code == 200
    assert page.context["as_of"].error
    assert "This is the book as it is." in page.content.decode()
    assert lots(page) == [2_000]


def test_the_trial_balance_leads_to_accounts_and_their_statements(officer):
    page = officer.get(TRIAL)
    [lots] = [it for it in page.context["columns"] if it["asset"] == "lots:BTC-PERP"]
    client = next(line for line in lots["lines"] if line["group"] == "client")

    behind = officer.get(client["page"])
    statement = officer.get(behind.context["rows"][0]["page"])

    assert page.context["off"] == []
    assert "every column sums to zero" in page.content.decode()
    assert (client["debit"], client["credit"]) == ("2000", "2000")
    assert [(it["account"], it["amount"]) for it in behind.context["rows"]] == [
        ("NORTH-1", "2000"),
        ("SOUTH-1", "-2000"),
    ]
    assert statement.status_code == 200
    assert officer.get(f"{TRIAL}accounts/").status_code == 404


def test_the_trial_balance_is_seen_at_a_point(officer):
    page = officer.get(TRIAL, {"effective_at": "2026-01-01 03:00"})

    assert [it["debit"] for it in page.context["columns"] if "lots" in it["asset"]] == ["1000"]


def test_a_book_that_is_off_is_said_in_red(officer):
    with as_owner() as cursor:
        cursor.execute("UPDATE clearing_entry SET amount = amount + 1 WHERE account = 'NORTH-1'")

        page = officer.get(TRIAL)

    assert "USDC" in page.context["off"]
    assert "does not sum to zero" in page.content.decode()


def test_the_statement_page_shows_a_period_with_words_and_balances(officer):
    page = officer.get(
        f"{ACCOUNT}statement/", {"start": "2026-01-01 01:00", "end": "2026-01-01 03:00"}
    )

    said = page.content.decode()
    assert [it["title"] for it in page.context["opening"]] == ["USDC"]
    assert {it["reference"] for it in page.context["movements"]} == {"late"}
    assert "NORTH-1 bought 1 BTC-PERP" in said
    assert "format=csv" in page.context["table"]
    assert officer.get(page.context["table"]).status_code == 200


def test_a_wrong_period_is_said_and_the_whole_is_shown(officer):
    page = officer.get(f"{ACCOUNT}statement/", {"start": "2026-01-01 03:00", "end": str(START)})

    assert "A period ends after it starts" in page.content.decode()
    assert len(page.context["movements"]) == 5


def test_the_houses_own_accounts_have_statements_too(officer):
    page = officer.get("/admin/house/accounts/ccp-custody/statement/")

    assert selectors.scale("USDC") == 6
    assert page.context["closing"][0]["amount"] == "-3000000.000000"


def test_nobody_without_the_permission_reads_them(client):
    a_house()
    logged_in(client, role="member-user", login="mia")

    for path in (TRIAL, f"{TRIAL}accounts/", f"{ACCOUNT}statement/"):
        assert client.get(path).status_code == 302
