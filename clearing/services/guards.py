"""Checks that the database still refuses what it must: guards are in place and switched on."""

from __future__ import annotations

from django.apps import apps

from clearing.services.findings import Check, Look, rows

ROLE = "surety_app"
MIGRATE = (
    "Somebody with the owner's rights took a guard down: find out who and why, put it back as the"
    " migrations have it, and compare the log with a checkpoint kept outside: manage.py verify"
    " --against FILE."
)
EVENTS, ENTRIES = "clearing_event", "clearing_entry"
ORDER = "clearing_event_sequence_seq"


def evidence_tables() -> list[str]:
    """Every table that is only added to, of any app: its model says so."""
    return sorted(
        model._meta.db_table for model in apps.get_models() if getattr(model, "append_only", False)
    )


def guards(look: Look) -> None:
    """Triggers refuse everybody, privileges the application, and nothing turns a write aside."""
    tables = evidence_tables()
    look.saw(len(tables))
    _triggers(look, tables)
    for table, name in rows(_HALF_GUARDED, [tables]):
        look.found(table, f"has the trigger {name} alone, or is not known to be evidence")
    for table, what in rows(_PRIVILEGES, [ROLE, tables]):
        look.found(table, f"the role {ROLE} may {what}")
    for table, what in rows(_SHAPE, [tables]):
        look.found(table, what)
    for what in rows(_ORDER, [ROLE, EVENTS, ORDER]):
        look.found(EVENTS, what[0])


def _triggers(look: Look, tables: list[str]) -> None:
    wanted = [
        (table, name, "surety_refuse_change")
        for table in tables
        for name in ("append_only", "never_truncated")
    ]
    wanted += [
        (EVENTS, "transaction_id_first", "surety_take_transaction_id"),
        (ENTRIES, "facts_balance", "surety_facts_balance"),
    ]
    found = {(table, name): (function, on) for table, name, function, on in rows(_TRIGGERS)}
    for table, name, function in wanted:
        match found.get((table, name)):
            case None:
                look.found(table, f"the trigger {name} is gone")
            case (other, _) if other != function:
                look.found(table, f"the trigger {name} calls {other}")
            case (_, on) if on != "A":
                look.found(table, f"the trigger {name} is not always on")
    for function, marks in MUST_SAY.items():
        for source in (text for name, text in rows(_SOURCES) if name == function):
            if not all(mark in source for mark in marks):
                look.found(function, "the function does not do what it is for")


# What each guard's function cannot do its work without.
MUST_SAY = {
    "surety_refuse_change": ("BEGIN\n    RAISE EXCEPTION",),
    "surety_take_transaction_id": ("BEGIN\n    PERFORM pg_current_xact_id();",),
    "surety_facts_balance": ("HAVING sum(amount) <> 0", "RAISE EXCEPTION"),
}

_TRIGGERS = """
    SELECT it.relname, tgname, proname, tgenabled::text
    FROM pg_trigger JOIN pg_class AS it ON it.oid = tgrelid JOIN pg_proc AS f ON f.oid = tgfoid
    WHERE NOT tgisinternal AND it.relnamespace = current_schema()::regnamespace
"""
_SOURCES = """
    SELECT proname, prosrc FROM pg_proc
    WHERE proname LIKE 'surety_%%' AND pronamespace = current_schema()::regnamespace
"""
_HALF_GUARDED = """
    SELECT it.relname, min(tgname)
    FROM pg_trigger JOIN pg_class AS it ON it.oid = tgrelid
    WHERE tgname IN ('append_only', 'never_truncated') AND it.relname <> ALL (%s)
    GROUP BY it.relname HAVING count(*) < 2
"""
_PRIVILEGES = """
    SELECT it, what FROM (SELECT %s AS role) AS who, unnest(%s::text[]) AS it,
        unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS what
    WHERE has_table_privilege(role, it, what)
       OR (what = 'UPDATE' AND has_any_column_privilege(role, it, what))
    ORDER BY 1, 2
"""
_SHAPE = """
    SELECT relname, what FROM pg_class, LATERAL (
        SELECT 'has a rule that turns writes aside' AS what
        FROM pg_rewrite WHERE ev_class = pg_class.oid
        UNION ALL SELECT 'has row security, which hides rows' WHERE relrowsecurity
        UNION ALL SELECT 'has partitions or children, which have no guards'
        FROM pg_inherits WHERE inhparent = pg_class.oid
        UNION ALL SELECT 'is not kept in the write-ahead log' WHERE relpersistence <> 'p'
        UNION ALL SELECT 'is no table' WHERE relkind <> 'r'
    ) AS it
    WHERE relname = ANY (%s) AND relnamespace = current_schema()::regnamespace ORDER BY 1, 2
"""
_ORDER = """
    WITH it AS (SELECT %s::text AS role, %s::text AS events, %s::text AS numbering)
    SELECT 'the role ' || role || ' may choose its sequence' FROM it
    WHERE has_column_privilege(role, events, 'sequence', 'INSERT')
    UNION ALL
    SELECT 'the role ' || role || ' may move its numbering' FROM it
    WHERE has_sequence_privilege(role, numbering, 'USAGE')
       OR has_sequence_privilege(role, numbering, 'UPDATE')
    UNION ALL
    SELECT 'its numbering is cached, so that later facts may have lower sequences'
    FROM it JOIN pg_sequences ON sequencename = numbering WHERE cache_size <> 1
    UNION ALL
    SELECT 'the role ' || role || ' is a superuser'
    FROM it JOIN pg_roles ON rolname = role WHERE rolsuper
"""

CHECKS = (Check("guards", MIGRATE, guards),)
