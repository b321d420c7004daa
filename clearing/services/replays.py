"""Rows from the log again: aside, to be compared with the live ones, or in their place.

Theory of operation. Projectors write to tables by their plain names, and a temporary table hides a
permanent one of the same name from this connection alone. So the very functions that keep the rows
up to date fill an empty copy ("aside"), while everybody else reads and writes the live tables and
waits for nothing. Then the two are compared, row by row.

Entries and holdings are not written a fact at a time: entries go in by COPY and holdings are their
sum. Projectors that take many get a whole stretch at once. A fact that only moves its account's
version along (a trade, a deposit) is not applied at all, since only the last of them can be seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connection, models, transaction

from clearing import codec, selectors, store
from clearing.domain import entries
from clearing.domain.cause import Cause
from clearing.services.findings import UNREADABLE, Progress, quiet, rows, streamed
from clearing.store import Recorded

FOREVER = 2**63 - 1
STRETCH = 20_000  # entries and facts held in memory at a time

GROWS = "clearing_entry"  # a table whose rows of a sealed fact are never written again
LITTLE = 1_000  # facts in a round after which writers may be made to wait for the next
REFUSED = (DatabaseError, ObjectDoesNotExist)


class ReplayStopped(Exception):
    """A fact cannot be read or applied: it is not what was recorded, or the code cannot read it."""

    def __init__(self, sequence: int, name: str, error: Exception) -> None:
        self.sequence = sequence
        self.says = f"{name} cannot be applied ({type(error).__name__}: {error})"
        super().__init__(f"fact {sequence}: {self.says}")


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` leaves out numbers the database hands out: they say nothing and nobody keeps them."""

    name: str
    live: str
    columns: str


def rebuild(*, progress: Progress = quiet) -> dict[str, int]:
    """Make every projection what the log says; return how many rows of each table differed.

    One transaction. Facts whose order is sealed are replayed aside while writers go on, in rounds,
    until a round brings little; entries of those are compared then too, since they only grow. Then
    claiming is locked, so that no decision straddles the change, for the rest of the log, what is
    left to compare, and the rows that differ. Readers never wait and never see half of it. Where
    nothing differs nothing is written. Raises ReplayStopped, and has then changed nothing.
    """
    with transaction.atomic(), aside() as tables:
        count, sealed = _rounds(progress)
        grown = _grown(sealed)
        with connection.cursor() as cursor:
            # writers hold a share of this until they commit, and take it before anything else
            cursor.execute("SELECT surety_hold_writers()")
        count += replay(after=sealed, progress=progress, counted=count)
        complete()
        progress("facts replayed", count, 0)
        return {
            table.name: _grown_in_place(table, grown, sealed, progress)
            if table.name == GROWS
            else _put_in_place(table, progress)
            for table in tables
        }


def _rounds(progress: Progress) -> tuple[int, int]:
    """Replay what is sealed, and what was sealed meanwhile, while writers go on.

    Returns how many facts, and up to which sequence.
    """
    count, sealed = 0, 0
    while (now := selectors.sealed_up_to()) > sealed:
        found = replay(after=sealed, up_to=now, progress=progress, counted=count)
        count, sealed = count + found, now
        if found < LITTLE:
            break
    return count, sealed


def _grown(sealed: int) -> list[int]:
    """The sequences up to which facts are sealed whose entries are not what they should be.

    Whatever commits later has a higher sequence, so this needs no lock.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE pg_temp.{GROWS}")
    return [sequence for (sequence,) in rows(_UNLIKE.format(where="<= %s"), [sealed, sealed])]


def _grown_in_place(table: Table, grown: list[int], sealed: int, progress: Progress) -> int:
    """Write the entries of those facts again, and of those past `sealed` that differ too."""
    wrong = grown + [it for (it,) in rows(_UNLIKE.format(where="> %s"), [sealed, sealed])]
    if wrong:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table.live} WHERE sequence = ANY (%s)", [wrong])  # noqa: S608
            cursor.execute(
                f"INSERT INTO {table.live} ({table.columns}) SELECT {table.columns}"  # noqa: S608
                f" FROM {_aside(table)} WHERE sequence = ANY (%s) ORDER BY id",
                [wrong],
            )
    progress(table.name, rows_of(table), len(wrong))
    return len(wrong)


def _put_in_place(table: Table, progress: Progress) -> int:
    missing, surplus = differences(table)
    if missing or surplus:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table.live}")  # noqa: S608 - names of ours
            cursor.execute(
                f"INSERT INTO {table.live} ({table.columns})"  # noqa: S608
                f" SELECT {table.columns} FROM {_aside(table)}"
            )
    differed = max(missing, surplus)
    progress(table.name, rows_of(table), differed)
    return differed


@contextmanager
def aside() -> Iterator[list[Table]]:
    """Inside a transaction: every projection's name stands for an empty copy, for us alone."""
    assert connection.in_atomic_block, "the copies end with a transaction"
    tables = [_table(model) for module in _modules() for model in module.TABLES]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                f"CREATE TEMPORARY TABLE {_quoted(table.name)}"
                f" (LIKE {table.live} INCLUDING ALL) ON COMMIT DROP"
            )
            cursor.execute("SELECT to_regclass(%s) = to_regclass(%s)", [table.name, _aside(table)])
            assert cursor.fetchone() == (True,), f"{table.name} must not mean the live table now"
    yield tables
    # An error ends the transaction, and the copies with it.
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DROP TABLE {_aside(table)}")


def replay(
    *, after: int, up_to: int = FOREVER, progress: Progress = quiet, counted: int = 0
) -> int:
    """Apply the facts past `after` up to and including `up_to` aside; return how many there were.

    Raises ReplayStopped.
    """
    count = 0
    effects: list[tuple[int, str, str, int]] = []
    stretch: list[Recorded] = []
    for row in streamed(_FACTS, [after, up_to]):
        try:
            effects.extend(_read(row, stretch))
        except UNREADABLE as error:
            raise ReplayStopped(row[0], row[3], error) from error
        count += 1
        if len(effects) + len(stretch) >= STRETCH:
            _write(effects, stretch)
            progress("facts replayed", counted + count, None)
    _write(effects, stretch)
    return count


def _read(row: tuple[Any, ...], stretch: list[Recorded]) -> list[tuple[int, str, str, int]]:
    """One fact's entries; the fact itself joins the stretch where rows follow from it."""
    sequence, stream, version, name, effective_at, recorded_at, *cause, payload = row
    fact = codec.decode(name, payload)
    if fact.NAME in store.projectors():
        stretch.append(
            Recorded(
                sequence=sequence,
                stream=stream,
                version=version,
                effective_at=effective_at,
                recorded_at=recorded_at,
                cause=Cause(actor=cause[0], correlation_id=cause[1], sequence=cause[2]),
                fact=fact,
            )
        )
    return [(sequence, it.account, it.asset, it.amount) for it in entries.effects(fact)]


def _write(effects: list[tuple[int, str, str, int]], stretch: list[Recorded]) -> None:
    """What a stretch of facts does to rows. Raises ReplayStopped naming the fact at fault, or the
    first of those that were written together."""
    _write_entries(effects)
    try:
        for it, projector in store.in_turn(stretch):
            try:
                projector(it)
            except (*UNREADABLE, *REFUSED) as error:
                first = it[0] if isinstance(it, list) else it
                raise ReplayStopped(first.sequence, first.fact.NAME, error) from error
    finally:
        effects.clear()
        stretch.clear()


def _write_entries(effects: list[tuple[int, str, str, int]]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY clearing_entry (sequence, account, asset, amount) FROM STDIN") as copy,
    ):
        for entry in effects:
            copy.write_row(entry)


def complete() -> None:
    """After the last fact: what is written for all facts at once."""
    moves = [name for (name,) in rows("SELECT DISTINCT name FROM clearing_event") if _moves(name)]
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS_MOVED, [moves])
        cursor.execute("ANALYZE clearing_entry")
        cursor.execute(_HOLDINGS, [list(entries.HOUSE_ACCOUNTS)])


def _moves(name: str) -> bool:
    return codec.current(name) in store.moved_along()


def differences(table: Table) -> tuple[int, int]:
    """How many rows the live table lacks, and how many it has that do not follow from the log."""
    lacks, has = _lacks(table), _has(table)
    ((missing, surplus),) = rows(
        f"SELECT (SELECT count(*) FROM ({lacks}) AS l), (SELECT count(*) FROM ({has}) AS h)"  # noqa: S608
    )
    return missing, surplus


def examples(table: Table, *, most: int) -> list[tuple[str, str]]:
    """Some differing rows, as (what is wrong, the row)."""
    kinds = (("does not follow from the log", _has(table)), ("is missing", _lacks(table)))
    return [
        (wrong, row)
        for wrong, difference in kinds
        for (row,) in rows(
            f"SELECT to_jsonb(it)::text FROM ({difference}) AS it LIMIT %s",  # noqa: S608
            [most],
        )
    ]


def _lacks(table: Table) -> str:
    return _EXCEPT.format(left=_aside(table), right=table.live, columns=table.columns)


def _has(table: Table) -> str:
    return _EXCEPT.format(left=table.live, right=_aside(table), columns=table.columns)


def rows_of(table: Table) -> int:
    count: int = rows(f"SELECT count(*) FROM {table.live}")[0][0]  # noqa: S608 - a name of ours
    return count


def _modules() -> list[Any]:
    return [import_module(name) for name in settings.SURETY_PROJECTIONS]


def _table(model: type[models.Model]) -> Table:
    name = model._meta.db_table
    columns = [
        _quoted(each.column)
        for each in model._meta.concrete_fields
        if each.column and not isinstance(each, models.AutoField)
    ]
    ((schema,),) = rows(_SCHEMA, [name])
    return Table(name=name, live=f"{_quoted(schema)}.{_quoted(name)}", columns=", ".join(columns))


def _aside(table: Table) -> str:
    return f"pg_temp.{_quoted(table.name)}"


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


_UNLIKE = """
    WITH live AS (SELECT sequence, account, asset, amount FROM public.clearing_entry
                  WHERE sequence {where}),
         wanted AS (SELECT sequence, account, asset, amount FROM pg_temp.clearing_entry
                    WHERE sequence {where})
    SELECT sequence FROM (TABLE live EXCEPT ALL TABLE wanted) AS surplus
    UNION
    SELECT sequence FROM (TABLE wanted EXCEPT ALL TABLE live) AS missing
"""
_SCHEMA = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = %s::regclass"
_FACTS = """
    SELECT sequence, stream, version, name, effective_at, recorded_at, actor, correlation_id,
           cause, payload
    FROM clearing_event WHERE sequence > %s AND sequence <= %s ORDER BY sequence
"""
_ACCOUNTS_MOVED = """
    UPDATE clearing_accountstate AS state SET version = last.version, sequence = last.sequence
    FROM (
        SELECT DISTINCT ON (stream) stream, version, sequence FROM clearing_event
        WHERE name = ANY (%s) ORDER BY stream, version DESC
    ) AS last
    WHERE last.stream = 'account-' || state.account AND last.version > state.version
"""
_HOLDINGS = """
    INSERT INTO clearing_holding (account, asset, amount)
    SELECT account, asset, sum(amount) FROM clearing_entry
    WHERE account <> ALL (%s) GROUP BY account, asset HAVING sum(amount) <> 0
"""
_EXCEPT = "SELECT {columns} FROM {left} EXCEPT ALL SELECT {columns} FROM {right}"
