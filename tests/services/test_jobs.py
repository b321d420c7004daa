"""The queue of record: one owner at a time, and nothing forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from clearing import jobs as queue
from clearing import models
from clearing.services import jobs, pricing
from tests.builders import CAUSE, a_house, a_price_set

pytestmark = pytest.mark.django_db

KIND = "test.step"


def a_job(key: str = "k-1", **address) -> int:
    return queue.leave(KIND, key=key, address=address)


def lease(job_id: int, *, worker: str) -> queue.Leased | None:
    return queue.lease(job_id, kind=KIND, worker=worker)


def run(job_id: int, step) -> bool:
    """As a worker does, whose task is named like the job."""
    return jobs.run(job_id, step, kind=KIND)


def row(job_id: int) -> models.Job:
    return models.Job.objects.get(id=job_id)


def let_time_pass(job_id: int, **delta: float) -> None:
    """Every time of the job lies that much further back."""
    by = timedelta(**delta)
    job = row(job_id)
    models.Job.objects.filter(id=job_id).update(
        not_before=job.not_before - by,
        poked_at=job.poked_at - by if job.poked_at else None,
        lease_until=job.lease_until - by if job.lease_until else None,
    )


@pytest.fixture
def poked(monkeypatch) -> list[int]:
    """What the broker is told."""
    found: list[int] = []
    monkeypatch.setattr(queue, "poke", lambda job_id, _kind: found.append(job_id))
    return found


# --- leaving ----------------------------------------------------------------------------------


def test_a_job_left_twice_is_one_job():
    first = a_job("k-1")

    assert a_job("k-1") is None
    assert a_job("k-2") != first
    assert queue.leave("test.other", key="k-1", address={}) is not None


def test_a_worker_is_woken_after_the_commit(django_capture_on_commit_callbacks, poked):
    with django_capture_on_commit_callbacks(execute=True):
        job_id = a_job()
        assert poked == []

    assert poked == [job_id]


def test_a_broker_that_is_down_costs_nothing_but_time(
    django_capture_on_commit_callbacks, monkeypatch
):
    def down(*_args, **_named):
        raise ConnectionError("no broker")

    monkeypatch.setattr(queue.current_app, "send_task", down)

    with django_capture_on_commit_callbacks(execute=True):
        job_id = a_job()

    assert row(job_id).state == "due"


# --- leasing ----------------------------------------------------------------------------------


def test_one_worker_at_a_time():
    job_id = a_job(account="NORTH-1")

    mine = lease(job_id, worker="a")

    assert mine is not None
    assert (mine.kind, mine.key, mine.address) == ("test.step", "k-1", {"account": "NORTH-1"})
    assert lease(job_id, worker="b") is None


def test_a_task_does_no_job_of_another_kind():
    """The broker carries a number and a name; the row says what the job is."""
    job_id = a_job()

    assert queue.lease(job_id, kind="test.other", worker="a") is None

    assert lease(job_id, worker="a") is not None


def test_an_owner_whose_lease_ran_out_cannot_finish_what_another_took_over():
    job_id = a_job()
    late = lease(job_id, worker="a")
    let_time_pass(job_id, minutes=5)
    current = lease(job_id, worker="b")
    assert current.token > late.token

    assert not queue.finish(late)
    queue.put_back(late, error="too late", delay=timedelta(0), counts=True)

    assert row(job_id).state == "leased"
    assert queue.finish(current)
    assert row(job_id).state == "done"
    assert row(job_id).attempts == 2


def test_a_finished_job_is_not_done_again():
    job_id = a_job()
    assert run(job_id, lambda _address, _cause: None)

    assert not run(job_id, lambda _address, _cause: pytest.fail("it was done"))
    assert row(job_id).state == "done"


def test_a_job_that_is_not_due_yet_is_left_alone():
    job_id = a_job()
    models.Job.objects.update(not_before=timezone.now() + timedelta(minutes=1))

    assert lease(job_id, worker="a") is None


def test_a_job_nobody_left_is_nothing_to_do():
    assert not run(10**9, lambda _address, _cause: pytest.fail("there is no such job"))


# --- failing ----------------------------------------------------------------------------------


def fails(_address, _cause):
    raise ValueError("no good")


def test_a_job_that_fails_is_put_back_with_a_growing_delay_and_is_dead_in_the_end():
    job_id, delays = a_job(), []
    for _ in range(queue.ATTEMPTS):
        assert row(job_id).state == "due"
        assert not run(job_id, fails)
        delays.append(row(job_id).not_before - timezone.now())
        let_time_pass(job_id, hours=1)

    assert [round(delay.total_seconds()) for delay in delays] == [1, 2, 4, 8, 16]
    assert row(job_id).state == "dead"
    assert row(job_id).error == "ValueError: no good"
    assert not run(job_id, lambda _address, _cause: pytest.fail("dead is dead"))


def test_a_job_that_takes_its_process_down_is_dead_in_the_end():
    """Nobody puts it back; each lease just runs out."""
    job_id = a_job()
    for _ in range(queue.ATTEMPTS):
        assert lease(job_id, worker="doomed") is not None
        let_time_pass(job_id, minutes=5)

    assert lease(job_id, worker="careful") is None

    assert row(job_id).state == "dead"
    assert lease(job_id, worker="careful") is None


def test_a_dead_job_is_revived_by_hand():
    job_id = a_job()
    for _ in range(queue.ATTEMPTS):
        run(job_id, fails)
        let_time_pass(job_id, hours=1)

    assert jobs.revive(job_id)

    assert run(job_id, lambda _address, _cause: None)
    assert not jobs.revive(job_id), "only the dead are revived"


def test_waiting_politely_costs_no_attempt():
    job_id = a_job()

    def waits(_address, _cause):
        raise jobs.NotYet("something before it is under way")

    for _ in range(3 * queue.ATTEMPTS):
        assert not run(job_id, waits)
        let_time_pass(job_id, seconds=1)

    assert (row(job_id).state, row(job_id).attempts) == ("due", 0)
    assert run(job_id, lambda _address, _cause: None)


def test_a_step_is_told_what_it_follows_from():
    a_house()
    sequence = pricing.seal(a_price_set(), cause=CAUSE)
    job = models.Job.objects.get(kind="clearing.settle_expiries", key=str(sequence))
    told = []

    jobs.run(job.id, lambda address, cause: told.append((address, cause)), kind=job.kind)

    ((address, cause),) = told
    assert address["sequence"] == sequence
    assert (cause.actor, cause.correlation_id, cause.sequence) == (
        "system:clearing.settle_expiries",
        CAUSE.correlation_id,
        sequence,
    )


# --- the relay --------------------------------------------------------------------------------


def test_the_relay_sends_what_was_never_heard_of(poked):
    """The process died between commit and poke, or the broker lost it."""
    job_id = a_job()
    assert jobs.relay() == 0, "it was left just now; its own poke may be on the way"

    let_time_pass(job_id, seconds=4)

    assert jobs.relay() == 1
    assert poked == [job_id]
    assert jobs.relay() == 0, "not twice in a breath"
    let_time_pass(job_id, seconds=4)
    assert jobs.relay() == 1, "but again, until somebody takes it"


def test_the_relay_sends_again_what_a_lost_worker_held(poked):
    job_id = a_job()
    lease(job_id, worker="lost")
    let_time_pass(job_id, seconds=2)
    assert jobs.relay() == 0

    let_time_pass(job_id, minutes=5)

    assert jobs.relay() == 1


def test_the_relay_leaves_alone_what_is_done_dead_or_not_due(poked):
    done, dead, later = a_job("1"), a_job("2"), a_job("3")
    run(done, lambda _address, _cause: None)
    models.Job.objects.filter(id=dead).update(state="dead")
    for job_id in (done, dead, later):
        let_time_pass(job_id, minutes=5)
    models.Job.objects.filter(id=later).update(not_before=timezone.now() + timedelta(minutes=1))

    assert jobs.relay() == 0


def test_the_relay_takes_the_oldest_first(poked):
    found = [a_job(str(number)) for number in range(5)]
    for place, job_id in enumerate(found):
        let_time_pass(job_id, minutes=5 + place)

    assert [queue.relay(limit=2), queue.relay(limit=2), queue.relay(limit=2)] == [2, 2, 1]
    assert [set(poked[:2]), set(poked[2:4]), set(poked[4:])] == [
        set(found[:2:-1]),
        set(found[2:0:-1]),
        {found[0]},
    ]


def test_a_job_put_back_is_sent_as_soon_as_it_is_due(poked):
    job_id = a_job()
    run(job_id, fails)
    assert jobs.relay() == 0

    let_time_pass(job_id, seconds=2)

    assert jobs.relay() == 1
