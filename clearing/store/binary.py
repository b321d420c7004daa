"""Asking the server past Django's cursor: prepared statements with binary parameters.

Django's cursor writes parameters into the statement as text, which the server then has to parse and
plan each time; psycopg's takes as long over a small statement as the server does. Here a statement
is prepared once a connection and sent by libpq's own calls. Waiting is psycopg's, so an interrupt
still cancels what is running.

Prepared statements belong to a connection: a pooler in front of the server has to keep sessions
together, or know them (PgBouncer from 1.21).
"""

from __future__ import annotations

import itertools
import re
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
    ((row,),) = ask([Question(statement, parameters)])
    return row


def ask(questions: Sequence[Question]) -> list[Rows]:
    """What each answers, asked in this order in one round trip, which a BEGIN that is due joins.

    Each statement sees what was committed when it began, as if they were sent one by one.
    """
    ours = connections[DEFAULT_DB_ALIAS]  # once: Django's `connection` looks it up at every touch
    ours.ensure_connection()
    there = ours.connection
    start = perf_counter()
    with ours.wrap_database_errors, there.lock:
        begin = _begin_due(there)
        if len(questions) == 1 and begin is None:
            results = [_one(there, questions[0])]
        else:
            results = _together(there, begin, questions)
        answers = [_rows(there, result) for result in results]
    _log(ours, questions, start)
    return answers


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
    _log(ours, [Question(statement)], start)


# --- on the line ------------------------------------------------------------------------------

_prepared: WeakKeyDictionary[Any, dict[str, bytes]] = WeakKeyDictionary()  # statement -> its name
_FINE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


def _one(there: Any, it: Question) -> Any:
    _send(there, _known(there, it), it)
    return _fine(there, _waited(there))


def _together(there: Any, begin: bytes | None, questions: Sequence[Question]) -> list[Any]:
    names = [_known(there, it) for it in questions]
    line = there.pgconn
    line.enter_pipeline_mode()
    try:
        if begin is not None:
            line.send_query_params(begin, None)
        for name, it in zip(names, questions, strict=True):
            _send(there, name, it)
        line.pipeline_sync()
        results = there.wait(_drained(line, len(questions) + (begin is not None)))
    finally:
        if line.transaction_status != TransactionStatus.UNKNOWN:  # the line is still there
            line.exit_pipeline_mode()
    return [_fine(there, result) for result in results][-len(questions) :]


def _drained(line: Any, count: int) -> Generator[Any, Any, list[Any]]:
    """What so many statements answered, and then the mark behind them, which must not stay."""
    yield from generators.send(line)
    answers: list[Any] = []
    for _ in range(count):
        answers += yield from generators.fetch_many(line)
    yield from generators.fetch_many(line)
    return answers


def _known(there: Any, it: Question) -> bytes:
    """The name of the statement on this connection, prepared when it is new to it."""
    names = _prepared.get(there)
    if names is None:
        names = _prepared[there] = {}
    name = names.get(it.statement)
    if name is None:
        name = f"surety_{len(names)}".encode()
        there.pgconn.send_prepare(name, _form(it.statement).written)
        _fine(there, _waited(there))
        names[it.statement] = name
    return name


def _send(there: Any, name: bytes, it: Question) -> None:
    form = _form(it.statement)
    values = form.packed(it.parameters)
    there.pgconn.send_query_prepared(name, values, form.formats, Format.BINARY)


def _waited(there: Any) -> Any:
    line = there.pgconn
    # Most fit what the system takes at once: then there is one wait, not one for sending as well.
    answer = generators.execute(line) if line.flush() else generators.fetch_many(line)
    (result,) = there.wait(answer)
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
        return [
            None if value is None else pack(value)
            for pack, value in zip(self.packers, parameters, strict=True)
        ]


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


def _log(ours: Any, questions: Sequence[Question], start: float) -> None:
    if ours.queries_logged:
        seconds = f"{perf_counter() - start:.3f}"
        sent = "; ".join(it.statement for it in questions)
        ours.queries_log.append({"sql": sent, "time": seconds})
