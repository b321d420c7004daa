"""Who uses the servers of one var: a lock for launchers, and a register of living owners."""

import contextlib
import fcntl
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

from config.embedded import process
from config.embedded.errors import EmbeddedError

LOCK_SECONDS = 180  # longer than one launcher may take to recover a crashed database

_entries = itertools.count(1)


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """One launcher at a time. The kernel lets go of the lock if we die."""
    deadline = time.monotonic() + LOCK_SECONDS
    with (run / "launcher.lock").open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"Another launcher holds {handle.name}.") from None
                time.sleep(0.02)
        yield


def enter(run: Path) -> Path:
    """Put this process into the register, once for each time it asks."""
    entry = _register(run) / f"{os.getpid()}.{next(_entries)}"
    entry.write_text(process.started_at(os.getpid()))
    return entry


def leave(entry: Path) -> None:
    entry.unlink(missing_ok=True)


def living(run: Path) -> tuple[int, ...]:
    """The processes that use the servers now; entries of dead ones are cleared away."""
    owners = []
    for entry in _register(run).iterdir():
        pid = int(entry.name.partition(".")[0])
        # A process id may have been given out again, so the time it started must match too.
        if process.alive(pid) and process.started_at(pid) == entry.read_text():
            owners.append(pid)
        else:
            entry.unlink(missing_ok=True)
    return tuple(sorted(set(owners)))


def keep(run: Path) -> None:
    """Note that the servers were started to stay up, with or without an owner."""
    _kept(run).touch()


def let_go(run: Path) -> None:
    _kept(run).unlink(missing_ok=True)


def is_kept(run: Path) -> bool:
    return _kept(run).exists()


def _register(run: Path) -> Path:
    register = run / "owners"
    register.mkdir(exist_ok=True)
    return register


def _kept(run: Path) -> Path:
    return run / "kept"
