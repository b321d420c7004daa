"""Custodians and venues send what they hold; officers look, explain and certify."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from clearing import models, selectors
from clearing.domain import clock
from clearing.services import timekeeping
from config import health
from tests.browser.scene import logged_in
from tests.builders import START, a_house
from tests.doors.callers import custodian, events, north, officer, problem, south, venue
from tests.tampering import as_owner

pytestmark = pytest.mark.django_db
PATH, AT = "/reconciliations", clock.text(START)
BALANCE = {"line": "balance", "asset": "USDC", "amount": "5"}
WIRE = {
    **{"line": "deposit", "source_sequence": "17", "reference": "wire-17"},
    **{"account": "NORTH-1", "asset": "USDC", "amount": "5"},
}


@pytest.fixture(autouse=True)
def a_usual_house(db):
    a_house()


def a_body(*lines, at=AT):
    return {"at": at, "lines": list(lines or [BALANCE, WIRE])}


def run(name, *arguments):
    """(what it said, what it was refused for)"""
    out = io.StringIO()
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


# --- the API ----------------------------------------------------------------------------------


def test_a_custodian_sends_its_own_statement_and_sees_what_came_of_it():
    caller = custodian()

    answer = caller.post(PATH, a_body())
    [found] = caller.get(f"{PATH}/breaks").json()["items"]

    assert answer.status_code == 201
    told = answer.json()
    assert (told["holder"], told["matched"], told["breaks"], told["missing"]) == (
        *("CUSTODY-BANK", 0, 1),
        1,
    )
    assert [it["sequence"] for it in caller.get(PATH).json()["items"]] == [told["sequence"]]
    assert (found["ours"], found["theirs"], found["difference"], found["halts"]) == (
        *("0.000000", "5.000000", "5.000000"),
        "USDC",
    )
    assert found["missing_references"] == "wire-17"


def test_a_venue_sends_positions():
    line = {"line": "position", "account": "NORTH-1", "asset": "BTC-PERP", "amount": "1"}

    answer = venue().post(PATH, a_body(line))

    assert (answer.status_code, answer.json()["kind"]) == (201, "venue")
    [found] = officer().get(f"{PATH}/breaks").json()["items"]
    assert (found["account"], found["theirs"]) == ("NORTH-1", "1000")


@pytest.mark.parametrize("who", [north, south])
def test_a_member_neither_sends_statements_nor_sees_them(who):
    custodian().post(PATH, a_body())
    caller = who()
    before = events()

    assert problem(caller.post(PATH, a_body()))[:2] == (403, "out-of-scope")
    assert caller.get(PATH).json()["items"] == caller.get(f"{PATH}/breaks").json()["items"] == []
    assert events() == before


def test_one_holder_does_not_see_anothers():
    custodian().post(PATH, a_body())

    for other in (custodian("CUSTODY-VAULT"), venue()):
        assert other.get(PATH).json()["items"] == []
        assert other.get(f"{PATH}/breaks").json()["items"] == []
    assert len(officer().get(PATH).json()["items"]) == 1


def test_the_same_request_is_recorded_once_and_another_under_its_key_is_refused():
    caller = custodian()
    once = caller.post(PATH, a_body(), key="k-1")
    before = events()

    again = caller.post(PATH, a_body(), key="k-1")
    other = caller.post(PATH, a_body(BALANCE | {"amount": "6"}), key="k-1")

    assert once.json() == again.json()
    assert problem(other) == (422, "key-reused", ["Idempotency-Key"])
    assert events() == before


@pytest.mark.parametrize(
    ("lines", "code", "at"),
    [
        ([BALANCE, BALANCE], "outside-statement-not-valid", "/lines"),
        ([{**BALANCE, "line": "position"}], "outside-statement-not-valid", "/lines"),
        ([{**WIRE, "source_sequence": "x"}], "outside-statement-not-valid", "/lines"),
        ([{**BALANCE, "asset": "DOGE"}], "asset-unknown", "/lines/0/asset"),
        ([WIRE, {**BALANCE, "amount": "0.0000001"}], "amount-not-exact", "/lines/1/amount"),
        (
            [WIRE, {**BALANCE, "amount": "-9223372036854.775807"}],
            *("difference-out-of-range", "/lines/1/amount"),
        ),
    ],
)
def test_a_statement_that_cannot_be_meant_is_refused(lines, code, at):
    caller = custodian()
    caller.post("/accounts/NORTH-1/deposits", {"asset": "USDC", "amount": "250"})
    before = events()

    assert problem(caller.post(PATH, a_body(*lines))) == (422, code, [at])
    assert events() == before


def test_a_movement_told_again_with_other_content_is_refused_at_its_line():
    caller = custodian()
    caller.post(PATH, a_body())
    before = events()

    answer = caller.post(PATH, a_body(BALANCE, WIRE | {"amount": "7"}))

    assert problem(answer) == (422, "source-reused", ["/lines/1/source_sequence"])
    assert events() == before


def test_a_statement_of_the_future_or_of_no_shape_is_refused():
    caller = custodian()

    late = caller.post(PATH, a_body(at="2030-01-01T00:00:00Z"))
    assert problem(late) == (409, "point-in-the-future", ["/at"])
    assert problem(caller.post(PATH, {"at": AT}))[:2] == (400, "request-not-valid")
    shapeless = caller.post(PATH, a_body(BALANCE | {"amount": 5}))
    assert problem(shapeless) == (400, "request-not-valid", ["/lines/0/amount"])


def test_a_halted_withdrawal_is_refused_by_name():
    custodian().post(PATH, a_body())

    answer = north().post("/accounts/NORTH-1/withdrawals", {"asset": "USDC", "amount": "1"})

    assert problem(answer) == (409, "releases-halted", ["/asset"])


# --- commands ---------------------------------------------------------------------------------


def a_file(folder: Path, amount: str = "5") -> Path:
    path = folder / "bank.csv"
    path.write_text(
        "line,source_sequence,reference,account,asset,amount\n"
        f"balance,,,,USDC,{amount}\ndeposit,17,wire-17,NORTH-1,USDC,5\n"
    )
    return path


def test_the_commands_find_recover_and_certify(tmp_path):
    file = a_file(tmp_path)
    holder = ("--holder", "CUSTODY-BANK")

    halted, _ = run("halt_releases", "--all", "--reason", "restored")
    broken, refused = run("reconcile", file, *holder)
    early = run("certify_releases", "USDC", "--reason", "hope")[1]
    mended, fine = run("reconcile", file, *holder, "--recover")
    certified = [run("certify_releases", it, "--reason", "seen") for it in ("BTC", "ETH", "USDC")]

    assert halted.splitlines() == [f"{it} is halted" for it in ("BTC", "ETH", "USDC")]
    assert "0 agree, 1 differ, 1 movements are not in the log" in broken
    assert "open: Break break-1: CUSTODY-BANK has 5.00 USDC, the book 0.00 USDC" in broken
    assert refused == "1 open breaks with CUSTODY-BANK"
    assert early.startswith("certificate-refused asset:")
    assert mended.startswith("1 movements recorded, 0 refused")
    assert fine == ""
    assert all("withdrawals go on" in said and not no for said, no in certified)


def test_the_commands_refuse_by_code_and_field(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text(":20:START\n")

    for file, code in ((bad, "outside-statement-not-valid line:"), (tmp_path, "file-not-valid")):
        assert run("reconcile", file, "--holder", "X")[1].startswith(code)
    inexact = run("reconcile", a_file(tmp_path, "0.0000001"), "--holder", "X")[1]
    assert inexact.startswith("amount-not-exact amount:")
    assert inexact.endswith("Line 1.")
    assert run("halt_releases", "DOGE", "--reason", "x")[1].startswith("asset-unknown asset:")
    assert run("halt_releases", "--reason", "x")[1] == "name one ASSET, or say --all"
    assert run("certify_releases", "USDC", "--reason", "x")[1].startswith("releases-not-halted")
    assert run("set_tolerance", "USDC", "-1")[1]
    assert run("set_tolerance", "USDC", "0.5")[0] == "USDC: 0.5\n"
    assert selectors.tolerances() == {"USDC": 500_000}


def test_the_auditor_and_the_doctor_say_what_is_violated():
    fine, _ = run("audit")
    before = health.books()
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_entry SET amount = amount + 1 WHERE account = 'NORTH-1'"
            " AND asset = 'cash:USDC'"
        )

        said, refused = run("audit")

    assert fine == "nothing is violated\n"
    assert "I2 every fact balances" in said
    assert refused == "3 violated; withdrawals are halted"
    assert before.verdict == "ok"
    assert "I1 I2 every column sums to zero" in health.books().says


def test_the_doctor_names_breaks_and_halts():
    custodian().post(PATH, a_body())

    found = health.books()

    assert found.failed
    assert "1 breaks not explained, halted: USDC" in found.says


# --- the admin --------------------------------------------------------------------------------


def test_a_risk_officer_explains_a_break_and_certifies(client):
    custodian().post(PATH, a_body())
    desk = logged_in(client)
    alarms = [said for _, said, _ in desk.get("/admin/").context["house"]["alarms"]]

    change = desk.get("/admin/clearing/break/break-1/change/")
    desk.post("/admin/clearing/break/break-1/order/explain/", {"reason": "in transit"})
    desk.post("/admin/clearing/releasehalt/USDC/order/certify/", {"reason": "seen"})

    assert alarms[:2] == [
        "Withdrawals of USDC are halted until they are certified",
        "1 break with the outside not explained",
    ]
    assert "5.000000 USDC" in change.content.decode()
    assert models.Break.objects.get().status == "explained"
    assert not selectors.release_halts()
    facts = models.Event.objects.filter(actor="officer:vera").values_list("name", flat=True)
    assert list(facts.order_by("sequence")) == [
        "clearing.break-explained.v1",
        "clearing.releases-certified.v1",
    ]


def test_a_certificate_that_is_refused_is_a_message_and_the_form_again(client):
    custodian().post(PATH, a_body())
    desk = logged_in(client)

    answer = desk.post(
        "/admin/clearing/releasehalt/USDC/order/certify/", {"reason": "hope"}, follow=True
    )

    assert "The books are not known to agree" in answer.content.decode()
    assert selectors.release_halts().count() == 1


def test_the_evidence_is_shown_as_it_came(client):
    custodian().post(PATH, a_body())
    desk = logged_in(client, role="auditor", login="aud")
    sequence = models.Reconciliation.objects.get().sequence

    page = desk.get(f"/admin/clearing/reconciliation/{sequence}/change/")

    assert "wire-17" in page.content.decode()
    assert (
        desk.post("/admin/clearing/break/break-1/order/explain/", {"reason": "x"}).status_code
        == 403
    )
    assert timekeeping.now() == START
