"""A bad line to PostgreSQL or to the broker ends in another try or a clear error, never in a lost or
doubled fact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from kombu import pools

from clearing import jobs as queue
from clearing import models, selectors
from clearing.services import collateral, jobs, timekeeping, verification
from config.celery import app
from config.embedded import places
from tests.builders import CAUSE, a_house
from tests.environment import VAR
from tests.faults.network import Line, Proxy, line_to
from tests.seeds import chance

CUT = (OperationalError, InterfaceError)
embedded_only = pytest.mark.skipif(
    "host=/" not in settings.DATABASE_URL, reason="needs the embedded servers' sockets"
)
pytestmark = embedded_only


def deposit(key: str) -> int:
    return collateral.deposit(
        "SOUTH-1", key=key, asset="USDC", amount="1", at=timekeeping.now(), cause=CAUSE
    )


def recorded(key: str) -> int:
    rows = models.Event.objects.filter(name="clearing.collateral-deposited.v1")
    return sum(selectors.as_recorded(row).fact.deposit_id == key for row in rows)


@contextmanager
def bad_line_to_postgres() -> Iterator[Proxy]:
    with line_to(Path(places.of(VAR).postgres_socket)) as line:
        there = {"HOST": "127.0.0.1", "PORT": str(line.port)}
        usual = {name: connection.settings_dict[name] for name in there}
        connection.close()
        connection.settings_dict.update(there)
        try:
            yield line
        finally:
            connection.close()
            connection.settings_dict.update(usual)


def persistently(key: str, *, tries: int = 20) -> int:
    """What a client does: the same question again, until there is an answer."""
    for _ in range(tries):
        try:
            return deposit(key)
        except CUT:
            connection.close()
    raise AssertionError("no answer")


def test_a_connection_cut_after_any_answer_doubles_and_loses_nothing(house):
    """At every point of the conversation: once the cut comes too late, all points have been met. In
    some the fact was committed and the answer lost, else the test never met the case it is about."""
    a_house()
    in_doubt = 0
    for answers in count():
        key = f"k-{answers}"
        with bad_line_to_postgres() as line:
            connection.ensure_connection()
            line.cut_after_answers = answers
            try:
                deposit(key)
                assert line.cut_after_answers is not None, "an answer came over a cut line"
                break
            except CUT:
                connection.close()
                in_doubt += recorded(key)
                persistently(key)
        assert recorded(key) == 1

    assert answers > 3
    assert in_doubt > 0
    assert verification.verify() == []


def test_a_slow_line_is_slow_and_nothing_else(house):
    a_house()
    with bad_line_to_postgres() as line:
        line.state = Line.SLOW
        line.delay = 0.01

        assert deposit("k-1") == deposit("k-1")

    assert recorded("k-1") == 1


def test_a_server_that_nobody_reaches_is_a_clear_error_and_then_comes_back(house):
    a_house()
    with bad_line_to_postgres() as line:
        line.state = Line.DOWN
        line.reset()
        connection.close()
        with pytest.raises(OperationalError):
            deposit("k-1")
        connection.close()

        line.state = Line.GOOD

        assert persistently("k-1") > 0
    assert recorded("k-1") == 1


def test_resets_at_random_moments_cost_tries_alone(house):
    a_house()
    draw = chance("resets")
    with bad_line_to_postgres() as line:
        for number in range(30):
            line.cut_after_answers = draw.randrange(15)
            persistently(f"k-{number}")
        line.cut_after_answers = None

    assert [recorded(f"k-{number}") for number in range(30)] == [1] * 30
    assert verification.verify() == []


@contextmanager
def bad_line_to_broker() -> Iterator[Proxy]:
    with line_to(Path(places.of(VAR).valkey_socket)) as line:
        usual = app.conf.broker_url
        app.conf.broker_url = f"redis://127.0.0.1:{line.port}/0"
        forget_connections()
        try:
            yield line
        finally:
            app.conf.broker_url = usual
            forget_connections()


def forget_connections() -> None:
    """Kombu keeps one pool per address for the whole process: a closed one left in it would be
    handed to whoever asks next, so they are forgotten together."""
    pools.reset()
    app._pool = None
    app.amqp._producer_pool = None


@pytest.mark.parametrize("state", [Line.DOWN, Line.DEAF])
def test_a_broker_that_is_away_or_silent_delays_work_and_loses_none(house, state: Line):
    """The fact is committed; waking a worker is a hurry-up, and the relay does it later."""
    a_house()
    with bad_line_to_broker() as line:
        line.state = state
        line.reset()

        sequence = deposit("k-1")

        job = models.Job.objects.get(kind="margin.remargin_account", key=str(sequence))
        assert job.state == "due"
        line.state = Line.GOOD
        line.reset()
        models.Job.objects.filter(id=job.id).update(poked_at=None)
        sent: list[int] = []
        with pytest.MonkeyPatch.context() as patch:
            original = queue.poke
            patch.setattr(
                queue, "poke", lambda job_id, kind: sent.append(job_id) or original(job_id, kind)
            )
            jobs.relay()
    assert job.id in sent
