"""What somebody with the owner's password could do, for tests of what notices it.

Inside a transaction that is rolled back, so nothing has to be put back in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models, transaction


@contextmanager
def owning() -> Iterator[Any]:
    """A cursor with the owner's privileges; triggers still stop it."""
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE NONE")
        yield cursor
        cursor.execute("SET ROLE surety_app")


@contextmanager
def as_owner() -> Iterator[Any]:
    """A cursor that is stopped by neither privilege nor trigger."""
    with owning() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgenabled = 'A'"
        )
        guards = cursor.fetchall()
        for table, name in guards:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        yield cursor
        for table, name in guards:
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def count_from_one() -> None:
    """Rolled-back tests use up sequences; a log that starts with a hole cannot be sealed at once."""
    with owning() as cursor:
        cursor.execute("ALTER SEQUENCE clearing_event_sequence_seq RESTART WITH 1")


def changed(column: models.Field[Any, Any]) -> str:
    """SQL for another value of a column, whatever it holds now."""
    name = f'"{column.column}"'
    match column.get_internal_type():
        case "CharField" | "TextField" | "ForeignKey":
            # in place, so that it still fits and is still text
            return f"CASE WHEN {name} = '' THEN 'x' ELSE overlay({name} placing '~' from 1) END"
        case "BinaryField":
            return f"set_byte({name}, 0, get_byte({name}, 0) # 1)"
        case "DateTimeField":
            return f"coalesce({name}, '2026-01-01Z') + interval '1 microsecond'"
        case "ArrayField":
            return f"{name} || 7::bigint"
        case "BooleanField":
            return f"NOT {name}"
        case "JSONField":
            return f"""{name} || '{{"tampered": 1}}'::jsonb"""
        case _:
            return f"coalesce({name}, 0) + 1000"


def change(cursor: Any, column: models.Field[Any, Any], where: str) -> None:
    table = column.model._meta.db_table
    cursor.execute(f'UPDATE {table} SET "{column.column}" = {changed(column)} WHERE {where}')
    assert cursor.rowcount == 1, f"{cursor.rowcount} rows of {table} were changed"


def columns(*tables: type[models.Model]) -> list[models.Field[Any, Any]]:
    """Those of the tables themselves; a key of several columns is no column of its own."""
    return [
        field
        for table in tables
        for field in table._meta.concrete_fields
        if field.get_internal_type() != "CompositePrimaryKey"
    ]
