"""Valkey on one folder: start, take over, stop."""

import signal
import time
from pathlib import Path

from config.embedded import binaries, process, wire
from config.embedded.errors import EmbeddedError
from config.embedded.identity import Identity
from config.embedded.places import Places, hand_over

START_SECONDS = 60  # a long append-only file takes a while to load
STOP_SECONDS = 30

DURABLE = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
THROW_AWAY = ("--appendonly", "no", "--save", "")


def start(places: Places, who: Identity, *, durable: bool) -> None:
    """Make sure the server answers; a running one is taken over.

    The caller holds the launcher's lock.
    """
    if answers(places):
        return
    pid = living_pid(places)
    if pid is not None and _becomes_ready(places, pid):
        return
    found = binaries.valkey_for(who, places)
    hand_over(places.valkey, who)
    # It runs with a socket only, and refuses writes when full: a queue must not evict.
    words = (
        *("--port", "0"),
        *("--unixsocket", str(places.valkey_socket), "--unixsocketperm", "700"),
        *("--dir", str(places.valkey), "--maxmemory-policy", "noeviction"),
        *(DURABLE if durable else THROW_AWAY),
    )
    places.valkey_socket.unlink(missing_ok=True)
    log = places.log / "valkey.log"
    since = process.size_of(log)
    pid = process.launch([found.server, *words], who=who, cwd=places.home, log=log)
    _pid_file(places).write_text(f"{pid}\n")
    if not _becomes_ready(places, pid):
        said = process.last_words(log, since=since)
        raise EmbeddedError(f"Valkey did not start; {log} ends:\n{said}")


def stop(places: Places) -> bool:
    """Stop in order, everything written; True when there was something to stop."""
    pid = living_pid(places)
    if pid is None:
        return False
    try:
        stopped = process.end(pid, by=signal.SIGTERM, within=STOP_SECONDS)
    except PermissionError as error:
        raise EmbeddedError(f"Valkey (process {pid}) belongs to another user.") from error
    if not stopped:
        raise EmbeddedError(f"Valkey (process {pid}) does not stop; see {places.log}.")
    _pid_file(places).unlink(missing_ok=True)
    return True


def living_pid(places: Places) -> int | None:
    """The process behind our socket: as it says itself, or by our note if it does not answer."""
    try:
        said = wire.command(places.valkey_socket, "INFO", "server")
        words = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
        return int(words["process_id"])
    except (OSError, wire.Refused, KeyError, ValueError):
        pass
    try:
        pid = int(_pid_file(places).read_text())
    except (OSError, ValueError):
        return None
    # The server writes its socket into its title, so a number given out again is not mistaken.
    command = process.command_of(pid)
    ours = command is None or str(places.valkey_socket) in command
    return pid if ours and process.alive(pid) else None


def answers(places: Places) -> bool:
    """True when the server takes a command."""
    try:
        return wire.command(places.valkey_socket, "PING") == "PONG"
    except (OSError, wire.Refused):
        return False


def _becomes_ready(places: Places, pid: int) -> bool:
    """Wait until the server answers; False when it exits instead."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(places):
        if not process.alive(pid):
            return False
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"Valkey (process {pid}) runs but does not answer at {places.valkey_socket}."
            )
        time.sleep(0.01)
    return True


def _pid_file(places: Places) -> Path:
    return places.run / "valkey.pid"
