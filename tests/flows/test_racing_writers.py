"""Many writers at once on committed data: nothing lost, nothing doubled, nobody refused."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from functools import partial
from itertools import count

from django.db import connection, transaction
from django.utils import timezone

from clearing import jobs as queue
from clearing import models, selectors
from clearing.services import (
    collateral,
    jobs,
    pricing,
    replays,
    settlement,
    timekeeping,
    trades,
    verification,
)
from clearing.store import KeyReused
from tests.builders import CAUSE, EXPIRY, FUTURE, a_house, a_price_set, a_trade
from tests.histories import a_history
from tests.threads import at_once


def deposit(key: str, *, account: str = "SOUTH-1", amount: str = "1") -> int:
    return collateral.deposit(
        account, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def facts(name: str) -> int:
    return models.Event.objects.filter(name=f"clearing.{name}.v1").count()


def test_eight_writers_on_one_stream_count_without_gap(house):
    a_house()

    def writer(number: int) -> None:
        for each in range(10):
            deposit(f"{number}-{each}")

    for done in at_once([partial(writer, number) for number in range(8)]):
        done.result()

    rows = models.Event.objects.filter(stream="account-SOUTH-1").order_by("sequence")
    assert list(rows.values_list("version", flat=True)) == list(range(1, 2 + 1 + 80))
    assert selectors.account("SOUTH-1").cash("USDC") == 1_000_080_000_000
    assert verification.verify() == []


def test_trades_both_ways_between_two_accounts_never_deadlock(house):
    """Both orders of naming the accounts, so that writers who locked as named would meet."""
    a_house()
    refused_before = deadlocks()

    def writer(number: int) -> None:
        for each in range(20):
            buyer, seller = ("NORTH-1", "SOUTH-1") if each % 2 else ("SOUTH-1", "NORTH-1")
            trades.novate(
                a_trade(trade_id=f"t-{number}-{each}", quantity="0.01", buyer=buyer, seller=seller),
                at=timekeeping.now(),
                cause=CAUSE,
            )

    for done in at_once([partial(writer, number) for number in range(8)]):
        done.result()

    assert facts("trade-novated") == 320
    assert selectors.account("NORTH-1").holdings == {"cash:USDC": 1_000_000_000_000}
    assert deadlocks() == refused_before
    assert verification.verify() == []


def deadlocks() -> int:
    """As the server counts them; retries would hide them from the caller."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        (found,) = cursor.fetchone()
    return found


def test_one_key_from_two_threads_is_one_fact(house):
    a_house()

    for round_number in range(10):
        one, other = at_once([partial(deposit, f"same-{round_number}")] * 2)
        assert one.result() == other.result()

    assert facts("collateral-deposited") == 3 + 10


def test_one_key_from_two_threads_for_two_accounts_is_one_fact(house):
    """They share no stream, so only the key itself can stop the second; one of them is told so."""
    a_house()

    for round_number in range(10):
        key = f"same-{round_number}"
        answers = at_once(
            [partial(deposit, key, account=account) for account in ("NORTH-1", "SOUTH-1")]
        )
        kinds = Counter(type(answer.exception()) for answer in answers)
        assert kinds == {type(None): 1, KeyReused: 1}

    assert facts("collateral-deposited") == 3 + 10
    assert verification.verify() == []


def test_a_key_with_other_content_is_refused_whoever_comes_first(house):
    a_house()

    for round_number in range(10):
        key = f"same-{round_number}"
        answers = at_once([partial(deposit, key, amount=amount) for amount in ("1", "2")])
        kinds = Counter(type(answer.exception()) for answer in answers)
        assert kinds == {type(None): 1, KeyReused: 1}

    assert facts("collateral-deposited") == 3 + 10


def test_a_trade_never_slips_behind_an_expiry(house):
    """Every holder is paid out, whoever becomes one while the instrument expires."""
    a_house()
    sequence = pricing.seal(a_price_set(at=EXPIRY), cause=CAUSE)

    def trade(number: int) -> None:
        trades.novate(
            a_trade(trade_id=f"t-{number}", symbol=FUTURE, quantity="0.01"),
            at=EXPIRY.replace(hour=7),  # reported late, traded in time
            cause=CAUSE,
        )

    settle = partial(settlement.settle_expiries, sequence, cause=CAUSE)
    *_, settled = at_once([*(partial(trade, number) for number in range(6)), settle])

    assert settled.exception() is None
    assert selectors.holders(FUTURE) == []
    assert verification.verify() == []


def test_two_workers_settle_an_expiry_once(house):
    a_house()
    trades.novate(a_trade(symbol=FUTURE), at=timekeeping.now(), cause=CAUSE)
    sequence = pricing.seal(a_price_set("95000", at=EXPIRY), cause=CAUSE)

    for done in at_once([partial(settlement.settle_expiries, sequence, cause=CAUSE)] * 3):
        done.result()

    assert facts("future-settled") == 2
    assert facts("expiries-settled") == 1
    assert selectors.account("NORTH-1").cash("USDC") == 1_005_000_000_000


def test_a_rebuild_while_writers_go_on_loses_nothing(house):
    """The sealed part is replayed first; writers meet the lock for the rest, and then go on."""
    a_history()
    models.Holding.objects.filter(account="SOUTH-1").update(amount=1)
    stop, numbers = threading.Event(), count()

    def writer() -> None:
        while not stop.is_set():
            deposit(f"more-{next(numbers)}")

    def rebuilder() -> None:
        try:
            for _ in range(3):
                replays.rebuild()
                assert verification.verify() == []
        finally:
            stop.set()

    for done in at_once([rebuilder, writer, writer, writer]):
        done.result()

    assert verification.verify() == []
    assert set(replays.rebuild().values()) == {0}


def test_verify_waits_for_nobody_and_sees_no_halves(house):
    """A writer holds its transaction open all the while, with rows written and not committed."""
    a_house()

    def hold() -> None:
        with transaction.atomic():
            deposit("open")
            written.set()
            assert checked.wait(30)

    def check() -> list[object]:
        assert written.wait(30)
        try:
            return list(verification.verify())
        finally:
            checked.set()

    written, checked = threading.Event(), threading.Event()
    held, found = at_once([hold, check])

    assert held.exception() is None
    assert found.result() == []
    assert verification.verify() == []


def test_of_many_workers_one_gets_the_lease(house):
    for number in range(10):
        job_id = queue.leave("test.step", key=str(number), address={})

        leased = at_once([partial(queue.lease, job_id, kind="test.step", worker="w")] * 6)

        assert sum(done.result() is not None for done in leased) == 1


def test_of_many_relays_one_sends(house, monkeypatch):
    a_house()
    sent: list[int] = []
    monkeypatch.setattr(queue, "poke", lambda job_id, _kind: sent.append(job_id))
    models.Job.objects.update(poked_at=timezone.now() - timedelta(minutes=5))
    due = models.Job.objects.filter(state="due").count()
    assert due > 0

    counted = at_once([jobs.relay] * 4)

    assert sum(done.result() for done in counted) == due
    assert len(sent) == len(set(sent)) == due
