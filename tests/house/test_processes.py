"""The supervisor with real children."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from config import processes
from config.embedded.process import alive
from config.processes import Supervisor, UnknownChild

CHECKOUT = Path(__file__).resolve().parents[2]
SLEEPS = ["/bin/sleep", "60"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); time.sleep(60)",
]
# A head with a child of its own, as a worker has its pool; both ids go to the log.
WITH_POOL = ["/bin/sh", "-c", "sleep 60 & echo $! ; wait"]
PARENT = """
import sys
from pathlib import Path
from config.processes import Supervisor
with Supervisor(Path(sys.argv[1])) as children:
    print(children.start("sleeper", ["/bin/sleep", "60"]), flush=True)
    children.wait()
"""


@pytest.fixture
def children(tmp_path):
    with Supervisor(tmp_path / "log", grace_seconds=5) as supervisor:
        yield supervisor


def test_a_child_runs_in_its_own_group_and_writes_to_its_log(children, tmp_path):
    pid = children.start(
        "greeter", ["/bin/sh", "-c", "echo hello $WHO; exec sleep 60"], env={"WHO": "you"}
    )

    assert children.pid("greeter") == pid
    assert os.getpgid(pid) == os.getsid(pid) == pid != os.getpgrp()
    wait_for(lambda: (tmp_path / "log" / "greeter.log").read_text() == "hello you\n")


def test_a_killed_child_is_started_again(children):
    first = children.start("sleeper", SLEEPS)

    children.kill("sleeper")

    wait_for(lambda: children.pid("sleeper") not in (None, first))
    assert children.starts("sleeper") == 2
    assert not alive(first)


def test_a_child_that_leaves_in_peace_is_started_again_too(children, tmp_path):
    children.start("brief", ["/bin/sh", "-c", "echo once"])

    wait_for(lambda: children.starts("brief") >= 2)

    assert "supervisor: brief exited with 0" in (tmp_path / "log" / "brief.log").read_text()


def test_a_child_that_keeps_failing_is_started_less_and_less_often(children, monkeypatch):
    monkeypatch.setattr(processes, "FIRST_DELAY", 0.1)
    begin = time.monotonic()

    children.start("broken", ["/bin/false"])
    wait_for(lambda: children.starts("broken") == 4)

    assert time.monotonic() - begin >= 0.1 + 0.2 + 0.4


def test_what_a_dead_head_leaves_behind_is_ended_before_the_restart(children, tmp_path):
    children.start("worker", WITH_POOL)
    log = tmp_path / "log" / "worker.log"
    wait_for(lambda: log.read_text().strip())
    orphan = int(log.read_text().split()[0])

    children.kill("worker")

    wait_for(lambda: children.starts("worker") == 2)
    wait_for(lambda: not alive(orphan))


def test_a_restart_is_at_once_and_in_order(children, tmp_path):
    polite = ["/bin/sh", "-c", "trap 'echo bye; exit' TERM; echo hi; while :; do sleep 0.05; done"]
    first = children.start("polite", polite)
    log = tmp_path / "log" / "polite.log"
    wait_for(lambda: "hi" in log.read_text())

    second = children.restart("polite")

    assert second != first and children.pid("polite") == second
    assert "bye" in log.read_text()
    assert "exited" not in log.read_text()


def test_one_that_ignores_the_signal_is_killed_after_the_grace(tmp_path):
    children = Supervisor(tmp_path, grace_seconds=0.3)
    stubborn = children.start("stubborn", STUBBORN)
    sleeper = children.start("sleeper", SLEEPS)
    wait_for(lambda: "deaf" in (tmp_path / "stubborn.log").read_text())

    children.stop()
    children.stop()

    assert not alive(stubborn) and not alive(sleeper)
    with pytest.raises(RuntimeError, match="has stopped"):
        children.pid("sleeper")


def test_mistakes_are_raised_where_they_are_made(children):
    children.start("sleeper", SLEEPS)

    with pytest.raises(ValueError, match="sleeper is already running"):
        children.start("sleeper", SLEEPS)
    with pytest.raises(FileNotFoundError):
        children.start("ghost", ["/no/such/program"])
    with pytest.raises(UnknownChild):
        children.pid("ghost")


def test_a_child_outlives_the_thread_that_asked_for_it(children):
    asked: list[int] = []
    passing = threading.Thread(target=lambda: asked.append(children.start("sleeper", SLEEPS)))
    passing.start()
    passing.join()

    time.sleep(0.3)

    assert children.pid("sleeper") == asked[0]
    assert children.starts("sleeper") == 1


@pytest.mark.parametrize(
    ("number", "leaves_with"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)]
)
def test_a_signal_to_the_parent_ends_the_children_first(tmp_path, number, leaves_with):
    parent, child = a_parent(tmp_path)

    parent.send_signal(number)

    assert parent.wait(timeout=10) == leaves_with
    assert not alive(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a death")
def test_children_do_not_outlive_a_killed_parent(tmp_path):
    parent, child = a_parent(tmp_path)

    parent.kill()
    parent.wait()

    wait_for(lambda: not alive(child))


def a_parent(folder):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with parent.stdout:
        return parent, int(parent.stdout.readline())


def wait_for(condition, *, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
