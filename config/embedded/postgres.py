"""PostgreSQL on one data directory: initialise, start, take over, stop."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from config.embedded import binaries, process, wire
from config.embedded.binaries import Postgres
from config.embedded.errors import EmbeddedError
from config.embedded.identity import Identity
from config.embedded.places import Places, hand_over, make_private

NAME = "surety"  # of the superuser role, and of the database
START_SECONDS = 120  # recovery after a crash may take its time
STOP_SECONDS = 60
LINGER_SECONDS = 60
LINGERING = "pre-existing shared memory block"

SETTINGS = {
    "listen_addresses": "",  # the Unix socket only
    "unix_socket_permissions": "0700",
    "port": "5432",  # part of the socket's name
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For tests only: a power cut may lose or break everything.
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def start(
    places: Places, who: Identity, *, durable: bool, settings: Mapping[str, str] | None = None
) -> None:
    """Make sure the server answers and our database exists; a running server is taken over.

    The caller holds the launcher's lock.
    """
    pid = living_pid(places)
    if pid is None or not _becomes_ready(places, pid):  # it may be dying just now
        found = binaries.postgres_for(who, places)
        if _holds_database(places.postgres):
            refuse_other_version(places.postgres, found)
            hand_over(places.postgres, who)
        else:
            _initialise(places, who, found, durable=durable)
        chosen = SETTINGS | ({} if durable else THROW_AWAY) | dict(settings or {})
        _launch(places, who, found, chosen)
    _ensure_database(places)


def stop(places: Places) -> bool:
    """Stop in order, rolling back what is open; True when there was something to stop."""
    pid = living_pid(places)
    if pid is None:
        return False
    try:
        # SIGINT is a fast shutdown. SIGQUIT skips the checkpoint; the next start recovers.
        stopped = process.end(pid, by=signal.SIGINT, within=STOP_SECONDS) or process.end(
            pid, by=signal.SIGQUIT, within=10
        )
    except PermissionError as error:
        raise EmbeddedError(f"PostgreSQL (process {pid}) belongs to another user.") from error
    if not stopped:
        raise EmbeddedError(f"PostgreSQL (process {pid}) does not stop; see {places.log}.")
    return True


def living_pid(places: Places) -> int | None:
    """The process that serves our data directory, whoever launched it."""
    try:
        first = (places.postgres / "postmaster.pid").read_text().partition("\n")[0]
        pid = int(first)
    except (OSError, ValueError):
        return None
    if pid == os.getpid() or not process.alive(pid):
        return None
    # After a reboot or in a new container the number may be somebody else's.
    command = process.command_of(pid)
    return pid if command is None or str(places.postgres) in command else None


def answers(places: Places) -> bool:
    """True when the server takes a query."""
    try:
        return _ask(places, "SELECT 1", database="postgres") == [("1",)]
    except (OSError, wire.Refused):
        return False


def refuse_other_version(data: Path, found: Postgres) -> None:
    """A data directory is bound to a major version; nothing is converted or deleted here."""
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by == str(found.major):
        return
    raise EmbeddedError(
        f"{data} was made by PostgreSQL {made_by}, but the server found is {found.version}"
        f" ({found.folder}). Nothing was changed. To keep what is in it, dump and restore:\n"
        f"  1. {binaries.POSTGRES_OVERRIDE}=<folder of PostgreSQL {made_by}'s programs>"
        " python -m config.embedded start\n"
        f"  2. pg_dump --format=custom --file=surety.dump '<the printed DATABASE_URL>'\n"
        f"  3. python -m config.embedded stop, and move {data} out of the way\n"
        "  4. python -m config.embedded start\n"
        "  5. pg_restore --dbname='<the printed DATABASE_URL>' surety.dump"
    )


def _holds_database(data: Path) -> bool:
    if (data / "PG_VERSION").exists():
        return True
    if data.exists() and any(data.iterdir()):
        raise EmbeddedError(f"{data} is neither empty nor a database; move it out of the way.")
    return False


def _initialise(places: Places, who: Identity, found: Postgres, *, durable: bool) -> None:
    # Under another name until it is whole: cut short, it is simply made again.
    unfinished = places.home / "postgres.unfinished"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    make_private(unfinished, who)
    # The built-in provider sorts the same on every system, but is new in 17.
    locale = ["--locale=C.UTF-8", *(["--locale-provider=builtin"] if found.major >= 17 else [])]
    for words in (locale, ["--locale=C"]):  # the second for a system without C.UTF-8
        made = process.run(
            [
                found.initdb,
                f"--pgdata={unfinished}",
                f"--username={NAME}",
                "--auth=trust",  # who can reach the socket is the user who runs us
                "--encoding=UTF8",
                *words,
                *([] if durable else ["--no-sync"]),
            ],
            who=who,
            cwd=places.home,
        )
        if made.returncode == 0:
            break
    else:
        raise EmbeddedError(f"initdb failed:\n{made.stderr.strip() or made.stdout.strip()}")
    unfinished.rename(places.postgres)


def _clear_remains(places: Places) -> None:
    """After a kill, the pid file may name a zombie or a stranger, and PostgreSQL would give up.

    It trusts the file to be stale if it names the server's own parent: us. The file itself stays,
    because its shared memory key is what protects from backends that are still writing.
    """
    pid_file = places.postgres / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError):
        _, newline, rest = pid_file.read_text().partition("\n")
        pid_file.write_text(f"{os.getpid()}{newline}{rest}")
    for remains in places.sockets.glob(f"{places.postgres_socket.name}*"):
        remains.unlink()


def _launch(places: Places, who: Identity, found: Postgres, chosen: Mapping[str, str]) -> None:
    log = places.log / "postgres.log"
    settings = {**chosen, "unix_socket_directories": str(places.sockets)}
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    argv = [str(found.server), "-D", str(places.postgres), *words]
    deadline = time.monotonic() + LINGER_SECONDS
    while True:
        _clear_remains(places)
        since = process.size_of(log)
        if _becomes_ready(places, process.launch(argv, who=who, cwd=places.home, log=log)):
            return
        said = process.last_words(log, since=since)
        # A backend of a killed server notices only when its query is done. PostgreSQL waits for
        # nobody, so we do.
        if LINGERING not in said or time.monotonic() > deadline:
            raise EmbeddedError(f"PostgreSQL did not start; {log} ends:\n{said}")
        time.sleep(0.2)


def _becomes_ready(places: Places, pid: int) -> bool:
    """Wait until the server answers; False when it exits instead."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(places):
        if not process.alive(pid):
            return False
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"PostgreSQL (process {pid}) runs but does not answer at {places.postgres_socket}."
            )
        time.sleep(0.02)
    return True


def _ensure_database(places: Places) -> None:
    named = f"SELECT 1 FROM pg_database WHERE datname = '{NAME}'"  # noqa: S608  a constant of ours
    if not _ask(places, named, database="postgres"):
        _ask(places, f"CREATE DATABASE {NAME}", database="postgres")


def _ask(places: Places, sql: str, *, database: str) -> list[tuple[str | None, ...]]:
    return wire.query(places.postgres_socket, sql, user=NAME, database=database)
