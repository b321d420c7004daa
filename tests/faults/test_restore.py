"""The drill of a restore to a point in time: a base backup and the archived log, stopped at a named
moment; everything verifies there, and whoever repeats what came after it ends in the same book."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from config import embedded
from config.embedded import binaries, identity, places, process
from config.embedded.places import make_private
from tests.environment import VAR
from tests.faults.test_random_kills import A_HOUSE, ROOT, run

BEFORE, AFTER = range(10), range(10, 20)
ASK = """
import django, sys; django.setup()
from clearing.services import collateral, sealing, timekeeping
from tests.builders import CAUSE
for key in range(int(sys.argv[1]), int(sys.argv[2])):
    collateral.deposit(
        "SOUTH-1", key=f"k-{key}", asset="USDC", amount=str(key + 1), at=timekeeping.now(),
        cause=CAUSE,
    )
sealing.seal(); sealing.seal()
"""
SAY = """
import django, json; django.setup()
from clearing import models, selectors
from clearing.services import verification
print(json.dumps({
    "found": [str(it) for it in verification.verify()],
    "deposits": models.Event.objects.filter(name="clearing.collateral-deposited.v1").count(),
    "book": selectors.holdings("SOUTH-1"),
    "sealed": selectors.sealed_up_to(),
}))
"""


def environment(var: Path) -> Mapping[str, str]:
    there = embedded.endpoints(var)
    return dict(os.environ) | {
        "SURETY_VAR": str(var),
        "DATABASE_URL": there.database_url,
        "BROKER_URL": there.broker_url,
        "PYTHONPATH": str(ROOT),
    }


def said(var: Path) -> dict[str, object]:
    return json.loads(run(environment(var), "-c", SAY))


def ask(var: Path, keys: range) -> None:
    run(environment(var), "-c", ASK, str(keys.start), str(keys.stop))


def tool(var: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """One of the server's own programs, as the user that runs the server."""
    who, there = identity.choose(), places.of(var)
    program = binaries.postgres_for(who, there).folder / name
    if not program.exists():
        pytest.skip(f"{name} is not among this PostgreSQL's programs")
    done = process.run([program, *words], who=who, cwd=there.home)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def two_places() -> Iterator[tuple[Path, Path]]:
    """Where the house is, and where it is restored to; the archive lies beside the first."""
    house, other = VAR / "drill", VAR / "drill-restored"
    yield house, other
    for var in (house, other):
        embedded.stop(var)
        shutil.rmtree(places.of(var).home, ignore_errors=True)


def test_a_restore_to_a_point_verifies_and_the_rest_is_asked_again(two_places):
    house, other = two_places
    who = identity.choose()
    embedded.start(house)
    archive = places.of(house).home / "archive"
    make_private(archive, who)
    embedded.stop(house)
    settings = {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f"}
    embedded.start(house, settings=settings)
    run(environment(house), "manage.py", "migrate", "--verbosity", "0")
    run(environment(house), "-c", "import django; django.setup(); " + A_HOUSE)
    backup = places.of(house).home / "backup"
    socket = str(places.of(house).sockets)
    tool(house, "pg_basebackup", "-h", socket, "-U", "surety", "-D", str(backup), "-c", "fast")
    ask(house, BEFORE)
    at_noon = said(house)
    administer(house, "SELECT pg_create_restore_point('noon')")
    ask(house, AFTER)
    at_the_end = said(house)
    ((last,),) = administer(house, "SELECT pg_walfile_name(pg_switch_wal())")
    until((archive / str(last)).exists)
    embedded.stop(house)

    places.prepare(places.of(other), who)
    shutil.copytree(backup, places.of(other).postgres)
    (places.of(other).postgres / "recovery.signal").touch()
    places.hand_over(places.of(other).postgres, who)
    embedded.start(
        other,
        settings={
            "restore_command": f"cp {archive}/%f %p",
            "recovery_target_name": "noon",
            "recovery_target_action": "promote",
        },
    )
    wait_for_promotion(other)

    assert said(other) == at_noon
    there = str(places.of(other).sockets)
    tool(other, "pg_amcheck", "-h", there, "-U", "surety", "--install-missing", "surety")
    ask(other, range(BEFORE.start, AFTER.stop))
    again = said(other)
    assert again["found"] == []
    assert (again["deposits"], again["book"]) == (at_the_end["deposits"], at_the_end["book"])


def administer(var: Path, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(embedded.endpoints(var).database_url, autocommit=True) as there:
        return [there.execute(statement).fetchone() or () for statement in statements]


def wait_for_promotion(var: Path) -> None:
    until(lambda: administer(var, "SELECT pg_is_in_recovery()") == [(False,)])


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)
