"""A full disk is refused cleanly: an error the caller can act on, nothing half done, and once there is
room again the same request goes through."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.db import OperationalError

from config import embedded
from config.embedded import places
from tests.environment import VAR
from tests.faults.test_random_kills import A_HOUSE, ROOT, run

SIZE = "400m"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own for a server's files; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    var = VAR / "small-disk"
    home = places.of(var).home
    home.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield var
    finally:
        embedded.stop(var)
        subprocess.run(["umount", "-l", str(home)], check=True)


FILL = """
import django; django.setup()
from django.db import DatabaseError, connection
from clearing.services import collateral, timekeeping
from tests.builders import CAUSE
at, key = timekeeping.now(), 0
def ask(key):
    return collateral.deposit("SOUTH-1", key=f"k-{key}", asset="USDC", amount="1", at=at, cause=CAUSE)
try:
    while key < 20_000:
        ask(key)
        key += 1
    print("never full")
except DatabaseError as error:
    print(key, getattr(error.__cause__, "sqlstate", ""), type(error).__name__)
"""
AGAIN = """
import django, sys; django.setup()
from clearing import models
from clearing.services import collateral, sealing, timekeeping, verification
from tests.builders import CAUSE
before = models.Event.objects.count()
at = timekeeping.now()
collateral.deposit("SOUTH-1", key="k-{key}", asset="USDC", amount="1", at=at, cause=CAUSE)
sealing.seal(); sealing.seal()
print(models.Event.objects.count() - before, [str(it) for it in verification.verify()])
"""


def environment(var: Path) -> Mapping[str, str]:
    there = embedded.endpoints(var)
    return dict(os.environ) | {
        "SURETY_VAR": str(var),
        "DATABASE_URL": there.database_url,
        "BROKER_URL": there.broker_url,
        "PYTHONPATH": str(ROOT),
    }


def test_a_full_disk_refuses_the_request_whole_and_room_lets_it_through(small_disk: Path):
    embedded.start(
        small_disk, durable=True, settings={"wal_recycle": "off", "max_wal_size": "64MB"}
    )
    there = environment(small_disk)
    run(there, "manage.py", "migrate", "--verbosity", "0")
    run(there, "-c", "import django; django.setup(); " + A_HOUSE)
    ballast = places.of(small_disk).home / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError as full:
            print(full)

    key, sqlstate, kind = run(there, "-c", FILL).split()

    print(f"after {key} deposits: {sqlstate} {kind}")
    assert kind == OperationalError.__name__  # the API answers it with 503 and a time to try again
    ballast.unlink()
    embedded.start(
        small_disk
    )  # had the log itself no room, the server has ended; as supervisors do
    added, found = run(there, "-c", AGAIN.replace("{key}", key)).split(maxsplit=1)
    assert (added, found.strip()) == ("1", "[]")
