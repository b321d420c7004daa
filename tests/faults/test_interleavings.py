"""Appending, sealing, leasing and reading in every order that two or three sessions can take."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, permutations
from typing import Any

import pytest
from django.db import connection, transaction

from clearing import jobs as queue
from clearing import models, selectors, store
from clearing.services import collateral, sealing, timekeeping, trades, verification
from clearing.store import KeyReused
from tests.builders import CAUSE, a_house, a_third_member, a_trade
from tests.faults import interleavings
from tests.faults.interleavings import Outcome, explore, sample
from tests.seeds import chance

# Every way a service claims and appends: one of each is met by whoever decides.
CLAIMING = ((store, "claim"), (store, "claim_all"), (store, "claim_known"))
APPENDING = (*CLAIMING, (store, "append"), (store, "append_all"))
_numbers = count(1)


def deposit(key: str, *, account: str = "SOUTH-1", amount: str = "1") -> int:
    return collateral.deposit(
        account, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def trade(trade_id: str, *, buyer: str, seller: str) -> int:
    report = a_trade(trade_id=trade_id, quantity="0.01", buyer=buyer, seller=seller)
    return trades.novate(report, at=timekeeping.now(), cause=CAUSE)


def errors(outcome: Outcome) -> list[str]:
    return [type(error).__name__ for error in outcome.errors if error is not None]


def versions(stream: str) -> list[int]:
    rows = models.Event.objects.filter(stream=stream).order_by("sequence")
    return list(rows.values_list("version", flat=True))


def these(scenario: Any, *, stops: Any, orders: int | None) -> Iterator[Outcome]:
    """All orders, or some of them by chance."""
    if orders is None:
        return explore(scenario, stops=stops)
    return sample(scenario, stops=stops, orders=orders, chance=chance("interleavings"))


# --- the harness itself -----------------------------------------------------------------------


def test_every_order_of_steps_is_tried_once(house):
    """Two sessions of two steps each, a start and one stop, that never wait for each other."""
    here = threading.local()

    def scenario() -> list[Callable[[], Any]]:
        return [lambda: _step(here), lambda: _step(here)]

    tried = [it.order for it in explore(scenario, stops=[(Steps, "step")])]

    assert sorted(tried) == sorted(set(permutations((0, 0, 1, 1))))


class Steps:
    @staticmethod
    def step() -> None:
        """Something that can be stopped before."""


def _step(_here: threading.local) -> None:
    Steps.step()


def test_a_lost_update_is_found(house):
    """A counter that is read and then written without a lock: some order loses one of the two."""
    jobs = a_job()

    def increment() -> None:
        before = jobs.get().attempts
        Steps.step()
        jobs.update(attempts=before + 1)

    def scenario() -> list[Callable[[], Any]]:
        jobs.update(attempts=10)
        return [increment, increment]

    found = {jobs.get().attempts for _ in explore(scenario, stops=[(Steps, "step")])}

    assert found == {11, 12}


def a_job() -> Any:
    """A row that the application may change and lock, and nothing else looks at."""
    job_id = queue.leave("test.step", key=str(next(_numbers)), address={})
    return models.Job.objects.filter(id=job_id)


def test_a_session_that_waits_for_a_lock_is_passed_over(house):
    jobs = a_job()
    seen: list[tuple[int, ...]] = []

    def locked() -> None:
        with transaction.atomic():
            assert jobs.select_for_update().get()
            Steps.step()

    for outcome in explore(lambda: [locked, locked], stops=[(Steps, "step")]):
        assert errors(outcome) == []
        seen.append(outcome.order)

    # once one has the lock, only its end lets the other reach its stop
    assert set(seen) == {(0, 0, 1, 1), (0, 1, 0, 1), (1, 1, 0, 0), (1, 0, 1, 0)}


def test_sessions_that_lock_in_opposite_orders_deadlock_in_some_order(house):
    """Else the orders in which nobody deadlocks would prove nothing."""
    one, other = a_job(), a_job()
    before = deadlocks()

    def locked(first: Any, second: Any) -> None:
        with transaction.atomic():
            assert first.select_for_update().get()
            Steps.step()
            assert second.select_for_update().get()

    def scenario() -> list[Callable[[], Any]]:
        return [partial(locked, one, other), partial(locked, other, one)]

    ended = [errors(it) for it in explore(scenario, stops=[(Steps, "step")])]

    assert [] in ended
    assert ["OperationalError"] in ended
    assert deadlocks() == before + ended.count(["OperationalError"])


# --- append and append ------------------------------------------------------------------------


def test_two_appends_to_one_stream_count_on_in_every_order(house):
    a_house()
    before = len(versions("account-SOUTH-1"))
    done = 0

    def scenario() -> list[Callable[[], Any]]:
        return [partial(deposit, f"k-{next(_numbers)}") for _ in range(2)]

    for outcome in explore(scenario, stops=APPENDING):
        assert errors(outcome) == []
        assert len(set(outcome.answers)) == 2
        done += 2

    assert done > 2
    assert versions("account-SOUTH-1") == list(range(1, before + done + 1))
    assert verification.verify() == []


def test_one_key_is_one_fact_in_every_order(house):
    a_house()

    def scenario() -> list[Callable[[], Any]]:
        key = f"k-{next(_numbers)}"
        return [partial(deposit, key), partial(deposit, key)]

    for outcome in explore(scenario, stops=APPENDING):
        assert errors(outcome) == []
        one, other = outcome.answers
        assert one == other


def test_one_key_for_two_accounts_is_one_fact_in_every_order(house):
    """No stream is shared, so only the key stands between them."""
    a_house()

    def scenario() -> list[Callable[[], Any]]:
        key = f"k-{next(_numbers)}"
        return [partial(deposit, key, account=account) for account in ("NORTH-1", "SOUTH-1")]

    for outcome in explore(scenario, stops=APPENDING):
        assert errors(outcome) == [KeyReused.__name__]


@pytest.mark.parametrize("orders", [25, pytest.param(None, marks=pytest.mark.soak)])
def test_trades_around_a_circle_of_three_never_deadlock(house, orders: int | None):
    """Each holds one account and wants the next: the order of claiming is what saves them.

    Both accounts of a trade are claimed in one call; a depositor who stops with the middle account
    in hand is what stops the others in the midst of that call, with their first account locked.
    """
    a_house()
    a_third_member()
    before = deadlocks()
    around = (("EAST-1", "NORTH-1"), ("NORTH-1", "SOUTH-1"), ("SOUTH-1", "EAST-1"))
    tried = waited = 0

    def scenario() -> list[Callable[[], Any]]:
        traders = [
            partial(trade, f"t-{next(_numbers)}", buyer=buyer, seller=seller)
            for buyer, seller in around
        ]
        return [*traders, partial(deposit, f"k-{next(_numbers)}", account="NORTH-1")]

    stops = ((store, "claim_known"), (store, "append"), (store, "append_all"))
    for outcome in these(scenario, stops=stops, orders=orders):
        assert errors(outcome) == []
        tried += 1
        waited += outcome.met_a_lock

    assert tried > 6
    assert waited > 0, "nobody ever waited: no order was tried in which they meet"
    assert deadlocks() == before
    assert selectors.account("EAST-1").lots("BTC-PERP") == 0
    assert verification.verify() == []


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        (found,) = cursor.fetchone()
    return int(found)


# --- append and seal, append and read ----------------------------------------------------------


@pytest.mark.parametrize("orders", [40, pytest.param(None, marks=pytest.mark.soak)])
def test_a_seal_between_any_two_steps_of_two_writers_skips_nobody(house, orders: int | None):
    """Two writers to two streams, and a reader that follows the sealed order after every step."""
    a_house()
    seen: list[int] = []

    def follow() -> None:
        for _ in range(3):
            Steps.step()
            sealing.seal()
            after = seen[-1] if seen else 0
            seen.extend(it.sequence for it in selectors.facts_after(after, streams=None, limit=999))

    def scenario() -> list[Callable[[], Any]]:
        writers = [
            partial(deposit, f"k-{next(_numbers)}", account=it) for it in ("NORTH-1", "SOUTH-1")
        ]
        return [*writers, follow]

    stops = ((store, "append"), (store, "append_all"), (Steps, "step"))
    for outcome in these(scenario, stops=stops, orders=orders):
        assert errors(outcome) == []
    for _ in range(3):
        sealing.seal()
        seen.extend(it.sequence for it in selectors.facts_after(seen[-1], streams=None, limit=999))

    assert seen == list(
        models.Event.objects.order_by("sequence").values_list("sequence", flat=True)
    )
    assert verification.verify() == []


def test_a_book_read_between_any_two_steps_is_one_moment(house):
    """A trade moves lots, cost and version at once: nobody sees one without the others."""
    a_house()
    books: list[tuple[int, int]] = []

    def read() -> None:
        for _ in range(2):
            Steps.step()
            book = selectors.account_book("NORTH-1")
            books.append((book.sequence, book.held.get("lots:BTC-PERP", 0)))

    def scenario() -> list[Callable[[], Any]]:
        key = f"t-{next(_numbers)}"
        return [partial(trade, key, buyer="NORTH-1", seller="SOUTH-1"), read]

    for outcome in explore(scenario, stops=(*APPENDING, (Steps, "step"))):
        assert errors(outcome) == []

    for sequence, lots in books:
        then = selectors.account_book("NORTH-1", sequence=sequence)
        assert then.held.get("lots:BTC-PERP", 0) == lots


# --- lease and lease ---------------------------------------------------------------------------


def test_a_job_is_leased_once_and_finished_by_its_owner_in_every_order(house):
    a_house()

    def work(job_id: int, worker: str) -> bool | None:
        Steps.step()
        job = queue.lease(job_id, kind="test.step", worker=worker)
        Steps.step()
        return None if job is None else queue.finish(job)

    def scenario() -> list[Callable[[], Any]]:
        job_id = queue.leave("test.step", key=str(next(_numbers)), address={})
        assert job_id is not None
        return [partial(work, job_id, "one"), partial(work, job_id, "other")]

    for outcome in explore(scenario, stops=[(Steps, "step")]):
        assert errors(outcome) == []
        assert sorted(outcome.answers, key=str) == [None, True]


def test_an_owner_whose_lease_ran_out_finishes_nothing_in_any_order(house):
    """The second takes over at once, as after a lease that ran out; whoever took it last owns it."""
    a_house()

    def work(job_id: int, worker: str, taken: list[str]) -> bool | None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE clearing_job SET lease_until = now() - interval '1 hour'"
                " WHERE id = %s AND state = 'leased'",
                [job_id],
            )
        job = queue.lease(job_id, kind="test.step", worker=worker)
        if job is not None:
            taken.append(worker)
        Steps.step()
        return None if job is None else queue.finish(job)

    rounds: list[list[str]] = []

    def scenario() -> list[Callable[[], Any]]:
        job_id = queue.leave("test.step", key=str(next(_numbers)), address={})
        assert job_id is not None
        rounds.append([])
        return [partial(work, job_id, worker, rounds[-1]) for worker in ("0", "1")]

    both = 0
    for outcome in explore(scenario, stops=[(Steps, "step")]):
        assert errors(outcome) == []
        taken = rounds[-1]
        assert outcome.answers.count(True) == 1
        if len(taken) == 2:
            both += 1
            assert outcome.answers[int(taken[0])] is False, "its token is old"

    assert both > 0, "no order let the second take over: the test proved nothing"


@pytest.mark.parametrize(
    ("work", "met"),
    [
        (lambda: deposit(f"k-{next(_numbers)}"), ("claim", "append")),
        (
            lambda: trade(f"t-{next(_numbers)}", buyer="NORTH-1", seller="SOUTH-1"),
            ("claim_known", "append_all"),
        ),
    ],
    ids=["deposit", "trade"],
)
def test_the_stops_are_where_the_store_is_called(house, work: Callable[[], Any], met: Any):
    """Were a service to write around the store, the orders above would be fewer than they say."""
    a_house()

    (only,) = explore(lambda: [work], stops=APPENDING)

    assert only.trails == (("start", *met),)
    assert interleavings.PATIENCE > 0
