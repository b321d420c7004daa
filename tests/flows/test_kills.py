"""The story survives kill -9: worker, broker or PostgreSQL, before commit, after commit and before
publishing, after the effect and before the acknowledgement. Started again, it ends in the same book,
the same calls and the same cases as the run nobody disturbed.

Which fact or job is struck is drawn from a seed that is printed; KILL_SEED repeats it.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from config import embedded
from config.embedded import places
from tests.environment import VAR

ROOT = Path(__file__).resolve().parents[2]
FAULTS = Path(__file__).resolve().parent / "faults"
SEED = int(os.environ.get("KILL_SEED", "20260205"))
EVERY = 2  # every second snapshot: a short story with a call, a payment and a liquidation in it

FACTS = (
    "margin.run-completed.v1",
    "margin.call-issued.v1",
    "liquidation.plan-made.v1",
    "liquidation.step-executed.v1",
)
JOBS = ("margin.decide_calls", "liquidation.walk_case", "margin.price_chunk", "margin.remargin_all")


@dataclass(frozen=True)
class Told:
    book: str
    tries: int
    output: str


def tell(var: Path, *, fault: str = "", mend: bool = False, tries: int = 4) -> Told:
    """Run the demo to its end in a folder of its own, again if it dies; its book's hash."""
    path = os.pathsep.join((str(FAULTS), str(ROOT)))
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("DATABASE_URL", "BROKER_URL", "SURETY_PORT", "SURETY_DATABASE_ROLE")
    } | {
        "SURETY_VAR": str(var),
        "SURETY_JOB_LEASE_SECONDS": "2",
        "SURETY_FAULT": fault,
        "PYTHONPATH": path,
    }
    output = ""
    for attempt in range(1, tries + 1):
        demo = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--once", "--every", str(EVERY)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if mend:
            _mend_after(demo, var, latch=Path(fault.split("|")[3]))
        output = demo.communicate(timeout=240)[0]
        found = re.search(r"^Book ([0-9a-f]{64})$", output, re.MULTILINE)
        if demo.returncode == 0 and found:
            return Told(book=found[1], tries=attempt, output=output)
    raise AssertionError(f"the story did not end in {tries} tries:\n{output[-4000:]}")


def _mend_after(demo: subprocess.Popen[str], var: Path, *, latch: Path) -> None:
    """Once struck, somebody starts the server again, as a supervisor would."""
    while demo.poll() is None and not latch.exists():
        time.sleep(0.05)
    time.sleep(0.5)
    if demo.poll() is None:
        embedded.start(var)


@pytest.fixture(scope="module")
def undisturbed() -> Told:
    return tell(_folder("undisturbed"))


def _folder(name: str) -> Path:
    return VAR / "kills" / name


def test_a_story_that_ended_leaves_nothing_running(undisturbed: Told):
    ours = str(_folder("undisturbed")).encode()

    left = [
        process.name
        for process in Path("/proc").iterdir()
        if process.name.isdecimal() and ours in _said_by(process)
    ]

    assert left == []


def test_told_again_it_is_the_same_story(undisturbed: Told):
    again = tell(_folder("undisturbed"))

    assert (again.book, again.tries) == (undisturbed.book, 1)


def _said_by(process: Path) -> bytes:
    """Its command line and environment; nothing for one that has ended meanwhile."""
    try:
        return (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("point", ["append", "poke", "finish"])
@pytest.mark.parametrize("victim", ["worker", "broker", "postgres"])
def test_a_killed_story_ends_in_the_same_book(victim: str, point: str, undisturbed: Told):
    draw = random.Random(f"{SEED} {victim} {point}")
    what = draw.choice(FACTS if point == "append" else JOBS)
    print(f"KILL_SEED={SEED}: {victim} dies at {point} of {what}")
    var = _folder(f"{victim}-{point}")
    there = places.of(var)
    latch = VAR / "kills" / f"{victim}-{point}.struck"
    pid_file = {
        "worker": "worker",
        "broker": there.run / "valkey.pid",
        "postgres": there.postgres / "postmaster.pid",
    }[victim]

    told = tell(var, fault=f"{pid_file}|{point}|{what}|{latch}", mend=victim != "worker")
    embedded.stop(var)

    assert latch.exists(), "the fault was never reached: the test proved nothing"
    assert told.book == undisturbed.book
