"""Every row that follows from the log can be thrown away."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from clearing import models
from clearing.services import replays, timekeeping, verification
from tests.histories import a_history
from tests.tampering import as_owner, count_from_one, rolled_back


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """One history for all of these tests, never committed."""
    with django_db_blocker.unblock(), rolled_back():
        count_from_one()
        a_history()
        yield


@pytest.fixture
def history(told, django_db_blocker):
    """What a test does to it is undone."""
    with django_db_blocker.unblock(), rolled_back():
        yield


def contents() -> dict[str, str]:
    """A digest of each projection's rows and of everything a rebuild must leave alone."""
    with connection.cursor() as cursor:
        found = {}
        for name in sorted(connection.introspection.table_names(cursor)):
            surrogate = "- 'id'" if name in NUMBERED else ""
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(it, E'\\n' ORDER BY it), '')) FROM"
                f" (SELECT (to_jsonb(it) {surrogate})::text AS it FROM {name} AS it) AS rows"
            )
            (found[name],) = cursor.fetchone()
    return found


NUMBERED = (
    *("clearing_entry", "clearing_holding", "clearing_tradepart", "accounts_roleheld"),
    *("clearing_cycleline", "clearing_exerciseinstruction"),
)


def test_a_rebuild_changes_no_byte(history):
    before = contents()

    assert set(replays.rebuild().values()) == {0}

    assert contents() == before


def test_it_writes_again_what_was_thrown_away(history):
    before = contents()
    with as_owner() as cursor:
        for module in replays._modules():
            for model in module.TABLES:
                cursor.execute(f"DELETE FROM {model._meta.db_table}")

    differed = replays.rebuild()

    assert all(differed.values()), "the history leaves no projection empty"
    assert contents() == before
    assert verification.verify() == []


def test_it_writes_again_what_was_changed(history):
    before = contents()
    models.Holding.objects.filter(account="SOUTH-1").update(amount=1)
    models.AccountState.objects.create(
        account="GHOST-1",
        member="GHOST",
        kind="client",
        title="",
        standing="open",
        version=1,
        sequence=1,
        opened_at=timekeeping.now(),
    )

    differed = {table: rows for table, rows in replays.rebuild().items() if rows}

    assert set(differed) == {"clearing_holding", "clearing_accountstate"}
    assert contents() == before


def test_twice_is_the_same_as_once(history):
    models.Holding.objects.all().delete()
    replays.rebuild()
    once = contents()

    assert set(replays.rebuild().values()) == {0}

    assert contents() == once


def test_a_fact_that_cannot_be_read_changes_nothing(history):
    models.Holding.objects.filter(account="SOUTH-1").update(amount=1)
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_event SET payload = '{}' WHERE name = 'clearing.policy-set.v1'"
        )
    before = contents()

    with pytest.raises(CommandError, match=r"policy-set.* cannot be applied.*Nothing was changed"):
        call_command("rebuild_projections", stdout=io.StringIO())

    assert contents() == before


def test_the_command_says_what_it_wrote(history):
    models.Holding.objects.filter(account="SOUTH-1").delete()
    said, again = io.StringIO(), io.StringIO()

    call_command("rebuild_projections", stdout=said)
    call_command("rebuild_projections", stdout=again)

    assert "written again: clearing_holding (" in said.getvalue()
    assert "no row differed" in again.getvalue()
