"""What a machine needs to run the house, checked one by one. A check never raises: it finds."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from clearing import selectors as record
from config import embedded
from config.embedded import binaries, identity, places

OLDEST_PYTHON = (3, 11)
FREE_BYTES = 2 << 30
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 5
SEAL_SECONDS = 30  # a fact that waits longer to be sealed waits for something

Verdict = Literal["ok", "missing", "optional"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer. `says` is what was found, or how to mend it."""

    name: str
    verdict: Verdict
    says: str

    @property
    def failed(self) -> bool:
        return self.verdict == "missing"

    def __str__(self) -> str:
        match self.verdict:
            case "ok":
                return f"{self.name}: ok ({self.says})"
            case other:
                return f"{self.name}: {other}: {self.says}"


def examine(var: Path, *, database_url: str | None, broker_url: str | None) -> Iterator[Finding]:
    """Every check of the machine, cheapest first. A URL that is None means embedded."""
    yield python()
    yield time_zones()
    yield writable(var)
    yield free_space(var)
    yield sockets(var)
    yield who_runs_the_servers()
    if database_url is None:
        yield postgres_programs()
    if broker_url is None:
        yield valkey_programs()
    yield database(var, database_url)
    yield broker(var, broker_url)
    yield chromium()


def python() -> Finding:
    running = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", "missing", f"{running} is too old; install Python 3.11 or newer")
    return Finding("python", "ok", running)


def time_zones() -> Finding:
    try:
        ZoneInfo("America/Chicago")
    except (ZoneInfoNotFoundError, OSError):
        return Finding("time zones", "missing", "pip install tzdata, or apt-get install tzdata")
    return Finding("time zones", "ok", "found")


def writable(var: Path) -> Finding:
    """Tried for real, because permission bits do not tell of read-only or full disks."""
    folder = _nearest(var)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = error.strerror or str(error)
        remedy = f"{folder}: {why}; make it writable or choose a folder with SURETY_VAR"
        return Finding("var", "missing", remedy)
    return Finding("var", "ok", str(var))


def free_space(var: Path, *, needed_bytes: int = FREE_BYTES) -> Finding:
    free = shutil.disk_usage(_nearest(var)).free
    if free < needed_bytes:
        remedy = f"{free >> 20} MB free at {var}; free up {needed_bytes >> 20} MB"
        return Finding("disk", "missing", remedy)
    return Finding("disk", "ok", f"{free >> 30} GB free")


def sockets(var: Path) -> Finding:
    folder = places.of(var).sockets
    longest = len(os.fsencode(folder / ".s.PGSQL.5432.lock"))
    if longest > places.SOCKET_LIMIT:
        remedy = f"{folder} is {longest} bytes; set TMPDIR to a folder with a shorter name"
        return Finding("socket path", "missing", remedy)
    return Finding("socket path", "ok", str(folder))


def who_runs_the_servers() -> Finding:
    match identity.choose().how:
        case "plain":
            return Finding("server user", "ok", "this user")
        case "namespace":
            return Finding("server user", "ok", "root, inside a user namespace")
        case _:
            says = "no user namespaces here, so root runs the servers as nobody"
            return Finding("server user", "optional", says)


def postgres_programs() -> Finding:
    try:
        found = binaries.postgres()
    except embedded.EmbeddedError as error:
        return Finding("postgres", "missing", str(error))
    return Finding("postgres", "ok", f"{found.version} from {found.source}, {found.folder}")


def valkey_programs() -> Finding:
    try:
        found = binaries.valkey()
    except embedded.EmbeddedError as error:
        return Finding("valkey", "missing", str(error))
    return Finding("valkey", "ok", f"from {found.source}, {found.server}")


def database(var: Path, url: str | None) -> Finding:
    """A foreign database must answer; an embedded one may rest until it is needed."""
    if url is None:
        pid = embedded.status(var).postgres_pid
        return Finding("database", "ok", _embedded(pid))
    try:
        with psycopg.connect(url, connect_timeout=SECONDS) as session:
            version = session.info.server_version // 10_000
    except psycopg.Error as error:
        why = str(error).partition("\n")[0]
        return Finding("database", "missing", f"start it or correct DATABASE_URL; {why}")
    if version < binaries.OLDEST_POSTGRES:
        remedy = f"PostgreSQL {version} is too old; use {binaries.OLDEST_POSTGRES} or newer"
        return Finding("database", "missing", remedy)
    return Finding("database", "ok", f"PostgreSQL {version} at DATABASE_URL")


def broker(var: Path, url: str | None) -> Finding:
    """Reachability only: a password or TLS is the client's affair."""
    if url is None:
        pid = embedded.status(var).valkey_pid
        return Finding("broker", "ok", _embedded(pid))
    try:
        parts = urlsplit(url)
        if "socket" in parts.scheme:
            with socket.socket(socket.AF_UNIX) as stream:
                stream.settimeout(SECONDS)
                stream.connect(unquote(parts.path))
        else:
            address = (parts.hostname or "localhost", parts.port or 6379)
            socket.create_connection(address, timeout=SECONDS).close()
    except (OSError, ValueError) as error:
        return Finding("broker", "missing", f"start it or correct BROKER_URL; {error}")
    return Finding("broker", "ok", "answers at BROKER_URL")


def chromium() -> Finding:
    for name in CHROMIUM:
        found = shutil.which(name)
        if found:
            return Finding("chromium", "ok", found)
    return Finding("chromium", "optional", "only browser tests need it; apt-get install chromium")


def migrations() -> Finding:
    """Asks Django, so its settings must be loaded; says so if the database does not answer."""
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError:
        return Finding("migrations", "optional", "not checked, the database does not answer")
    except DatabaseError as error:  # the role we work as is made by the first migration
        why = str(error).partition("\n")[0]
        return Finding("migrations", "missing", f"manage.py migrate; {why}")
    if pending:
        return Finding("migrations", "missing", f"{len(pending)} pending; manage.py migrate")
    return Finding("migrations", "ok", "all applied")


def dead_jobs() -> Finding:
    """Work that was given up: somebody must look, and revive it in the admin."""
    try:
        kinds = sorted(set(record.dead_jobs().values_list("kind", flat=True)))
    except DatabaseError:
        return Finding("jobs", "optional", "not checked, the database does not answer")
    if kinds:
        remedy = "see Jobs in the admin, mend the cause, try again there"
        return Finding("jobs", "missing", f"dead: {', '.join(kinds)}; {remedy}")
    return Finding("jobs", "ok", "none is dead")


def price_windows() -> Finding:
    """Where a quorum is missed nobody is margined on new prices: somebody must look at the feeds."""
    try:
        missed = record.deferred_since()
    except DatabaseError:
        return Finding("price sets", "optional", "not checked, the database does not answer")
    if missed is not None:
        remedy = "see Windows without a set in the admin, mend or suspend the sources named there"
        return Finding(
            "price sets", "missing", f"none since {missed.at}: {missed.reason}; {remedy}"
        )
    return Finding("price sets", "ok", "no window waits for its quorum")


def books() -> Finding:
    """What the record says of itself: invariants, breaks with the outside, what may not leave."""
    try:
        violated = list(record.violations().values_list("invariant", flat=True))
        unexplained = record.standing_breaks().filter(status="open").count()
        halted = list(record.release_halts().values_list("asset", flat=True))
    except DatabaseError:
        return Finding("books", "optional", "not checked, the database does not answer")
    if violated:
        remedy = "manage.py verify says where; nothing leaves meanwhile"
        return Finding(
            "books", "missing", f"violated: {', '.join(sorted(set(violated)))}; {remedy}"
        )
    if unexplained or halted:
        what = f"{unexplained} breaks not explained, halted: {', '.join(halted) or 'nothing'}"
        return Finding(
            "books", "missing", f"{what}; see Breaks and Halted withdrawals in the admin"
        )
    return Finding("books", "ok", "they agree, nothing is halted")


def sealer() -> Finding:
    """Whether the global order keeps up: its lag, and whether anybody looks at all."""
    try:
        lag = record.seal_lag()
    except (DatabaseError, TypeError):  # not migrated
        return Finding("sealer", "optional", "not checked, the database does not answer")
    if lag.oldest_seconds > SEAL_SECONDS:
        remedy = "start a worker and the clock, or run manage.py seal"
        says = f"{lag.waiting:,} facts wait, the oldest for {lag.oldest_seconds} s; {remedy}"
        return Finding(
            "sealer", "optional" if lag.heartbeat_seconds > SEAL_SECONDS else "missing", says
        )
    return Finding("sealer", "ok", f"{lag.waiting:,} facts wait")


def _embedded(pid: int | None) -> str:
    return f"embedded, process {pid}" if pid else "embedded, not running; make demo starts it"


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
