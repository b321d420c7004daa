"""Keys are issued from the command line and shown once."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.domain.members import NameNotValid
from accounts.services import people
from clearing.services import timekeeping
from tests.builders import CAUSE, START, a_house, after
from tests.doors.callers import Caller, a_report, events

pytestmark = pytest.mark.django_db


def issued(**options) -> str:
    out = StringIO()
    call_command("issue_credential", title="test", stdout=out, **options)
    return out.getvalue().strip()


def test_a_members_key_works_until_it_expires():
    a_house()
    caller = Caller(issued(member="NORTH", days=2))

    assert caller.get("/accounts").json()["items"][0]["account_id"] == "NORTH-1"
    timekeeping.advance(after(days=2), cause=CAUSE)
    assert caller.get("/accounts").status_code == 401


def test_a_venues_key_reports_trades():
    a_house()

    assert Caller(issued(venue="XDER")).post("/trades", a_report()).status_code == 201


def test_a_custodians_key_confirms_deposits():
    a_house()
    caller = Caller(issued(custodian="CUSTODY-BANK"))

    answer = caller.post("/accounts/NORTH-1/deposits", {"asset": "USDC", "amount": "1"})

    assert answer.status_code == 201


@pytest.mark.parametrize(
    "holders",
    [
        {"member_id": "NORTH", "venue": "XDER"},
        {"member_id": "NORTH", "custodian": "CUSTODY-BANK"},
        {"venue": "XDER", "custodian": "CUSTODY-BANK"},
        {"member_id": "NORTH", "venue": "XDER", "custodian": "CUSTODY-BANK"},
        {},
    ],
    ids=lambda holders: " and ".join(holders) or "nobody",
)
def test_a_key_is_for_exactly_one_holder(holders):
    a_house()
    before = events()

    with pytest.raises(NameNotValid):
        people.issue_credential(title="test", **holders, at=START, cause=CAUSE)

    assert events() == before


def test_the_key_is_kept_nowhere():
    a_house()
    secret = issued(member="NORTH").split("_")[2]

    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(payload, '') FROM clearing_event")
        assert secret not in cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(secret_hash, '') FROM accounts_credentialsecret")
        assert secret not in cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"member": "NOBODY"}, "member-unknown"),
        ({"venue": "too long"}, "name-not-valid"),
        ({"venue": "CCPL"}, "name-not-valid"),
        ({"custodian": "a bank"}, "name-not-valid"),
        ({"member": "NORTH", "days": 0}, "--days"),
        ({"member": "NORTH", "days": 10**9}, "--days"),
        ({"member": "NORTH", "venue": "XDER"}, "not allowed with"),
        ({"custodian": "CUSTODY-BANK", "member": "NORTH"}, "not allowed with"),
        ({}, "required"),
    ],
    ids=[
        *("no member", "no venue code", "the house's own label", "no custodian's name"),
        *("no days", "too many days", "member and venue", "member and custodian", "nobody"),
    ],
)
def test_a_key_for_nobody_is_refused(options, says):
    a_house()
    before = events()

    with pytest.raises(CommandError, match=says):
        arguments = [f"--{name}={value}" for name, value in options.items()]
        call_command("issue_credential", "--title=test", *arguments)

    assert events() == before
