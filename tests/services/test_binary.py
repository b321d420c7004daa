"""What is asked past Django's cursor answers its own question, or the connection is gone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from django.db import DataError, OperationalError, ProgrammingError, connection, transaction

from clearing import models, store
from clearing.store import binary, packing
from clearing.store.binary import Question

NEXT = "SELECT %b::bigint + 1"
TEXT = "SELECT %b::text"
SLEEP = "SELECT pg_sleep(%b::int)::text"


class TimeIsUp(Exception):
    """As a worker's soft time limit: raised by a signal, wherever the code is."""


@contextmanager
def cut_short_by(exception: type[BaseException], *, after: float = 0.2) -> Iterator[None]:
    def raise_it(*_: Any) -> None:
        raise exception

    before = signal.signal(signal.SIGALRM, raise_it)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def usable_again() -> bool:
    """As Django looks at the beginning of a request and a task."""
    connection.close_if_unusable_or_obsolete()
    return binary.call(NEXT, [1]) == (2,)


def test_questions_are_answered_in_the_order_asked(house):
    questions = [Question(NEXT, [number]) for number in range(5)]

    assert binary.ask(questions) == [[(number + 1,)] for number in range(5)]
    assert binary.ask([]) == []


def test_a_begin_that_is_due_goes_along(house):
    with pytest.raises(RuntimeError), transaction.atomic():
        binary.ask([Question("CREATE TEMP TABLE seen AS SELECT %b::int AS it", [1])])
        assert binary.ask([Question("SELECT it FROM seen"), Question(NEXT, [1])]) == [
            [(1,)],
            [(2,)],
        ]
        raise RuntimeError

    with pytest.raises(ProgrammingError, match="does not exist"):
        binary.call("SELECT count(*) FROM seen", [])


@pytest.mark.parametrize("exception", [TimeIsUp, KeyboardInterrupt])
@pytest.mark.parametrize("many", [False, True])
def test_an_exchange_cut_short_leaves_no_answer_to_the_next_question(
    house, exception: type[BaseException], many: bool
):
    slow = [Question(SLEEP, [3])]
    asked = [Question(NEXT, [1]), *slow, Question(NEXT, [1])] if many else slow
    binary.ask([Question(SLEEP, [0]), Question(NEXT, [0])])

    with pytest.raises(exception), cut_short_by(exception):
        binary.ask(asked)

    with pytest.raises(OperationalError):
        binary.call(NEXT, [50])
    assert usable_again()


def test_what_was_cut_short_in_a_transaction_is_rolled_back_as_a_whole(house):
    keep = """
        INSERT INTO clearing_frozenaccount (book, ordinal, account, version, sequence)
        VALUES (%b::text, 0, '', 0, 0) RETURNING book
    """
    with pytest.raises(TimeIsUp), cut_short_by(TimeIsUp), transaction.atomic():
        binary.ask([Question(keep, ["kept"])])
        binary.ask([Question(NEXT, [1]), Question(SLEEP, [3])])

    assert usable_again()
    assert not models.FrozenAccount.objects.exists()


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        (NEXT, 2**63),
        (NEXT, "5"),
        (SLEEP, 2**31),
        (TEXT, "\ud800"),
        (TEXT, "a\0b"),
        ("SELECT %b::timestamptz", datetime(2026, 1, 1)),
    ],
)
def test_a_value_its_type_cannot_hold_is_a_data_error_wherever_it_is_met(
    house, statement: str, value: Any
):
    wrong = Question(statement, [value])

    with pytest.raises(DataError):
        binary.ask([wrong])
    with pytest.raises(DataError):
        binary.ask([Question(NEXT, [1]), wrong, Question(NEXT, [2])])
    assert binary.call(NEXT, [50]) == (51,)
    with transaction.atomic():
        with pytest.raises(DataError), transaction.atomic():
            binary.ask([Question(NEXT, [1]), wrong])
        assert binary.call(NEXT, [60]) == (61,)


@pytest.mark.parametrize("discarding", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_statements_that_somebody_discarded_are_prepared_again(house, discarding: str):
    binary.ask([Question(NEXT, [1]), Question(TEXT, ["x"])])
    with connection.cursor() as cursor:
        cursor.execute(discarding)

    assert binary.call(NEXT, [1]) == (2,)

    tries = []

    @store.decision
    def decided() -> list[Any]:
        tries.append(1)
        if len(tries) == 1:
            with connection.cursor() as cursor:
                cursor.execute("DEALLOCATE ALL")
        return binary.ask([Question(NEXT, [1]), Question(TEXT, ["x"])])

    assert decided() == [[(2,)], [("x",)]]
    assert len(tries) == 2


def test_a_name_that_was_cut_short_is_not_used_again(house, monkeypatch: pytest.MonkeyPatch):
    """Prepared by the server, and not yet noted here."""
    fine = binary._fine

    def cut(there: Any, result: Any) -> Any:
        monkeypatch.setattr(binary, "_fine", fine)
        raise TimeIsUp

    monkeypatch.setattr(binary, "_fine", cut)
    with pytest.raises(TimeIsUp):
        binary.call(TEXT, ["x"])

    assert binary.call(TEXT, ["x"]) == ("x",)


def test_ten_megabytes_go_and_come(house):
    large = "x" * 10_000_000

    assert binary.call(TEXT, [large]) == (large,)
    assert binary.ask([Question(TEXT, [large])] * 3) == [[(large,)]] * 3


def test_arrays_arrive_as_they_were_packed(house):
    statement = "SELECT %b::text[], %b::int[], %b::bigint[], %b::bytea[], %b::text[]"
    parameters = [
        packing.texts(["a", None, "ü", ""]),
        packing.int4s([1, -2]),
        packing.int8s([2**63 - 1, -(2**63)]),
        packing.byteas([b"\0", b""]),
        packing.repeated([]),
    ]

    assert binary.call(statement, parameters) == (
        ["a", None, "ü", ""],
        [1, -2],
        [2**63 - 1, -(2**63)],
        [b"\0", b""],
        [],
    )


def test_a_parameter_says_its_type():
    with pytest.raises(AssertionError, match="without its type"):
        binary._form("SELECT %b")
