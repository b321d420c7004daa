"""Claim, append, decide."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from clearing import models, selectors, store
from clearing.domain.account import AccountNotOpen
from clearing.domain.amounts import AmountOutOfRange
from clearing.domain.cause import Cause
from clearing.domain.events import AccountOpened, CollateralDeposited, InstrumentHalted
from clearing.services import accounts, collateral, timekeeping
from config.routes import EVENT_ROUTES
from tests.builders import CAUSE, START, a_house, after

pytestmark = pytest.mark.django_db

FACT = InstrumentHalted(symbol="NONE", reason="a test")


def deposit(key: str = "d-1", *, amount: str = "1", account: str = "SOUTH-1") -> int:
    return collateral.deposit(
        account, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


# --- streams ----------------------------------------------------------------------------------


def test_streams_are_claimed_top_app_first_then_by_name():
    @store.decision
    def claims(*names: str) -> None:
        for name in names:
            store.claim(name)

    claims("case-Z", "call-Z", "run-a", "clock", "prices", "instrument-B", "account-A", "account-B")
    for wrong in (("account-B", "account-A"), ("account-A", "call-A"), ("prices", "clock")):
        with pytest.raises(AssertionError, match="wrong order"):
            claims(*wrong)


def test_claiming_a_stream_again_is_the_same_claim():
    @store.decision
    def claims() -> bool:
        first = store.claim("instrument-A")
        store.claim("instrument-B")
        return store.claim("instrument-A") is first

    assert claims()


def test_a_stream_is_claimed_only_inside_a_decision():
    with pytest.raises(AssertionError, match="inside a decision"):
        store.claim("clock")


def test_a_stream_of_a_kind_nobody_named_is_our_own_mistake():
    with pytest.raises(KeyError):
        store.decision(store.claim)("unheard-of")


def test_versions_count_from_one_and_the_head_is_the_last_hash():
    sequences = [append("instrument-A", FACT) for _ in range(3)]

    rows = list(models.Event.objects.filter(stream="instrument-A").order_by("version"))
    head = models.Stream.objects.get(name="instrument-A")
    assert [row.version for row in rows] == [1, 2, 3]
    assert [row.sequence for row in rows] == sequences
    assert (head.version, bytes(head.head)) == (3, bytes(rows[-1].hash))


@store.decision
def append(stream: str, fact, cause: Cause = CAUSE) -> int:
    return store.append(store.claim(stream), fact, at=START, cause=cause)


def test_a_stale_stream_cannot_append():
    """A head that moved under a claim is our own mistake, and is not written over."""

    @store.decision
    def stale() -> None:
        stream = store.claim("instrument-A")
        stream.version = 7
        store.append(stream, FACT, at=START, cause=CAUSE)

    with pytest.raises(AssertionError, match="moved under its own lock"):
        stale()


def test_python_and_the_server_compute_the_same_hash():
    """Two programs, one formula: every column but the sequence, each with its length."""
    append("instrument-Ü", FACT, Cause(actor="credential:ä", correlation_id="r-1", sequence=5))
    append("instrument-Ü", FACT)

    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT hash, sha256(string_agg(int4send(octet_length(part)) || part, '' ORDER BY place))
            FROM (SELECT *, coalesce(lag(hash) OVER (ORDER BY version), %s) AS previous
                  FROM clearing_event WHERE stream = 'instrument-Ü') AS it,
            LATERAL unnest(ARRAY[
                previous, convert_to(stream, 'UTF8'), convert_to(version::text, 'UTF8'),
                convert_to(name, 'UTF8'),
                convert_to(to_char(effective_at AT TIME ZONE 'UTC', %s), 'UTF8'),
                convert_to(to_char(recorded_at AT TIME ZONE 'UTC', %s), 'UTF8'),
                convert_to(actor, 'UTF8'), convert_to(correlation_id, 'UTF8'),
                convert_to(coalesce(cause::text, ''), 'UTF8'), convert_to(payload, 'UTF8')
            ]) WITH ORDINALITY AS parts (part, place)
            GROUP BY version, hash
            """,
            [store.GENESIS, *['YYYY-MM-DD"T"HH24:MI:SS.US"Z"'] * 2],
        )
        found = [(bytes(kept), bytes(computed)) for kept, computed in cursor.fetchall()]

    assert len(found) == 2
    assert all(kept == computed for kept, computed in found)


def test_hash_parts_cannot_flow_into_each_other():
    usual = {
        "previous": store.GENESIS,
        "stream": "clock",
        "version": 1,
        "name": "n",
        "effective_at": START,
        "recorded_at": START,
        "payload": "{}",
    }
    one = store.event_hash(cause=Cause(actor="ab", correlation_id="c"), **usual)
    other = store.event_hash(cause=Cause(actor="a", correlation_id="bc"), **usual)

    assert one != other


# --- decisions --------------------------------------------------------------------------------


def test_a_refusal_leaves_nothing_behind():
    a_house()
    before = models.Event.objects.count(), models.Job.objects.count()

    @store.decision
    def half_done() -> None:
        deposit()
        accounts.close("NORTH-1", reason="it holds money", at=START, cause=CAUSE)

    @store.decision
    def backwards() -> None:
        deposit("d-2", account="SOUTH-1")
        accounts.suspend("UNKNOWN", reason="", at=START, cause=CAUSE)

    with pytest.raises(AssertionError):
        half_done()
    with pytest.raises(AccountNotOpen):
        backwards()

    assert (models.Event.objects.count(), models.Job.objects.count()) == before


def test_a_deadlock_is_tried_again():
    tries = []

    @store.decision
    def unlucky() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError from DeadlockDetected()
        return "done"

    assert unlucky() == "done"
    assert len(tries) == 3


def test_other_database_errors_are_not():
    tries = []

    @store.decision
    def broken() -> None:
        tries.append(1)
        raise OperationalError("the server went away")

    with pytest.raises(OperationalError):
        broken()
    assert len(tries) == 1


def test_after_its_tries_a_deadlock_goes_to_the_caller():
    tries = []

    @store.decision
    def hopeless() -> None:
        tries.append(1)
        raise OperationalError from DeadlockDetected()

    with pytest.raises(OperationalError):
        hopeless()
    assert len(tries) == store.TRIES


def test_a_decision_inside_another_joins_it():
    a_house()

    @store.decision
    def both() -> None:
        deposit("d-1", account="NORTH-1")
        deposit("d-2", account="SOUTH-1")
        raise RuntimeError

    before = models.Event.objects.count()
    with pytest.raises(RuntimeError):
        both()

    assert models.Event.objects.count() == before


# --- what a fact brings with it ---------------------------------------------------------------


def test_a_fact_comes_with_its_entries_holdings_rows_and_jobs():
    a_house()

    sequence = deposit(amount="2.5")

    entries = models.Entry.objects.filter(sequence=sequence).order_by("account")
    assert list(entries.values_list("account", "asset", "amount")) == [
        ("SOUTH-1", "cash:USDC", 2_500_000),
        ("ccp-custody", "cash:USDC", -2_500_000),
    ]
    assert selectors.account("SOUTH-1").cash("USDC") == 1_000_002_500_000
    assert selectors.account_row("SOUTH-1").sequence == sequence
    job = models.Job.objects.get(key=str(sequence))
    assert job.kind == EVENT_ROUTES[CollateralDeposited.NAME][0]
    assert job.address == {
        "account": "SOUTH-1",
        "sequence": sequence,
        "correlation_id": CAUSE.correlation_id,
    }


def test_a_holding_that_comes_to_nothing_has_no_row():
    a_house(SOUTH="0")
    deposit(amount="5")

    collateral.request_withdrawal(
        "SOUTH-1", key="w-1", asset="USDC", amount="5", at=START, cause=CAUSE
    )

    assert selectors.holdings("SOUTH-1") == {}
    assert selectors.holdings("ccp-pending") == {"cash:USDC": 5_000_000}


def test_times_are_kept_as_one_instant_however_they_were_spelled():
    fact = AccountOpened(account_id="A", member_id="M", kind="client", title="")
    sequence = append("account-A", fact)

    row = models.Event.objects.get(sequence=sequence)

    assert row.effective_at == START
    assert row.recorded_at.tzinfo == UTC
    assert abs((datetime.now(UTC) - row.recorded_at).total_seconds()) < 60


# --- idempotency ------------------------------------------------------------------------------


def test_the_same_key_with_the_same_content_is_answered_again():
    a_house()

    first = deposit("d-1")

    assert deposit("d-1") == first
    assert models.Event.objects.filter(name=CollateralDeposited.NAME).count() == 3 + 1


@pytest.mark.parametrize("other", [{"amount": "2"}, {"account": "NORTH-1"}])
def test_the_same_key_with_other_content_is_refused(other):
    a_house()
    deposit("d-1")

    with pytest.raises(store.KeyReused):
        deposit("d-1", **other)


def test_two_callers_may_use_the_same_key():
    a_house()
    first = deposit("d-1")

    second = collateral.deposit(
        "SOUTH-1",
        key="d-1",
        asset="USDC",
        amount="1",
        at=after(hours=1),
        cause=Cause(actor="credential:other", correlation_id="r-2"),
    )

    assert second > first


def test_a_key_is_kept_as_the_hash_of_what_came_under_it():
    a_house()
    sequence = deposit("d-1")

    row = models.Command.objects.get(scope=CAUSE.actor, key="d-1")

    assert row.sequence == sequence
    content = '["deposit", "SOUTH-1", "USDC", "1"]'
    assert bytes(row.request_hash) == hashlib.sha256(content.encode()).digest()


def test_a_key_whose_command_was_refused_may_be_used_again():
    a_house()
    with pytest.raises(AccountNotOpen), transaction.atomic():
        deposit("d-1", account="UNKNOWN")

    assert deposit("d-1") > 0


# --- what a column can hold -------------------------------------------------------------------


def test_what_all_members_have_together_may_be_more_than_one_can_hold():
    a_house(NORTH="0", SOUTH="0", RING="0")
    for account in ("NORTH-1", "SOUTH-1"):
        deposit(f"d-{account}", account=account, amount="9000000000000")

    with pytest.raises(AmountOutOfRange):
        deposit("one-more", amount="9000000000000")

    assert selectors.holdings("ccp-custody") == {"cash:USDC": -18 * 10**18}
    assert ("cash:USDC", 18 * 10**18, -18 * 10**18) in selectors.trial_balance()
