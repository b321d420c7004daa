"""Launching a server, and telling a living process from a dead one."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.embedded.identity import Identity

# Those we launched ourselves have to be waited for, or they stay as zombies that look alive.
_children: dict[int, "subprocess.Popen[bytes]"] = {}


def run(
    argv: Sequence[str | Path], *, who: Identity, cwd: Path
) -> "subprocess.CompletedProcess[str]":
    """Run a tool to its end, as `who`."""
    return subprocess.run(
        [*who.prefix, *map(str, argv)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        user=who.uid if who.how == "nobody" else None,
        group=who.gid if who.how == "nobody" else None,
        extra_groups=[] if who.how == "nobody" else None,
    )


def launch(argv: Sequence[str | Path], *, who: Identity, cwd: Path, log: Path) -> int:
    """Start a server that outlives us and return its process id; it writes to the log file.

    It gets a session of its own: Ctrl-C in a terminal is for the launcher, which stops it in order.
    """
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [*who.prefix, *map(str, argv)],
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=who.uid if who.how == "nobody" else None,
            group=who.gid if who.how == "nobody" else None,
            extra_groups=[] if who.how == "nobody" else None,
        )
    _children[process.pid] = process
    return process.pid


def environment() -> Mapping[str, str]:
    """Ours, without what would send PostgreSQL elsewhere or make it speak a missing locale."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_")) and name not in {"LANG", "LANGUAGE"}
    }
    return kept | {"LC_ALL": "C"}


def alive(pid: int) -> bool:
    """True while the process runs; a zombie does not."""
    child = _children.get(pid)
    if child is not None:
        if child.poll() is None:
            return True
        del _children[pid]
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # In a container whose first process never waits, orphans stay zombies for good.
    return _stat(pid)[:1] != ["Z"]


def started_at(pid: int) -> str:
    """A mark that differs when a process id is given out again; empty where there is no /proc."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def command_of(pid: int) -> str | None:
    """The command line, or None where it cannot be seen."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    return raw.replace(b"\0", b" ").decode(errors="replace") or None


def end(pid: int, *, by: signal.Signals, within: float) -> bool:
    """Send a signal and wait; True when the process has gone in time."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, by)
    deadline = time.monotonic() + within
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def last_words(log: Path, *, since: int) -> str:
    """What a server wrote after this place in its log, at most the last few lines."""
    with contextlib.suppress(OSError), log.open("rb") as source:
        source.seek(since)
        lines = source.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-8:])
    return ""


def size_of(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _stat(pid: int) -> list[str]:
    # The name in brackets may itself hold spaces and brackets, so the fields start after the last.
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
