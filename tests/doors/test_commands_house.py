"""The commands that open and run a house: each is one service, safe to run twice."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts import models as accounts
from accounts import selectors as people
from clearing import selectors
from clearing.domain import clock
from clearing.services import pricing, timekeeping, trades
from margin import selectors as margin
from margin.models import Run
from tests import feed_rows
from tests.browser.scene import logged_in
from tests.builders import (
    CAUSE,
    PARAMETERS,
    PERPETUAL,
    START,
    a_house,
    a_price_set,
    a_trade,
    run_due_jobs,
)
from tests.doors.callers import a_report, events, problem, venue

pytestmark = pytest.mark.django_db
PASSWORD = "seven-quiet-otters"


def run(name, *arguments):
    """(what it said, what it was refused for)"""
    out = io.StringIO()
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=io.StringIO())
    except CommandError as error:
        assert error.returncode == 1
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def a_file(tmp_path, **but):
    usual = {
        "policy": {"price_max_age_seconds": 86_400, "penalty_rate": "0.01"},
        "parameters": PARAMETERS.name,
        "reporting": "USDC",
        "assets": [
            {"asset": "USDC", "scale": 6, "title": "USD Coin"},
            {"asset": "BTC", "scale": 8, "title": "Bitcoin"},
        ],
        "members": [
            {
                "member_id": "NORTH",
                "name": "North",
                "accounts": [{"account_id": "NORTH-1", "kind": "client", "title": "Clients"}],
            },
            {"member_id": "EAST", "name": "East", "accounts": []},
        ],
    }
    path = tmp_path / "house.json"
    path.write_text(json.dumps(usual | but))
    return path


def a_set(tmp_path, *, times=1):
    """The usual parameters with every move of spot that many times as large."""
    document = json.loads(PARAMETERS.read_text())
    for scenario in document["scenarios"]:
        scenario["spot"] = max(0.01, 1 + (scenario["spot"] - 1) * times)
    path = tmp_path / f"set-{times}.json"
    path.write_text(json.dumps(document))
    return path


# --- open_house -------------------------------------------------------------------------------


def test_a_house_is_opened_from_a_file_once(tmp_path):
    path = a_file(tmp_path)

    said, refused = run("open_house", path, "--story", "2026-01-01")
    before = events()
    again, _ = run("open_house", path, "--story", "2026-01-01")

    assert refused == ""
    assert said.splitlines() == [
        "business time started at 2026-01-01T00:00:00.000000Z, fed by a story",
        "asset USDC admitted, 6 digits",
        "asset BTC admitted, 8 digits",
        "policy set",
        f"parameters {margin.rules().name[:12]} in force, {margin.rules().method}",
        "the house's own accounts opened",
        "member NORTH admitted, North",
        "account NORTH-1 opened, client of NORTH",
        "member EAST admitted, East",
    ]
    assert again == "nothing to do: the house is as the file says\n"
    assert events() == before
    assert timekeeping.now() == START
    assert selectors.policy().price_max_age_seconds == 86_400
    assert selectors.account_row("ccp-novation").standing == "open"


def test_what_is_new_in_the_file_is_added(tmp_path):
    run("open_house", a_file(tmp_path))
    more = [{"member_id": "WEST", "name": "West", "accounts": []}]

    said, _ = run("open_house", a_file(tmp_path, members=more))

    assert said == "member WEST admitted, West\n"
    assert people.member("NORTH").name == "North", "nothing is taken away"


def test_without_a_story_the_wall_clock_feeds_business_time(tmp_path):
    run("open_house", a_file(tmp_path))

    assert selectors.business_clock().mode == clock.LIVE
    _, refused = run("open_house", a_file(tmp_path), "--story", "2026-01-01")
    assert refused.startswith("clock-is-live -:")


def test_the_demos_cast_opens_a_house_without_its_money(tmp_path):
    said, refused = run("open_house", "config/story/cast.json", "--story", "2026-01-01")

    assert refused == ""
    assert "account MERIDIAN-MM opened, house of MERIDIAN" in said
    assert len(list(selectors.stream("account-MERIDIAN-MM"))) == 1, "opened and nothing else"


NORTH = {"member_id": "NORTH", "name": "North"}
BAD = [
    ({"reporting": "EUR"}, "opening-not-valid reporting"),
    ({"reporting": None}, "opening-not-valid reporting"),
    ({"parameters": "ours.json"}, "opening-not-valid parameters"),
    ({"parameters": "house.json"}, "parameters-refused"),
    ({"policy": {"penalty_rate": 0.01}}, "opening-not-valid policy.penalty_rate"),
    ({"policy": {"penalty_rate": "much"}}, "not-a-number policy.penalty_rate"),
    ({"policy": {"penalty_rate": "0.5"}}, "terms-not-valid penalty_rate"),
    ({"policy": {"price_age": 5}}, "opening-not-valid policy.price_age"),
    ({"policy": []}, "opening-not-valid policy"),
    (
        {"assets": [{"asset": "USDC", "scale": True, "title": "x"}]},
        "opening-not-valid assets[0].sc",
    ),
    (
        {"assets": [{"asset": "USDC", "scale": 12, "title": "x"}]},
        "opening-not-valid assets[0].scale",
    ),
    (
        {"assets": [{"asset": "usd c", "scale": 6, "title": "x"}]},
        "opening-not-valid assets[0].asset",
    ),
    ({"assets": [{"asset": "USDC", "scale": 6}]}, "opening-not-valid assets[0].title"),
    ({"assets": {}}, "opening-not-valid assets"),
    ({"assets": [7]}, "opening-not-valid assets[0]"),
    ({"members": [NORTH, NORTH]}, "opening-not-valid members[0].accounts"),
    ({"members": [NORTH | {"accounts": []}] * 2}, "opening-not-valid members"),
    (
        {"members": [NORTH | {"accounts": [], "member_id": "n"}]},
        "name-not-valid members[0].member_id",
    ),
    (
        {"members": [NORTH | {"accounts": [], "member_id": "CCP"}]},
        "opening-not-valid members[0].memb",
    ),
    ({"members": [NORTH | {"accounts": [], "lei": "123"}]}, "name-not-valid lei"),
    (
        {"members": [NORTH | {"accounts": [], "name": "x" * 101}]},
        "opening-not-valid members[0].name",
    ),
    (
        {
            "members": [
                NORTH | {"accounts": [{"account_id": "N-1", "kind": "clearinghouse", "title": "x"}]}
            ]
        },
        "opening-not-valid members[0].accounts[0].kind",
    ),
    ({"mebmers": []}, "opening-not-valid mebmers"),
]


@pytest.mark.parametrize(("but", "refusal"), BAD, ids=[refusal for _, refusal in BAD])
def test_a_bad_file_is_refused_by_field_with_nothing_written(tmp_path, but, refusal):
    said, refused = run("open_house", a_file(tmp_path, **but))

    assert refused.startswith(refusal)
    assert (said, events()) == ("", 0)


@pytest.mark.parametrize("content", ["", "[1]", '{"policy": ', "[" * 5_000])
def test_what_is_no_json_object_is_refused(tmp_path, content):
    path = tmp_path / "house.json"
    path.write_text(content)

    for name, more in (("open_house", ()), ("activate_parameters", ("--reporting", "USDC"))):
        if name == "activate_parameters" and not events():
            a_house()
        assert run(name, path, *more)[1].startswith("file-not-valid file: ")
        assert run(name, tmp_path / "none.json", *more)[1].startswith("file-not-valid file: ")


def test_what_is_there_on_other_terms_is_refused_with_nothing_written(tmp_path):
    run("open_house", a_file(tmp_path))
    before = events()
    usdc = {"asset": "USDC", "scale": 2, "title": "USD Coin"}
    account = {"account_id": "NORTH-1", "kind": "client", "title": "Clients"}
    new = {"member_id": "ABBEY", "name": "Abbey", "accounts": []}

    others = [
        ({"assets": [usdc]}, "terms-differ scale"),
        ({"members": [new, NORTH | {"name": "Other", "accounts": []}]}, "opening-differs name"),
        (
            {"members": [new, NORTH | {"accounts": [account | {"kind": "backstop"}]}]},
            "opening-differs kind",
        ),
        (
            {"members": [new | {"accounts": [account]}]},
            "opening-differs member_id",
        ),
    ]
    for but, refusal in others:
        assert run("open_house", a_file(tmp_path, **but))[1].startswith(refusal)
        assert events() == before


# --- grant_role, revoke_role ------------------------------------------------------------------


@pytest.fixture
def stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))


def test_a_role_is_granted_to_a_new_user_once_and_taken_back_once(client, stdin):
    a_house()

    said, refused = run("grant_role", "vera", "--role", "risk-officer", "--password-stdin")
    before = events()
    again, _ = run("grant_role", "vera", "--role", "risk-officer", "--password-stdin")

    assert (said, refused) == ("vera created\nvera is now risk-officer\n", "")
    assert (again, events()) == ("vera is already risk-officer\n", before)
    assert client.login(username="vera", password=PASSWORD)
    assert client.get("/admin/").status_code == 200

    run("grant_role", "vera", "--role", "auditor")
    said, _ = run("revoke_role", "vera", "--role", "risk-officer")
    before = events()
    again, _ = run("revoke_role", "vera", "--role", "risk-officer")

    assert said == "vera is no longer risk-officer\n"
    assert (again, events()) == ("vera is not risk-officer\n", before)
    assert list(selectors.stream("user-vera"))[-1].fact.role == "risk-officer"
    user = accounts.User.objects.get(username="vera")
    assert user.get_user_permissions() == {"accounts.view_house"}, "what is left is the auditor's"
    run("revoke_role", "vera", "--role", "auditor")
    assert client.get("/admin/").status_code == 302, "the session that is open ends, too"


def test_a_users_member_follows_the_roles_that_are_left(stdin):
    a_house()
    run("grant_role", "ned", "--role", "member-user", "--member", "NORTH", "--password-stdin")
    run("grant_role", "ned", "--role", "auditor")
    assert accounts.User.objects.get(username="ned").member_id == "NORTH"

    run("revoke_role", "ned", "--role", "member-user")

    assert accounts.User.objects.get(username="ned").member_id == ""


def test_a_role_held_for_one_member_is_not_silently_kept_for_another(stdin):
    a_house()
    run("grant_role", "ned", "--role", "member-user", "--member", "NORTH", "--password-stdin")

    _, refused = run("grant_role", "ned", "--role", "member-user", "--member", "SOUTH")

    assert refused.startswith("role-held-otherwise member_id: ")


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("vera", "--role", "king"), "role-unknown role"),
        (("vera", "--role", "member-user", "--member", "NOBODY"), "member-unknown member_id"),
        (("ve ra", "--role", "auditor"), "name-not-valid login"),
    ],
)
def test_a_user_is_not_left_behind_by_a_refused_grant(stdin, arguments, refusal):
    a_house()
    before = events()

    _, refused = run("grant_role", *arguments, "--password-stdin")

    assert refused.startswith(refusal)
    assert (accounts.User.objects.count(), events()) == (0, before)


def test_a_password_is_never_weak_and_never_an_argument(monkeypatch):
    a_house()
    monkeypatch.setattr("sys.stdin", io.StringIO("12345678\n"))
    refused = run("grant_role", "vera", "--role", "auditor", "--password-stdin")[1]
    assert refused.startswith("password-too-weak password: ")
    assert "12345678" not in refused

    typed = iter([PASSWORD, "something else", PASSWORD, PASSWORD])
    monkeypatch.setattr(
        "accounts.management.commands.grant_role.getpass", lambda _prompt: next(typed)
    )
    assert run("grant_role", "vera", "--role", "auditor")[1].startswith("password-differs password")
    assert run("grant_role", "vera", "--role", "auditor")[1] == ""
    with pytest.raises(CommandError, match="unrecognized"):
        call_command("grant_role", "olga", "--role", "auditor", "--password", PASSWORD)


def test_roles_of_nobody_are_not_revoked_and_time_must_have_started():
    assert run("revoke_role", "vera", "--role", "auditor")[1].startswith("clock-not-started -")
    a_house()
    assert run("revoke_role", "vera", "--role", "auditor")[1].startswith("not-found login")
    assert run("revoke_role", "vera", "--role", "king")[1].startswith("role-unknown role")


# --- activate_parameters ----------------------------------------------------------------------


def test_another_set_is_put_in_force_once_and_everybody_is_margined_by_it(tmp_path):
    a_house()
    pricing.seal(a_price_set(), cause=CAUSE)
    run_due_jobs()
    older = margin.latest_requirement("NORTH-1")
    path = a_set(tmp_path, times=2)

    said, refused = run("activate_parameters", path, "--reporting", "USDC")
    run_due_jobs()
    done = Run.objects.count()
    again, _ = run("activate_parameters", path, "--reporting", "USDC")
    run_due_jobs()

    assert refused == ""
    assert "is now in force" in said
    assert "is in force already" in again
    newer = margin.latest_requirement("NORTH-1")
    assert newer.parameter_set == margin.rules().name != older.parameter_set
    assert newer.price_sequence == older.price_sequence
    run_of_all = margin.run(newer.run_id)
    assert (run_of_all.kind, run_of_all.completed) == ("prices", True)
    assert run_of_all.accounts == Run.objects.get(run_id=older.run_id).accounts
    assert Run.objects.count() == done


def test_without_prices_a_new_set_waits_for_them(tmp_path):
    a_house()
    run("activate_parameters", a_set(tmp_path, times=2), "--reporting", "USDC")

    run_due_jobs()

    assert Run.objects.count() == 0


def test_a_stricter_set_calls_on_the_same_prices_and_a_milder_one_covers(tmp_path):
    a_house(NORTH="22000")
    pricing.seal(a_price_set(), cause=CAUSE)
    run_due_jobs()
    trades.novate(a_trade(), at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()
    assert margin.open_calls().count() == 0
    older = margin.latest_requirement("NORTH-1")

    run("activate_parameters", a_set(tmp_path, times=1.5), "--reporting", "USDC")
    run_due_jobs()
    [first] = margin.open_calls()
    run("activate_parameters", PARAMETERS, "--reporting", "USDC")
    run_due_jobs()
    first.refresh_from_db()
    assert (first.state, first.outcome) == ("covered", "requirement-fell")

    run("activate_parameters", a_set(tmp_path, times=1.5), "--reporting", "USDC")
    run_due_jobs()
    [second] = margin.open_calls()

    assert second.call_id != first.call_id
    latest = margin.latest_requirement("NORTH-1")
    assert (latest.price_sequence, latest.account_version) == (
        older.price_sequence,
        older.account_version,
    )


def test_a_run_under_the_set_before_decides_nothing(tmp_path):
    from margin.services import calls

    a_house(NORTH="22000")
    pricing.seal(a_price_set(), cause=CAUSE)
    run_due_jobs()
    trades.novate(a_trade(), at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()
    fine = margin.latest_requirement("NORTH-1").run_id
    run("activate_parameters", a_set(tmp_path, times=1.5), "--reporting", "USDC")
    run_due_jobs()

    assert calls.decide("NORTH-1", run_id=fine, cause=CAUSE) == []
    assert margin.open_calls().count() == 1, "what was fine under the set before covers nothing"


def test_a_set_the_engine_cannot_use_is_refused_by_field(tmp_path):
    a_house()
    before = events()
    document = json.loads(PARAMETERS.read_text())
    document["scenarios"][0]["spot"] = "down"
    path = tmp_path / "set.json"
    path.write_text(json.dumps(document))

    refused = run("activate_parameters", path, "--reporting", "USDC")[1]
    assert refused.startswith("parameters-refused ")
    assert "spot" in refused.partition(":")[0]
    refused = run("activate_parameters", PARAMETERS, "--reporting", "EUR")[1]
    assert refused.startswith("asset-unknown asset: ")
    assert events() == before


# --- halt, resume -----------------------------------------------------------------------------


def test_a_halted_instrument_does_not_trade_until_it_is_resumed():
    a_house()
    caller = venue()

    said, _ = run("halt", PERPETUAL, "--reason", "an outage")
    before = events()
    again, _ = run("halt", PERPETUAL, "--reason", "an outage")

    assert (said, again) == (f"{PERPETUAL} is halted\n", f"{PERPETUAL} was halted already\n")
    assert events() == before
    answer = caller.post("/trades", a_report())
    assert problem(answer) == (409, "instrument-not-trading", ["/symbol"])

    said, _ = run("resume", PERPETUAL, "--reason", "it is over")
    before = events()
    again, _ = run("resume", PERPETUAL, "--reason", "it is over")

    assert (said, again) == (f"{PERPETUAL} trades again\n", f"{PERPETUAL} was trading already\n")
    assert events() == before
    assert caller.post("/trades", a_report()).status_code == 201
    [fact] = [it.fact for it in selectors.stream(f"instrument-{PERPETUAL}")][-1:]
    assert fact.reason == "it is over"


def test_a_tape_does_not_trade_a_halted_instrument_either(tmp_path):
    from tests.doors.test_book_trades import SYMBOL, a_house_of_2020, book

    a_house_of_2020()
    path = feed_rows.written(tmp_path / "tape.csv", [feed_rows.option_trade(1)])
    book(path)
    run("halt", SYMBOL, "--reason", "an outage")
    path = feed_rows.written(tmp_path / "tape.csv", [feed_rows.option_trade(2)])
    before = events()

    code, out, err = book(path)

    assert code == 1
    assert "0 booked, 0 booked before, 1 rows refused" in out
    assert f"tape.csv:2 {SYMBOL} instrument-not-trading symbol" in err
    assert events() == before
    run("resume", SYMBOL, "--reason", "it is over")
    assert book(path)[0] == 0


def test_prices_of_a_halted_instrument_are_sealed_and_do_not_resume_it(tmp_path):
    a_house()
    name = "BTC-30JAN26-90000-C"
    rows = [feed_rows.chain(name), feed_rows.chain(name, timestamp=feed_rows.SECOND)]
    path = feed_rows.written(tmp_path / "chain.csv", rows[:1])
    run("load_chain", path)
    run("halt", name, "--reason", "an outage")

    _, refused = run("load_chain", feed_rows.written(tmp_path / "chain.csv", rows))

    assert refused == ""
    assert selectors.price_sets().count() == 2
    assert selectors.latest_prices().prices.quote(name)
    assert selectors.instrument(name).status == "halted"


def test_what_cannot_be_halted_is_refused():
    a_house()
    assert run("halt", "NONE", "--reason", "x")[1].startswith("instrument-unknown symbol: ")
    assert run("resume", "NONE", "--reason", "x")[1].startswith("instrument-unknown symbol: ")
    with pytest.raises(CommandError, match="reason"):
        call_command("halt", PERPETUAL, "--reason", " ")


def test_an_officer_halts_and_resumes_from_the_instruments_page(client):
    a_house()
    page = reverse("admin:clearing_instrument_change", args=[PERPETUAL])
    halt = reverse("admin:clearing_instrument_halt", args=[PERPETUAL])
    resume = reverse("admin:clearing_instrument_resume", args=[PERPETUAL])
    logged_in(client, role="operator", login="olga")
    assert client.post(halt, {"reason": "mine"}).status_code == 403
    logged_in(client)

    assert halt in client.get(page).content.decode()
    assert client.post(halt, {"reason": "an outage"}).status_code == 302
    assert selectors.instrument(PERPETUAL).status == "halted"
    shown = client.get(page).content.decode()
    assert resume in shown
    assert halt not in shown
    assert client.post(resume, {"reason": "it is over"}).status_code == 302

    last = list(selectors.stream(f"instrument-{PERPETUAL}"))[-1]
    assert (last.fact.reason, last.cause.actor) == ("it is over", "officer:vera")
    assert selectors.instrument(PERPETUAL).status == "listed"
