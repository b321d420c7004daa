"""Evidence is only ever added to: the application may not change it, and its owner is stopped too."""

from __future__ import annotations

import psycopg
import pytest
from django.apps import apps as django_apps
from django.conf import settings
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.test import override_settings
from django.urls import reverse
from psycopg import errors

from accounts.services import people
from clearing import models
from clearing.services import checkpoints
from margin import models as margin
from tests.doors.callers import officer
from tests.histories import a_history
from tests.tampering import count_from_one, owning, rolled_back

EVIDENCE = (
    models.Event,
    models.Command,
    models.Block,
    models.BlockColumns,
    models.Checkpoint,
    models.PriceBody,
    models.ObservationBatch,
    models.PriceRejection,
    models.OutsideDocument,
    margin.Requirement,
    margin.ParameterBody,
)
REFUSED = (errors.InsufficientPrivilege, errors.RestrictViolation)


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker, tmp_path_factory):
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
    with django_db_blocker.unblock(), rolled_back():
        yield


def refused(statement: str) -> type[BaseException] | None:
    """The server's error, on this session's present role."""
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    return type(caught.value.__cause__)


def statements(model) -> dict[str, str]:
    table, key = model._meta.db_table, a_column(model).column
    conflict = ", ".join(field.column for field in model._meta.pk_fields)
    return {
        "update": f"UPDATE {table} SET {key} = {key}",
        "delete": f"DELETE FROM {table}",
        "truncate": f"TRUNCATE {table}",
        "merge": f"MERGE INTO {table} AS it USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
        "upsert": f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1"
        f" ON CONFLICT ({conflict}) DO UPDATE SET {key} = EXCLUDED.{key}",
    }


def a_column(model):
    """The key, or the first column of it."""
    return model._meta.pk_fields[0]


@pytest.mark.parametrize("way", ["update", "delete", "truncate", "merge", "upsert"])
@pytest.mark.parametrize("model", EVIDENCE, ids=lambda it: it._meta.db_table)
def test_the_application_is_refused_through_sql(model, way):
    assert model.objects.exists(), "a row trigger shows itself only where there are rows"

    assert refused(statements(model)[way]) is errors.InsufficientPrivilege


@pytest.mark.parametrize("way", ["update", "delete", "truncate"])
@pytest.mark.parametrize("model", EVIDENCE, ids=lambda it: it._meta.db_table)
def test_the_owner_is_stopped_by_the_triggers(model, way):
    with owning():
        assert refused(statements(model)[way]) is errors.RestrictViolation


@pytest.mark.parametrize("way", ["update", "delete", "truncate"])
@pytest.mark.parametrize("model", EVIDENCE, ids=lambda it: it._meta.db_table)
def test_a_superuser_who_switches_triggers_off_for_the_session_is_stopped_too(model, way):
    """They are ENABLE ALWAYS: replicas and restores do not skip them either."""
    with owning() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")

        assert refused(statements(model)[way]) is errors.RestrictViolation


@pytest.mark.parametrize("model", EVIDENCE, ids=lambda it: it._meta.db_table)
def test_the_orm_is_refused(model):
    row, it = model.objects.order_by("pk").first(), model._meta.concrete_fields[-1]

    for change in (
        row.save,
        row.delete,
        model.objects.all().delete,
        lambda: model.objects.update(**{it.name: getattr(row, it.name)}),
        lambda: model.objects.bulk_update([row], [model._meta.concrete_fields[-1].name]),
    ):
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            change()
        assert isinstance(caught.value.__cause__, REFUSED)


def test_copy_cannot_replace_a_fact():
    """COPY would bring sequences of its own, and those are the database's to give."""
    with (
        pytest.raises(errors.InsufficientPrivilege),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TEMPORARY TABLE held ON COMMIT DROP AS TABLE clearing_event")
        with cursor.copy("COPY held TO STDOUT") as copy:
            held = b"".join(bytes(part) for part in copy)
        with cursor.copy("COPY clearing_event FROM STDIN") as copy:
            copy.write(held)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT nextval('clearing_event_sequence_seq')",
        "SELECT setval('clearing_event_sequence_seq', 1)",
        "INSERT INTO clearing_event (sequence, stream, version, name, effective_at, recorded_at,"
        " actor, correlation_id, payload, hash)"
        " VALUES (999999, 'x-1', 1, 'x', now(), now(), 'x', 'x', '{}', '')",
    ],
    ids=["take a number", "turn numbers back", "choose a number"],
)
def test_the_order_of_the_log_is_the_databases_to_give(statement: str):
    with (
        pytest.raises(ProgrammingError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert isinstance(caught.value.__cause__, errors.InsufficientPrivilege)


def test_copy_takes_no_unbalanced_entries():
    statement = "COPY clearing_entry (sequence, account, asset, amount) FROM STDIN"

    with (
        pytest.raises(errors.CheckViolation, match="do not balance"),
        transaction.atomic(),
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        copy.write_row((1, "NORTH-1", "cash:USDC", 5))


@pytest.mark.parametrize(
    "rows",
    [
        "(1, 'NORTH-1', 'cash:USDC', 5)",
        "(1, 'NORTH-1', 'cash:USDC', 5), (1, 'SOUTH-1', 'cash:BTC', -5)",
        "(1, 'NORTH-1', 'cash:USDC', 5), (2, 'SOUTH-1', 'cash:USDC', -5)",
    ],
    ids=["one-sided", "another asset", "another fact"],
)
def test_entries_that_do_not_balance_are_refused(rows):
    insert = f"INSERT INTO clearing_entry (sequence, account, asset, amount) VALUES {rows}"

    assert refused(insert) is errors.CheckViolation
    with owning() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        assert refused(insert) is errors.CheckViolation


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE clearing_event DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON clearing_event",
        "DROP TABLE clearing_event",
        "CREATE OR REPLACE FUNCTION surety_refuse_change() RETURNS trigger LANGUAGE sql AS ''",
        "SET session_replication_role = replica",
        "GRANT UPDATE ON clearing_event TO surety_app",
        "CREATE RULE nothing AS ON INSERT TO clearing_event DO INSTEAD NOTHING",
        "CREATE TABLE child () INHERITS (clearing_event)",
        "ALTER TABLE clearing_event RENAME TO hidden",
        "ALTER TABLE clearing_event ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE clearing_event OWNER TO surety_app",
        "ALTER SEQUENCE clearing_event_sequence_seq RESTART WITH 1",
        "CREATE TRIGGER mine BEFORE INSERT ON clearing_event"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "SELECT sequence FROM clearing_event FOR UPDATE",
    ],
)
def test_the_application_cannot_take_the_guards_down(statement):
    if statement.startswith("GRANT"):
        with connection.cursor() as cursor:
            cursor.execute(statement)  # a warning and no grant: that is how the server says no
        assert refused(statements(models.Event)["update"]) is errors.InsufficientPrivilege
    else:
        assert refused(statement) is errors.InsufficientPrivilege


def test_the_owner_on_a_connection_of_its_own_is_stopped(house_url):
    """As somebody with the owner's password would come: no pool, no role."""
    with psycopg.connect(house_url) as owner:
        assert owner.execute("SELECT current_user <> 'surety_app'").fetchone() == (True,)
        owner.execute("INSERT INTO clearing_pricebody (name, body) VALUES ('mine', '')")
        with pytest.raises(errors.RestrictViolation, match="append-only"):
            owner.execute("UPDATE clearing_pricebody SET body = 'other'")


@pytest.fixture
def house_url(django_db_setup) -> str:
    from tests.conftest import database_url

    return database_url(connection.settings_dict["NAME"])


def test_every_table_of_evidence_is_guarded():
    """By asking the server: a new one that says it is evidence must be in this file."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE tgname IN ('append_only', 'never_truncated') AND tgenabled = 'A'"
            " GROUP BY relname HAVING count(*) = 2"
        )
        guarded = {name for (name,) in cursor.fetchall()}

    assert guarded == {model._meta.db_table for model in EVIDENCE}
    assert settings.DATABASES["default"]["OPTIONS"]["assume_role"] == "surety_app"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/events", "/events/1/proof", "/blocks", "/checkpoints/latest"])
def test_the_api_has_no_verb_that_changes_evidence(path, method):
    assert officer().send(method, path, "{}").status_code == 405


@pytest.mark.parametrize("page", ["change", "delete"])
@pytest.mark.parametrize("name", ["event", "block", "checkpoint"])
def test_the_admin_refuses_everybody(client, name, page):
    root = people.create_user("root", password="correct horse battery")
    root.is_staff = root.is_superuser = True
    root.save()
    client.force_login(root)
    model = django_apps.get_model("clearing", name)
    row = model.objects.order_by("pk").first()

    answer = client.post(reverse(f"admin:clearing_{name}_{page}", args=[row.pk]), {"post": "yes"})

    assert answer.status_code == 403
    assert model.objects.filter(pk=row.pk).exists()
