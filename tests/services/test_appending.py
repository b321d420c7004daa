"""Appending in one round trip: many streams, keys on the way, nothing half done, one formula."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from clearing import models, selectors, store
from clearing.domain.cause import Cause
from clearing.domain.events import (
    AssignmentDrawn,
    CollateralDeposited,
    InstrumentHalted,
)
from clearing.services import replays, verification
from config.routes import LOOKS_AT_STATE
from tests.builders import CAUSE, START, a_house, after

pytestmark = pytest.mark.django_db

HALTED = InstrumentHalted(symbol="NONE", reason="a test")


def drawn(**but) -> AssignmentDrawn:
    """A fact that moves nothing, leads to no row and leaves no job."""
    usual = dict.fromkeys(("cycle_id", "symbol", "algorithm", "seed", "shorts", "assigned"), "")
    return AssignmentDrawn(**{**usual, "exercised": 1, **but})


def deposited(account: str = "SOUTH-1", *, amount: int = 1, key: str = "d") -> CollateralDeposited:
    return CollateralDeposited(account_id=account, deposit_id=key, asset="USDC", amount=amount)


@store.decision
def append_all(*facts, cause: Cause = CAUSE, **rest) -> list[int]:
    streams = store.claim_all({name for name, _ in facts})
    named = [(streams[name], fact) for name, fact in facts]
    return store.append_all(named, at=START, cause=cause, **rest)


def recomputed(row: models.Event, previous: bytes) -> bytes:
    return store.event_hash(
        previous=previous,
        stream=row.stream,
        version=row.version,
        name=row.name,
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        cause=Cause(actor=row.actor, correlation_id=row.correlation_id, sequence=row.cause),
        payload=row.payload,
    )


def check_chain(stream: str) -> int:
    previous = store.GENESIS
    rows = list(models.Event.objects.filter(stream=stream).order_by("version"))
    for row in rows:
        assert recomputed(row, previous) == bytes(row.hash)
        previous = bytes(row.hash)
    assert bytes(models.Stream.objects.get(name=stream).head) == previous
    return len(rows)


# --- one formula ------------------------------------------------------------------------------

# What PostgreSQL's text cannot hold (NUL) or UTF-8 cannot spell (half a surrogate) is no fact.
AWKWARD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    reason=AWKWARD,
    actor=AWKWARD,
    correlation=AWKWARD,
    cause=st.none() | st.integers(0, 2**63 - 1),
    at=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    one_call=st.booleans(),
)
def test_the_server_and_python_hash_awkward_facts_alike(
    reason, actor, correlation, cause, at, one_call
):
    asked_by = Cause(actor=actor, correlation_id=correlation, sequence=cause)
    fact, at = drawn(seed=reason), at.replace(tzinfo=UTC)

    with transaction.atomic():
        if one_call:
            store.append_once("reconciliation-Ü'\"\\", fact, at=at, cause=asked_by)
        else:
            append_all(("reconciliation-Ü'\"\\", fact), cause=asked_by)
            store.load([store.Told("reconciliation-Ü'\"\\", fact, at)] * 2, cause=asked_by)

        assert check_chain("reconciliation-Ü'\"\\") in (1, 3)
        transaction.set_rollback(True)


def test_both_doors_and_a_load_continue_one_chain():
    store.append_once("reconciliation-A", drawn(), at=START, cause=CAUSE)
    append_all(*[("reconciliation-A", drawn(exercised=each)) for each in range(3)])
    store.load([store.Told("reconciliation-A", drawn(), after(hours=1))], cause=CAUSE)

    assert check_chain("reconciliation-A") == 5


# --- many streams -----------------------------------------------------------------------------


def test_facts_of_many_streams_stand_in_the_order_given_and_each_stream_counts_on():
    names = ["B", "A", "B", "C", "A", "B"]

    sequences = append_all(*[(f"reconciliation-{name}", drawn(symbol=name)) for name in names])

    rows = models.Event.objects.order_by("sequence")
    assert list(rows.values_list("sequence", flat=True)) == sequences
    assert list(rows.values_list("stream", "version")) == [
        ("reconciliation-B", 1),
        ("reconciliation-A", 1),
        ("reconciliation-B", 2),
        ("reconciliation-C", 1),
        ("reconciliation-A", 2),
        ("reconciliation-B", 3),
    ]
    assert [check_chain(f"reconciliation-{name}") for name in "ABC"] == [2, 3, 1]


def test_however_many_facts_it_is_one_call_to_claim_and_one_to_append():
    def calls(count: int) -> int:
        facts = [
            (f"account-SOUTH-{each % 7}", deposited(f"SOUTH-{each % 7}")) for each in range(count)
        ]
        with CaptureQueriesContext(connection) as captured:
            append_all(*facts)
        return len([it for it in captured if "surety_" in it["sql"]])

    a_house()

    assert calls(1) == calls(700) == 2


def test_an_account_is_moved_to_its_last_fact_of_many():
    a_house()

    sequences = append_all(
        *[("account-SOUTH-1", deposited(amount=5)), ("account-NORTH-1", deposited("NORTH-1"))] * 2
    )

    row = selectors.account_row("SOUTH-1")
    assert (row.version, row.sequence) == (4, sequences[2])
    assert selectors.account("SOUTH-1").cash("USDC") == 1_000_000_000_010
    assert verification.verify() == []


def test_nothing_is_half_done_when_any_part_fails():
    """Each part that can fail, last: an amount no column holds, and a key that was used before."""
    a_house()
    key = store.Key(scope="s", key="k", content="c")
    kept = [store.Remembered(key=key, first=0, last=0)]
    append_all(("account-SOUTH-1", deposited()), remembering=kept)
    before = (
        models.Event.objects.count(),
        models.Entry.objects.count(),
        selectors.account("SOUTH-1"),
    )

    for facts, remembering in (
        ([deposited(), deposited(amount=2**63 - 1)], []),
        ([deposited(), deposited()], kept),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            append_all(*[("account-SOUTH-1", it) for it in facts], remembering=remembering)

    after_all = models.Event.objects.count(), models.Entry.objects.count()
    assert (*after_all, selectors.account("SOUTH-1")) == before


def test_a_stream_is_not_opened_by_asking_for_those_that_are_known():
    @store.decision
    def known() -> list[str]:
        return list(store.claim_known(["account-A", "account-B"]).streams)

    append_all(("account-B", deposited("B")))

    assert known() == ["account-B"]
    assert not models.Stream.objects.filter(name="account-A").exists()


# --- keys -------------------------------------------------------------------------------------


def test_a_key_leads_to_the_first_and_the_last_of_its_facts():
    a_house()
    key = store.Key(scope="venue:X", key="t-1", content="it")

    sequences = append_all(
        *[("account-SOUTH-1", deposited(amount=each)) for each in (1, 2, 3)],
        remembering=[store.Remembered(key=key, first=0, last=2)],
    )

    kept = store.Kept(first=sequences[0], last=sequences[2])
    assert store.led_to(scope="venue:X", key="t-1") == kept
    assert store.led_to(scope="venue:X", key="t-2") is None
    other = store.Key(scope="venue:X", key="t-2", content="it")
    assert store.earlier_all([other, key]) == [None, kept]


def test_of_many_keys_the_one_that_was_reused_is_named():
    store.append_once(
        "reconciliation-A",
        drawn(),
        at=START,
        cause=CAUSE,
        key=store.Key(scope="s", key="k", content="this"),
    )
    keys = [store.Key(scope="s", key=key, content="that") for key in ("j", "k")]

    with pytest.raises(store.KeyReused) as refused:
        store.earlier_all(keys)

    assert refused.value.place == 1


# --- the single call --------------------------------------------------------------------------


def once(stream: str = "reconciliation-A", **rest) -> int:
    return store.append_once(stream, drawn(), at=START, cause=CAUSE, **rest)


def test_a_single_call_is_one_statement():
    with CaptureQueriesContext(connection) as captured:
        once(key=store.Key(scope="s", key="k", content="c"))

    assert len(captured) == 1


def test_a_single_call_expects_a_version_a_new_stream_or_any():
    once(expected=store.NEW)
    once(expected=1)
    once()

    for wrong in (store.NEW, 1, 9):
        with pytest.raises(store.StreamMoved), transaction.atomic():
            once(expected=wrong)
    with pytest.raises(store.StreamMoved), transaction.atomic():
        once("reconciliation-B", expected=1)
    assert check_chain("reconciliation-A") == 3


def test_the_same_key_is_answered_before_the_version_is_looked_at():
    key = store.Key(scope="s", key="k", content="c")

    first = once(expected=store.NEW, key=key)

    assert once(expected=store.NEW, key=key) == first
    with pytest.raises(store.KeyReused), transaction.atomic():
        once(key=store.Key(scope="s", key="k", content="other"))
    assert check_chain("reconciliation-A") == 1


@pytest.mark.parametrize("fact", [deposited(), HALTED], ids=["moves", "has rows"])
def test_what_brings_more_than_itself_is_not_a_single_call(fact):
    with pytest.raises(AssertionError, match="claim, decide, append"):
        store.append_once("reconciliation-A", fact, at=START, cause=CAUSE)


# --- loading ----------------------------------------------------------------------------------


def test_a_load_leaves_a_log_that_verifies_and_one_job_for_each_account():
    a_house()
    jobs = models.Job.objects.filter(kind=LOOKS_AT_STATE[0])
    before = jobs.count()
    told = [
        store.Told(f"account-{name}", deposited(name, key=f"{each}"), after(minutes=each))
        for each in range(20)
        for name in ("NORTH-1", "SOUTH-1")
    ]

    sequences = store.load(told, cause=CAUSE)

    assert sorted(sequences) == sequences and len(sequences) == 40
    assert set(jobs.order_by("-id").values_list("key", flat=True)[:2]) == {
        str(it) for it in sequences[-2:]
    }
    assert jobs.count() == before + 2
    assert selectors.account("NORTH-1").cash("USDC") == 1_000_000_000_020
    row = models.Event.objects.get(sequence=sequences[-1])
    assert row.effective_at == START + timedelta(minutes=19)
    assert verification.verify() == []


def test_a_load_in_stretches_is_the_same_load(monkeypatch):
    monkeypatch.setattr("clearing.store.loading.STRETCH", 3)
    a_house()
    told = [store.Told("account-SOUTH-1", deposited(key=f"{each}"), START) for each in range(10)]

    store.load(told, cause=CAUSE)

    assert selectors.account_row("SOUTH-1").version == 2 + 10
    assert models.Job.objects.filter(address__account="SOUTH-1").count() == 1 + 1
    assert verification.verify() == []


# --- what the application may not do ----------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO clearing_event (stream, version, name, effective_at, recorded_at, actor,"
        " correlation_id, payload, hash) VALUES ('x-1', 1, 'x', now(), now(), '', '', '{}', '')",
        "INSERT INTO clearing_stream (name, version, head) VALUES ('x-1', 0, '')",
        "UPDATE clearing_stream SET version = version + 1",
        "DELETE FROM clearing_stream",
        "TRUNCATE clearing_stream",
        "INSERT INTO clearing_command (scope, key, request_hash, sequence, recorded_at)"
        " VALUES ('', '', '', 1, now())",
        "ALTER FUNCTION surety_claim SECURITY INVOKER",
        "CREATE OR REPLACE FUNCTION surety_hold_writers() RETURNS void LANGUAGE sql AS ''",
    ],
)
def test_the_log_is_written_by_its_functions_alone(statement):
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert isinstance(caught.value.__cause__, errors.InsufficientPrivilege)


def test_an_append_cannot_bring_entries_that_do_not_balance():
    """Not even by calling the function itself: the guard is on the table."""
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT surety_append_all(ARRAY['account-X'], NULL, NULL, ARRAY[1], ARRAY['x'],"
            " ARRAY['{}'], ARRAY[now()], 'a', 'c', NULL, ARRAY[1], ARRAY['X'], ARRAY['cash:USDC'],"
            " ARRAY[5::bigint], '{}', '{}', '{}', '{}', '{}', '{}', 0, '{}', '{}', '{}', '{}', '{}')"
        )

    assert isinstance(caught.value.__cause__, errors.CheckViolation)


def test_a_table_of_the_sessions_own_does_not_stand_in_for_the_log():
    """The functions work as the owner, so a name must never mean something the caller made."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE clearing_command (LIKE clearing_command)")
        cursor.execute("CREATE TEMPORARY TABLE clearing_event (LIKE clearing_event)")

    once(key=store.Key(scope="s", key="k", content="c"))

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.clearing_command WHERE key = 'k'")
        assert cursor.fetchone() == (1,)


# --- projectors of many -----------------------------------------------------------------------


@pytest.fixture
def seen(monkeypatch) -> list[tuple[str, list[int]]]:
    """What a projector of one and a projector of many are given, in the order they are."""
    found: list[tuple[str, list[int]]] = []

    def one(recorded: store.Recorded) -> None:
        found.append(("one", [recorded.sequence]))

    @store.takes_many
    def many(recorded: list[store.Recorded]) -> None:
        found.append(("many", [it.sequence for it in recorded]))

    projectors = {AssignmentDrawn.NAME: (many,), CollateralDeposited.NAME: (one,)}
    for where in (
        "clearing.store.appending.projectors",
        "clearing.store.following.projectors",
        "clearing.store.projectors",
    ):
        monkeypatch.setattr(where, lambda: projectors)
    return found


def test_a_projector_of_many_gets_facts_at_once_up_to_one_that_is_applied_alone(seen):
    sequences = append_all(
        ("reconciliation-A", drawn()),
        ("reconciliation-A", drawn()),
        ("account-SOUTH-1", deposited()),
        ("reconciliation-A", drawn()),
    )

    assert seen == [("many", sequences[:2]), ("one", sequences[2:3]), ("many", sequences[3:])]


def test_a_replay_gives_it_a_stretch_at_once(seen, monkeypatch):
    sequences = [append_all(("reconciliation-A", drawn()))[0] for _ in range(5)]
    monkeypatch.setattr(replays, "STRETCH", 3)
    seen.clear()

    with replays.aside():
        replays.replay(after=sequences[0] - 1)

    assert [it for kind, it in seen if kind == "many"] == [sequences[:3], sequences[3:]]
