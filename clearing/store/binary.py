"""Asking the server past Django's cursor: prepared statements with binary parameters.

Django's cursor writes parameters into the statement as text, which the server then has to parse and
plan each time; psycopg's takes as long over a small statement as the server does. Here a statement
is prepared once a connection and sent by libpq's own calls. Waiting is psycopg's, so an interrupt
still cancels what is running.

An exchange that is cut short, by whatever exception, closes the connection: answers that nobody
read would pass for those to the next question. What was sent may have happened all the same, which
is what keys are for.

Prepared statements belong to a connection: a pooler in front of the server has to keep sessions
together, or know them (PgBouncer from 1.21).
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import IsolationLevel, errors, generators
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format, TransactionStatus

from clearing.store import packing


@dataclass(frozen=True, slots=True)
class Question:
    """A statement with `%b::type` for each parameter; arrays come packed (`packing`)."""

    statement: str
    parameters: Sequence[Any] = ()


Rows = list[tuple[Any, ...]]


def call(statement: str, parameters: Sequence[Any]) -> tuple[Any, ...]:
    """The one row the statement answers. Raises Django's database errors."""
    (row,) = _asked(statement, parameters)
    return row


def ask(questions: Sequence[Question]) -> list[Rows]:
    """What each answers, asked in this order in one round trip, which a BEGIN that is due joins.

    Each statement sees what was committed when it began, as if they were sent one by one.
    """
    if len(questions) == 1:
        return [_asked(questions[0].statement, questions[0].parameters)]
    ours = connections[DEFAULT_DB_ALIAS]
    ours.ensure_connection()
    there = ours.connection
    start = perf_counter()
    with ours.wrap_database_errors, there.lock:
        answers = [_rows(there, it) for it in _together(there, _begin_due(there), questions)]
    _log(ours, "; ".join(it.statement for it in questions), start)
    return answers


def _asked(statement: str, parameters: Sequence[Any]) -> Rows:
    ours = connections[DEFAULT_DB_ALIAS]  # once: Django's `connection` looks it up at every touch
    ours.ensure_connection()
    there = ours.connection
    start = perf_counter()
    with ours.wrap_database_errors, there.lock:
        begin = _begin_due(there)
        if begin is None:
            result = _alone(there, statement, parameters)
        else:
            (result,) = _together(there, begin, [Question(statement, parameters)])
        found = _rows(there, result)
    _log(ours, statement, start)
    return found


def put(statement: str, parameters: Sequence[Any]) -> None:
    """Run a statement that answers nothing, inside a transaction, planned anew each time.

    For projectors: in a replay a table's name means another table (`replays.aside`), and a plan that
    was kept would go on meaning the first.
    """
    ours = connections[DEFAULT_DB_ALIAS]
    there = ours.connection
    start = perf_counter()
    with ours.wrap_database_errors, there.lock:
        form = _form(statement)
        values = form.packed(parameters)
        there.pgconn.send_query_params(form.written, values, param_formats=form.formats)
        _fine(there, _waited(there))
    _log(ours, statement, start)


# --- on the line ------------------------------------------------------------------------------

# of each connection: statement -> its name there, and its form
_prepared: WeakKeyDictionary[Any, dict[str, tuple[bytes, _Form]]] = WeakKeyDictionary()
_names = itertools.count()
_FINE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


def _alone(there: Any, statement: str, parameters: Sequence[Any]) -> Any:
    name, form = _known(there, statement)
    values = form.packed(parameters)
    there.pgconn.send_query_prepared(name, values, form.formats, Format.BINARY)
    try:
        return _fine(there, _waited(there))
    except errors.InvalidSqlStatementName:
        _prepared.pop(there, None)  # somebody discarded all that was prepared here
        if there.pgconn.transaction_status != TransactionStatus.IDLE:
            raise
    return _alone(there, statement, parameters)


def _together(there: Any, begin: bytes | None, questions: Sequence[Question]) -> list[Any]:
    known = [_known(there, it.statement) for it in questions]
    packed = [form.packed(it.parameters) for (_, form), it in zip(known, questions, strict=True)]
    line = there.pgconn
    try:
        line.enter_pipeline_mode()
        if begin is not None:
            line.send_query_params(begin, None)
        for (name, form), values in zip(known, packed, strict=True):
            line.send_query_prepared(name, values, form.formats, Format.BINARY)
        line.pipeline_sync()
        results = there.wait(_drained(line, len(questions) + (begin is not None)))
        line.exit_pipeline_mode()
    except BaseException:
        line.finish()
        raise
    try:
        answered = [_fine(there, result) for result in results]
    except errors.InvalidSqlStatementName:
        _prepared.pop(there, None)  # what was asked as a decision is asked again (`patiently`)
        raise
    return answered if begin is None else answered[1:]


def _drained(line: Any, count: int) -> Generator[Any, Any, list[Any]]:
    """What so many statements answered, and then the mark behind them, which must not stay."""
    yield from generators.send(line)
    answers: list[Any] = []
    for _ in range(count):
        answers += yield from generators.fetch_many(line)
    yield from generators.fetch_many(line)
    return answers


def _known(there: Any, statement: str) -> tuple[bytes, _Form]:
    """The statement as this connection has it, prepared when it is new to it."""
    known = _prepared.get(there)
    if known is None:
        known = _prepared[there] = {}
    found = known.get(statement)
    if found is None:
        # A name is never used twice: one that was cut short may be known to the server.
        found = f"surety_{next(_names)}".encode(), _form(statement)
        there.pgconn.send_prepare(found[0], found[1].written)
        _fine(there, _waited(there))
        known[statement] = found
    return found


def _waited(there: Any) -> Any:
    line = there.pgconn
    try:
        # Most fit what the system takes at once: then there is one wait, not one more for sending.
        answer = generators.execute(line) if line.flush() else generators.fetch_many(line)
        (result,) = there.wait(answer)
    except BaseException:
        line.finish()
        raise
    return result


def _fine(there: Any, result: Any) -> Any:
    if result.status not in _FINE:
        raise errors.error_from_result(result, encoding=there.info.encoding)
    return result


def _rows(there: Any, result: Any) -> Rows:
    reader = Transformer(there)
    reader.set_pgresult(result)
    return reader.load_rows(0, result.ntuples, tuple)


def _begin_due(there: Any) -> bytes | None:
    """Django asked for a transaction, and nothing was sent in it yet."""
    if there.autocommit or there.pgconn.transaction_status != TransactionStatus.IDLE:
        return None
    level = there.isolation_level
    if level is None:
        return b"BEGIN"
    return f"BEGIN ISOLATION LEVEL {IsolationLevel(level).name.replace('_', ' ')}".encode()


# --- statements -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    written: bytes
    packers: tuple[Callable[[Any], bytes], ...]
    formats: tuple[Format, ...]

    def packed(self, parameters: Sequence[Any]) -> list[bytes | None]:
        """Raises DataError for a value that its type cannot hold."""
        try:
            return [
                None if value is None else pack(value)
                for pack, value in zip(self.packers, parameters, strict=True)
            ]
        except (struct.error, TypeError, ValueError) as error:
            raise errors.DataError(f"a parameter cannot be sent: {error}") from error


_PLACE = re.compile(r"%b::(\w+)(\[\])?")


@cache
def _form(statement: str) -> _Form:
    """Each place of a parameter says its type: `%b::bigint`, `%b::text[]`."""
    places = _PLACE.findall(statement)
    assert len(places) == statement.count("%b"), f"a parameter without its type: {statement}"
    packers = tuple(bytes if array else packing.ONE[kind] for kind, array in places)
    numbers = itertools.count(1)
    written = _PLACE.sub(lambda it: f"${next(numbers)}::{it[1]}{it[2] or ''}", statement)
    return _Form(written.encode(), packers, (Format.BINARY,) * len(packers))


def _log(ours: Any, statement: str, start: float) -> None:
    if ours.queries_logged:
        ours.queries_log.append({"sql": statement, "time": f"{perf_counter() - start:.3f}"})
