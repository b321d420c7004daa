"""Thousands of small worlds in which broker, workers and time do their worst: every job takes effect
once, whoever ran it how often, and none is forgotten."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from django.db import connection

from clearing import jobs, models, selectors
from clearing.services import collateral, timekeeping
from tests.builders import CAUSE, a_house
from tests.faults.simulator import KIND, Fate, Faults, World, in_force
from tests.seeds import SEED, chance

pytestmark = pytest.mark.django_db


def deposit(key: str) -> None:
    """What a job of the simulator does: one fact under the job's key."""
    collateral.deposit(
        "SOUTH-1", key=key, asset="USDC", amount="1", at=timekeeping.now(), cause=CAUSE
    )


def a_world(draw: random.Random, *, jobs_left: int = 6, faults: Faults | None = None) -> World:
    world = World(chance=draw, faults=faults or Faults.drawn(draw), work=deposit)
    with in_force(world):
        for number in range(jobs_left):
            world.leave(f"job-{number}")
        world.settle()
    return world


def effects() -> Counter[str]:
    rows = models.Event.objects.filter(name="clearing.collateral-deposited.v1")
    keys = (selectors.as_recorded(row).fact.deposit_id for row in rows)
    return Counter(key for key in keys if key.startswith("job-"))


def live(seed: object) -> World:
    """One world from its seed, checked against what must hold in every world."""
    draw = random.Random(f"{SEED} world {seed}")
    world = a_world(draw)
    done = effects()
    dead = world.dead()

    assert all(count == 1 for count in done.values()), f"world {seed}: done twice: {done}"
    assert set(done) == set(world.runs), f"world {seed}: {world.runs}"
    assert all(count == 1 for count in world.finished.values()), f"world {seed}"
    assert world.stolen == 0, f"world {seed}: a job was finished by somebody else than its owner"
    assert len(world.finished) + dead == 6, f"world {seed}: {world.finished}, {dead} dead"
    return world


@pytest.mark.parametrize("number", range(25))
def test_every_job_takes_effect_once_in_every_world(number: int):
    chance("world", number)
    a_house()

    live(number)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1_000))
def test_and_in_a_thousand_more(number: int):
    chance("world", number)
    a_house()

    live(number)


def test_the_same_seed_is_the_same_world():
    a_house()
    first = a_world(random.Random("the same"))
    seen = (first.runs, first.met, first.elapsed)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM clearing_job WHERE kind = %s", [KIND])

    again = a_world(random.Random("the same"))

    assert (again.runs, again.met, again.elapsed) == seen


@pytest.mark.parametrize("fate", [it for it in Fate if it is not Fate.LIVES])
def test_each_fate_is_met_and_survived(fate: Fate):
    """Half of all workers meet it; a job whose workers always do is declared dead, never lost."""
    a_house()
    weights = tuple(1.0 if it in (fate, Fate.LIVES) else 0.0 for it in Fate)
    faults = Faults(lost=0.2, doubled=0.2, fates=weights)

    world = a_world(chance("fate", fate), jobs_left=20, faults=faults)

    assert world.met[fate] > 0, "it was never met: the test proved nothing"
    assert len(world.finished) + world.dead() == 20
    assert set(effects().values()) <= {1}


def test_a_broker_that_loses_everything_costs_time_alone():
    """Only the relay is left, and it asks the same broker: so nothing is done, and nothing is gone."""
    a_house()
    world = World(
        chance=chance("lossy"),
        faults=Faults(lost=1, doubled=0, fates=(1, 0, 0, 0, 0, 0)),
        work=deposit,
    )
    with in_force(world):
        world.leave("job-0")
        for _ in range(50):
            world.step()
        assert effects() == {}

        world.faults = Faults(lost=0, doubled=0, fates=world.faults.fates)
        world.settle()

    assert effects() == {"job-0": 1}


def test_a_job_that_kills_its_process_every_time_is_dead_after_its_attempts_and_holds_nobody_up():
    a_house()
    only_death = Faults(lost=0, doubled=0, fates=(0, 1, 0, 0, 0, 0))
    world = World(chance=chance("poison"), faults=only_death, work=deposit)
    with in_force(world):
        world.leave("job-poison")
        world.settle()
        assert (world.dead(), world.met[Fate.DIES_LEASED]) == (1, jobs.ATTEMPTS)

        world.faults = Faults(lost=0, doubled=0, fates=(1, 0, 0, 0, 0, 0))
        world.leave("job-1")
        world.settle()

    assert effects() == {"job-1": 1}


def test_the_simulator_notices_a_queue_without_fencing(monkeypatch):
    """Were any owner allowed to finish, a late one would finish a job that somebody else has."""
    a_house()
    monkeypatch.setattr(jobs, "_FINISH", jobs._FINISH.replace("AND token = %s", "AND %s > 0"))
    sleepy = Faults(lost=0, doubled=0, fates=(1, 0, 0, 0, 6, 0))

    def stolen(seed: int) -> int:
        world = World(chance=random.Random(seed), faults=sleepy, work=deposit)
        with in_force(world):
            for number in range(3):
                world.leave(f"job-{seed}-{number}")
            world.settle()
        return world.stolen

    assert any(stolen(seed) for seed in range(20))
