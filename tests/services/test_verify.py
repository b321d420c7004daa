"""Whatever is done to the record behind the house's back, `verify` says so."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings

from clearing import models, sealer, store
from clearing.domain.cause import Cause
from clearing.services import (
    balances,
    checkpoints,
    evidence,
    findings,
    guards,
    replays,
    seals,
    verification,
)
from tests.histories import a_history
from tests.tampering import as_owner, change, changed, columns, count_from_one, owning, rolled_back

SEALED_TRADE = """
    sequence = (SELECT max(sequence) FROM clearing_event WHERE name = 'clearing.trade-novated.v1'
                AND sequence <= (SELECT last FROM clearing_sealstate))
"""

# The one column nothing vouches for, because it says nothing about the past: when a sealer last
# looked. Every other column of evidence must be noticed when it changes.
UNCOVERED = {"sealstate.heartbeat"}
TABLES = (
    models.Event,
    models.Stream,
    models.Block,
    models.BlockColumns,
    models.Checkpoint,
    models.SealState,
    models.PriceBody,
    models.Command,
)
EVIDENCE = columns(*TABLES)
# One row of each: a sealed one, and of each block and checkpoint the last.
ROW = {
    models.Event: SEALED_TRADE,
    models.Command: "sequence <= (SELECT last FROM clearing_sealstate) AND id = (SELECT max(id)"
    " FROM clearing_command WHERE sequence <= (SELECT last FROM clearing_sealstate))",
    models.BlockColumns: "block = (SELECT max(block) FROM clearing_blockcolumns)",
}


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker, tmp_path_factory):
    """One history for all of these tests, sealed by half and signed, never committed."""
    with (
        django_db_blocker.unblock(),
        rolled_back(),
        override_settings(SURETY_CHECKPOINT_KEY=tmp_path_factory.mktemp("key") / "key"),
    ):
        count_from_one()
        a_history()
        checkpoints.make_key("test")
        checkpoints.issue()
        yield


@pytest.fixture(autouse=True)
def undone(told, django_db_blocker):
    """Each test's tampering is undone."""
    with django_db_blocker.unblock(), rolled_back():
        yield


def found_by() -> set[str]:
    return {finding.check for finding in verification.verify()}


def test_a_history_nobody_touched_verifies():
    assert verification.verify() == []


def test_it_changes_nothing():
    before = totals()

    verification.verify()

    assert totals() == before


def totals() -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        counted = []
        for name in sorted(names):
            cursor.execute(
                f"SELECT count(*), coalesce(sum(hashtextextended(it::text, 0)), 0) FROM {name} AS it"
            )
            counted.append((name, *cursor.fetchone()))
    return counted


@pytest.mark.parametrize(
    "column", EVIDENCE, ids=lambda it: f"{it.model._meta.model_name}.{it.name}"
)
def test_each_column_of_the_evidence_is_covered(column):
    label = f"{column.model._meta.model_name}.{column.name}"
    table, key = column.model._meta.db_table, column.model._meta.pk.column
    some = ROW.get(column.model) or f"{key} = (SELECT max({key}) FROM {table})"

    with as_owner() as cursor:
        change(cursor, column, some)

    assert bool(findings_of(evidence, seals)) == (label not in UNCOVERED)


def findings_of(*modules) -> list[str]:
    """What the checks of some modules find: the replay of every row is not asked each time."""
    found = []
    for check in (check for module in modules for check in module.CHECKS):
        look = findings.Look(check=check.name, remedy=check.remedy)
        for part in check.cut(1):
            check.look(look, part)
        found += [str(finding) for finding in look.findings]
    return found


def test_the_server_knows_no_column_that_is_not_tampered_with():
    """A column that a migration adds must be covered, and seen to be: the case above is made of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
            " WHERE attnum > 0 AND NOT attisdropped AND relkind = 'r' AND relname = ANY (%s)",
            [sorted({*guards.evidence_tables(), *(it._meta.db_table for it in TABLES)})],
        )
        known = {row for row in cursor.fetchall() if row[0].startswith("clearing_")}

    assert known == {(it.model._meta.db_table, it.column) for it in EVIDENCE}


def test_one_changed_byte_of_a_payload():
    with as_owner() as cursor:
        cursor.execute(
            f"UPDATE clearing_event SET payload = replace(payload, '\"lots\":', '\"lots\":1')"
            f" WHERE {SEALED_TRADE}"
        )

    assert {"hash chains", "rows"} <= found_by()


def test_a_payload_that_can_no_longer_be_read():
    with as_owner() as cursor:
        cursor.execute(f"UPDATE clearing_event SET payload = '{{' WHERE {SEALED_TRADE}")

    assert {"hash chains", "rows"} <= found_by()


def test_a_removed_fact():
    with as_owner() as cursor:
        cursor.execute(f"DELETE FROM clearing_event WHERE {SEALED_TRADE}")

    assert {"stream versions", "hash chains", "sealed blocks", "commands", "rows"} <= found_by()


def test_a_removed_tail():
    with as_owner() as cursor:
        remove_tail(cursor, "account-SOUTH-1")

    assert "stream heads" in found_by()


def test_a_removed_sealed_tail_with_its_head_repaired():
    """Only the sealed block still knows: its root was made from what is gone."""
    stream = "asset-ETH"
    with as_owner() as cursor:
        remove_tail(cursor, stream)
        cursor.execute(
            "UPDATE clearing_stream SET version = 0, head = %s WHERE name = %s",
            [store.GENESIS, stream],
        )
        cursor.execute("DELETE FROM clearing_asset WHERE asset = 'ETH'")

    assert found_by() == {"sealed blocks"}


def remove_tail(cursor, stream: str) -> None:
    cursor.execute(
        "DELETE FROM clearing_event WHERE (stream, version) = (SELECT stream, max(version)"
        " FROM clearing_event WHERE stream = %s GROUP BY stream)",
        [stream],
    )


def test_a_rewritten_fact_with_its_chain_and_head_recomputed():
    with as_owner() as cursor:
        row = models.Event.objects.get(stream="asset-ETH")
        digest = store.event_hash(
            previous=store.GENESIS,
            stream=row.stream,
            version=row.version,
            name=row.name,
            effective_at=row.effective_at,
            recorded_at=row.recorded_at,
            cause=Cause(actor="system:nobody", correlation_id=row.correlation_id),
            payload=row.payload,
        )
        cursor.execute(
            "UPDATE clearing_event SET actor = 'system:nobody', hash = %s WHERE sequence = %s",
            [digest, row.sequence],
        )
        cursor.execute("UPDATE clearing_stream SET head = %s WHERE name = %s", [digest, row.stream])

    assert found_by() == {"sealed blocks"}


def test_two_facts_that_changed_places():
    """Both chains still hold; the order of streams among each other is what the block seals."""
    with as_owner() as cursor:
        cursor.execute(
            "SELECT sequence FROM clearing_event"
            " WHERE stream IN ('asset-BTC', 'asset-ETH') AND version = 1"
        )
        (one,), (other,) = cursor.fetchall()
        for old, new in ((one, -1), (other, one), (-1, other)):
            cursor.execute(
                "UPDATE clearing_event SET sequence = %s WHERE sequence = %s", [new, old]
            )

    assert found_by() == {"sealed blocks"}


def test_an_inserted_fact():
    """Properly chained, in a stream of its own, where a writer might have left a hole."""
    with as_owner() as cursor:
        insert_fact(cursor)

    assert found_by() == {"sealed blocks"}


def insert_fact(cursor) -> None:
    cursor.execute(
        """
        INSERT INTO clearing_event (sequence, stream, version, name, effective_at, recorded_at,
                                    actor, correlation_id, cause, payload, hash)
        SELECT 0, 'run-forged', 1, 'clearing.instrument-halted.v1', effective_at, recorded_at,
               actor, correlation_id, NULL, '{"reason":"","symbol":"NONE"}', hash
        FROM clearing_event WHERE sequence = 1
        """
    )
    row = models.Event.objects.get(stream="run-forged")
    digest = store.event_hash(
        previous=store.GENESIS,
        stream=row.stream,
        version=1,
        name=row.name,
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        cause=Cause(actor=row.actor, correlation_id=row.correlation_id),
        payload=row.payload,
    )
    cursor.execute(
        "UPDATE clearing_event SET hash = %s WHERE sequence = %s", [digest, row.sequence]
    )
    cursor.execute(
        "INSERT INTO clearing_stream (name, version, head) VALUES ('run-forged', 1, %s)", [digest]
    )


def test_a_removed_block():
    with as_owner() as cursor:
        cursor.execute("DELETE FROM clearing_block")

    assert {"sealed blocks", "block columns", "checkpoints"} <= found_by()


def test_a_changed_entry():
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_entry SET amount = amount + 1 WHERE id = (SELECT max(id) FROM"
            " clearing_entry WHERE account = 'SOUTH-1')"
        )

    assert {"facts balance", "trial balance", "holdings", "rows"} <= found_by()


def test_entries_that_balance_but_follow_from_no_fact():
    """From one member's account to another's, and both holdings with them."""
    with as_owner() as cursor:
        for account, amount in (("NORTH-1", -5), ("SOUTH-1", 5)):
            cursor.execute(
                "INSERT INTO clearing_entry (sequence, account, asset, amount)"
                " VALUES (1, %s, 'cash:USDC', %s)",
                [account, amount],
            )
            cursor.execute(
                "UPDATE clearing_holding SET amount = amount + %s"
                " WHERE (account, asset) = (%s, 'cash:USDC')",
                [amount, account],
            )

    assert found_by() == {"book of columns", "rows"}


def test_a_house_that_is_not_flat_between_buyers_and_sellers():
    with as_owner() as cursor:
        cursor.execute(
            "INSERT INTO clearing_entry (sequence, account, asset, amount)"
            " VALUES (1, 'ccp-novation', 'lots:BTC-PERP', 5), (1, 'ccp-custody', 'lots:BTC-PERP', -5)"
        )

    assert found_by() == {"book of columns", "trial balance", "rows"}


def test_a_changed_holding():
    models.Holding.objects.filter(account="SOUTH-1", asset="cash:USDC").update(amount=5)

    assert found_by() == {"holdings", "rows"}


def test_an_account_left_behind_by_its_stream():
    models.AccountState.objects.filter(account="SOUTH-1").update(version=3)

    assert found_by() == {"account versions", "rows"}


def test_a_changed_price_body():
    with as_owner() as cursor:
        cursor.execute("UPDATE clearing_pricebody SET body = replace(body, '90000', '90001')")

    assert found_by() == {"price sets"}


def test_a_lost_statement_from_outside():
    with as_owner() as cursor:
        cursor.execute("DELETE FROM clearing_outsidedocument")

    assert found_by() == {"outside documents"}


def test_a_lost_price_body():
    with as_owner() as cursor:
        cursor.execute("DELETE FROM clearing_pricebody WHERE body LIKE '%%90000%%'")

    assert found_by() == {"price sets"}


def test_a_command_that_led_nowhere():
    with as_owner() as cursor:
        cursor.execute("UPDATE clearing_command SET sequence = 999999 WHERE key = 'start-NORTH'")

    assert found_by() == {"commands"}


def test_a_cause_that_did_not_come_before():
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_event SET cause = sequence WHERE sequence ="
            " (SELECT max(sequence) FROM clearing_event)"
        )

    assert found_by() == {"causes", "hash chains"}


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("UPDATE margin_requirement SET result_hash = repeat('0', 64)", "margin runs"),
        ("UPDATE margin_run SET price_set = 'another'", "margin runs"),
        ("DELETE FROM margin_run WHERE kind = 'account'", "margin results"),
        ("DELETE FROM margin_run", "margin calls"),
        ("UPDATE margin_parameterbody SET body = body || ' '", "parameter sets"),
        ("DELETE FROM margin_run", "liquidation cases"),
        ("UPDATE margin_margincall SET call_id = call_id || 'x'", "liquidation cases"),
        ("DELETE FROM liquidation_case", "rows"),
    ],
)
def test_what_the_apps_above_check(statement, check):
    with as_owner() as cursor:
        cursor.execute(statement)

    assert check in found_by()


def test_each_column_of_each_row_that_follows_from_the_log():
    """One replay aside for all of them; a number the database hands out says nothing."""
    with transaction.atomic(), replays.aside() as tables:
        replays.replay(after=0)
        replays.complete()
        models_by_table = {model._meta.db_table: model for model in projected()}
        for table in tables:
            assert replays.rows_of(table) > 0, f"the history leaves {table.name} empty"
            for column in columns(models_by_table[table.name]):
                if column.get_internal_type() == "BigAutoField":
                    continue
                with rolled_back(), as_owner() as cursor:
                    cursor.execute(
                        f'UPDATE {table.live} AS it SET "{column.column}" = {changed(column)}'
                        f" WHERE ctid = (SELECT max(ctid) FROM {table.live})"
                    )
                    assert replays.differences(table) == (1, 1), f"{table.name}.{column.column}"


def projected():
    return [model for module in replays._modules() for model in module.TABLES]


def test_the_command_names_the_check_the_place_and_the_remedy():
    models.Holding.objects.filter(account="SOUTH-1", asset="cash:USDC").update(amount=5)
    said = io.StringIO()

    with pytest.raises(CommandError):
        call_command("verify", stdout=said)

    assert "hash chains: 1" in said.getvalue()
    assert "holdings: SOUTH-1 cash:USDC: the row says 5" in said.getvalue()
    assert "manage.py rebuild_projections" in said.getvalue()


def test_a_sound_house_has_one_line_for_each_check():
    said = io.StringIO()

    call_command("verify", stdout=said)

    assert [line.partition(":")[0] for line in said.getvalue().splitlines()[:-1]] == [
        check.name for check in verification.checks()
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE clearing_event DISABLE TRIGGER append_only",
        "ALTER TABLE clearing_event ENABLE TRIGGER append_only",  # not for replicas and restores
        "DROP TRIGGER never_truncated ON clearing_block",
        "DROP TRIGGER transaction_id_first ON clearing_event",
        "ALTER TABLE clearing_entry DISABLE TRIGGER facts_balance",
        "CREATE OR REPLACE FUNCTION surety_refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEW; END'",
        "GRANT UPDATE ON clearing_event TO surety_app",
        "GRANT UPDATE (payload) ON clearing_event TO surety_app",
        "GRANT TRUNCATE ON margin_requirement TO surety_app",
        "GRANT INSERT (sequence) ON clearing_event TO surety_app",
        "GRANT USAGE ON SEQUENCE clearing_event_sequence_seq TO surety_app",
        "ALTER SEQUENCE clearing_event_sequence_seq CACHE 10",
        "CREATE RULE aside AS ON INSERT TO clearing_command DO INSTEAD NOTHING",
        "ALTER TABLE clearing_event ENABLE ROW LEVEL SECURITY",
        "CREATE TABLE child () INHERITS (clearing_event)",
        "ALTER TABLE clearing_checkpoint SET UNLOGGED",
    ],
)
def test_a_guard_that_was_taken_down(statement):
    """By the owner; what it was for may not have happened yet."""
    with owning() as cursor:
        cursor.execute(statement)

    assert any(it.startswith("guards: ") for it in findings_of(guards))


def test_a_sealed_key_that_is_gone_is_noticed():
    """A request under it would be recorded a second time."""
    with as_owner() as cursor:
        cursor.execute("DELETE FROM clearing_command WHERE key = 'start-NORTH'")

    assert found_by() == {"commands"}


def test_key_digests_are_what_python_makes_of_the_columns():
    for row in models.Command.objects.order_by("id")[:5]:
        micros = int(
            (row.recorded_at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)
        )
        texts = (row.scope.encode(), row.key.encode(), bytes(row.request_hash))
        parts = [row.id.to_bytes(8, "big")]
        parts += [len(text).to_bytes(4, "big") + text for text in texts]
        first = -1 if row.first is None else row.first
        parts += [it.to_bytes(8, "big", signed=True) for it in (first, row.sequence, micros)]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {sealer.KEY_DIGEST} FROM clearing_command WHERE id = %s", [row.id]
            )
            kept = bytes(cursor.fetchone()[0])
        assert kept == hashlib.sha256(b"".join(parts)).digest()


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 50, 1000])
def test_in_parts_the_checks_find_nothing_and_look_at_as_much(pieces):
    for check in (check for module in (evidence, seals) for check in module.CHECKS):
        whole, parts = (findings.Look(check=check.name, remedy="") for _ in range(2))
        for part in check.cut(1):
            check.look(whole, part)
        for part in check.cut(pieces):
            check.look(parts, part)

        assert (parts.findings, parts.looked_at) == ([], whole.looked_at), check.name


@pytest.mark.parametrize(("pieces", "stretch"), [(1, 1), (1, 7), (5, 3), (50, 10_000)])
def test_in_stretches_each_entry_is_summed_once(monkeypatch, pieces, stretch):
    monkeypatch.setattr(balances, "STRETCH", stretch)
    (check,) = [it for it in balances.CHECKS if it.name == "facts balance"]
    moved = set(models.Entry.objects.values_list("sequence", flat=True))
    look = findings.Look(check=check.name, remedy="")

    for part in check.cut(pieces):
        check.look(look, part)
    assert (look.findings, look.looked_at) == ([], models.Entry.objects.count())

    with rolled_back(), as_owner() as cursor:
        cursor.execute("UPDATE clearing_entry SET amount = amount + 1 WHERE amount > 0")
        monkeypatch.setattr(findings, "MOST", 10_000)
        for part in check.cut(pieces):
            check.look(look, part)
    assert {it.where for it in look.findings} == {f"fact {it}" for it in moved}


@pytest.mark.parametrize("pieces", [2, 5, 50])
def test_in_parts_each_changed_fact_is_found_wherever_it_stands(pieces):
    """Also where a part begins: its stream's predecessor lies in another one."""
    (check,) = [it for it in evidence.CHECKS if it.name == "hash chains"]
    for sequence in models.Event.objects.values_list("sequence", flat=True):
        look = findings.Look(check=check.name, remedy="")
        with rolled_back(), as_owner() as cursor:
            cursor.execute(
                "UPDATE clearing_event SET actor = actor || '.' WHERE sequence = %s", [sequence]
            )
            for part in check.cut(pieces):
                check.look(look, part)

        assert [f"fact {sequence} does not" in it.says for it in look.findings] == [True]
