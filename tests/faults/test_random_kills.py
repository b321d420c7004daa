"""kill -9 of a writer, a worker or PostgreSQL at any moment: what was answered is there, and nothing
is there twice.

The house runs on servers of its own with fsync on. Writers note their answers outside it; whoever
was killed is started again, and asks again what it has no answer to. SURETY_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from config import embedded
from config.embedded import places, postgres
from tests.environment import VAR
from tests.faults.writer import read
from tests.seeds import chance

ROOT = Path(__file__).resolve().parents[2]
WRITERS = 2
SAMPLED, WHOLE = 4, 200
Running = dict[str, "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def durable() -> Iterator[Mapping[str, str]]:
    """Servers that a crash must not hurt, with a house in them; the environment of its processes."""
    var = VAR / "random-kills"
    with embedded.servers(var, durable=True):
        there = embedded.endpoints(var)
        environment = {
            name: value for name, value in os.environ.items() if name != "SURETY_DATABASE_ROLE"
        } | {
            "SURETY_VAR": str(var),
            "DATABASE_URL": there.database_url,
            "BROKER_URL": there.broker_url,
            "PYTHONPATH": str(ROOT),
        }
        run(environment, "manage.py", "migrate", "--verbosity", "0")
        run(environment, "-c", "import django; django.setup(); " + A_HOUSE)
        yield environment
    embedded.stop(var)  # whoever started one again asked for it to stay


A_HOUSE = "from tests.builders import a_house; a_house()"
OPEN_JOBS = (
    "import django; django.setup(); from clearing import selectors; print(selectors.open_jobs())"
)
COUNT = """
import django, json, sys; django.setup()
from clearing import models, selectors
from clearing.services import sealing, verification
sealing.seal(); sealing.seal()
keys = []
for row in models.Event.objects.filter(name__in=[
    "clearing.collateral-deposited.v1", "clearing.trade-novated.v1"
]):
    fact = selectors.as_recorded(row).fact
    keys.append([getattr(fact, "deposit_id", None) or fact.trade_id, row.sequence])
print(json.dumps({"keys": keys, "found": [str(it) for it in verification.verify()],
                  "open": selectors.open_jobs(), "dead": selectors.dead_jobs().count()}))
"""


def run(environment: Mapping[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def a_writer(environment: Mapping[str, str], notes: Path, number: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.faults.writer", str(notes), str(number)]
    return subprocess.Popen(words, cwd=ROOT, env=environment, start_new_session=True)


def a_worker(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", "1"]
    return subprocess.Popen(
        [
            *words,
            "--beat",
            "--loglevel",
            "ERROR",
            "--schedule",
            environment["SURETY_VAR"] + "/beat",
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def processes(
    environment: Mapping[str, str], folder: Path
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    running = {
        f"writer-{number}": a_writer(environment, folder / f"notes-{number}", number)
        for number in range(WRITERS)
    } | {"worker": a_worker(environment)}
    try:
        yield running
    finally:
        for process in running.values():
            if process.poll() is None:
                kill(process)


def strike(
    draw: Random,
    running: dict[str, subprocess.Popen[bytes]],
    environment: Mapping[str, str],
    folder: Path,
) -> str:
    """One victim at one moment; started again as a supervisor would."""
    victim = draw.choice([*running, "postgres", "postgres"])
    time.sleep(draw.uniform(0.05, 0.6))
    if victim == "postgres":
        var = Path(environment["SURETY_VAR"])
        pid = postgres.living_pid(places.of(var))
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        embedded.start(var)
    elif victim == "worker":
        kill(running[victim])
        running[victim] = a_worker(environment)
    else:
        kill(running[victim])
        number = int(victim.rpartition("-")[2])
        running[victim] = a_writer(environment, folder / f"notes-{number}", number)
    return victim


def struck(environment: Mapping[str, str], folder: Path, *, times: int) -> None:
    draw = chance("kills", times)
    folder.mkdir(exist_ok=True)
    victims: Counter[str] = Counter()
    with processes(environment, folder) as running:
        for _ in range(times):
            enough = answered(folder) + 10
            wait_until(lambda goal=enough: answered(folder) >= goal)
            victims[strike(draw, running, environment, folder).partition("-")[0]] += 1
        for number in range(WRITERS):
            kill(running[f"writer-{number}"])
        wait_for_the_last(environment, folder)
        wait_until(lambda: run(environment, "-c", OPEN_JOBS).strip() == "0")
    said = json.loads(run(environment, "-c", COUNT))
    print(f"victims: {dict(victims)}; {len(said['keys'])} facts")

    assert said["found"] == []
    check(folder, said["keys"])
    assert said["dead"] == 0


def wait_for_the_last(environment: Mapping[str, str], folder: Path) -> None:
    """What a kill left without an answer is asked once more, by whoever asked it."""
    for number in range(WRITERS):
        notes = folder / f"notes-{number}"
        asked, taken = read(notes)
        again = a_writer(environment, notes, number)
        unanswered = asked - taken.keys()
        wait_until(lambda n=notes, of=unanswered: not of - read(n)[1].keys())
        kill(again)


def answered(folder: Path) -> int:
    return sum(len(read(folder / f"notes-{number}")[1]) for number in range(WRITERS))


def wait_until(reached: Callable[[], bool], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "the writers got no answers any more"
        time.sleep(0.05)


def check(folder: Path, keys: list[list[object]]) -> None:
    """Every answer names a fact of its key; no key has more facts than it should."""
    recorded: dict[str, list[int]] = {}
    for key, sequence in keys:
        recorded.setdefault(str(key), []).append(int(str(sequence)))
    for number in range(WRITERS):
        asked, taken = read(folder / f"notes-{number}")
        for key, sequence in taken.items():
            assert sequence in recorded.get(key, []), f"{key} was answered {sequence} and is lost"
        mine = {key for key in recorded if key.startswith(f"w{number}-")}
        assert mine <= asked, "a fact that nobody asked for"
    for key, sequences in recorded.items():
        legs = 2 if key.startswith("w") and key.endswith(("1", "4", "7")) else 1
        assert len(sequences) == legs, f"{key} was recorded {len(sequences)} times"


@pytest.mark.parametrize("times", [SAMPLED, pytest.param(WHOLE, marks=pytest.mark.soak)])
def test_nothing_answered_is_lost_and_nothing_is_doubled(
    durable: Mapping[str, str], tmp_path: Path, times: int
):
    struck(durable, tmp_path / f"kills-{times}", times=times)
