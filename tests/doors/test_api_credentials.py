"""Keys are issued from the command line and shown once."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from clearing.services import timekeeping
from tests.builders import CAUSE, a_house, after
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
        ({"member": "NORTH", "days": 0}, "--days"),
        ({"member": "NORTH", "days": 10**9}, "--days"),
        ({"member": "NORTH", "venue": "XDER"}, "not allowed with"),
        ({}, "required"),
    ],
    ids=["no member", "no venue code", "no days", "too many days", "both", "neither"],
)
def test_a_key_for_nobody_is_refused(options, says):
    a_house()
    before = events()

    with pytest.raises(CommandError, match=says):
        arguments = [f"--{name}={value}" for name, value in options.items()]
        call_command("issue_credential", "--title=test", *arguments)

    assert events() == before
