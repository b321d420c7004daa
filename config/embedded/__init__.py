"""Starts a real PostgreSQL and a real Valkey for one checkout, without installing either.

Standard library only: it runs before Django's settings, which it provides with addresses.

    with embedded.servers(Path("var")) as there:
        print(there.database_url, there.broker_url)
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.embedded import identity, ownership, places, postgres, valkey
from config.embedded.errors import EmbeddedError
from config.embedded.places import Places

__all__ = [
    "EmbeddedError",
    "Endpoints",
    "Status",
    "default_var",
    "endpoints",
    "servers",
    "start",
    "status",
    "stop",
]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the servers of one var are reached, whether they run or not."""

    database_url: str
    broker_url: str


@dataclass(frozen=True, slots=True)
class Status:
    """What runs now. A process id is given only for a server that answers."""

    endpoints: Endpoints
    postgres_pid: int | None
    valkey_pid: int | None
    owners: tuple[int, ...]  # living processes inside `servers`
    files: Path  # where the servers keep what they must not forget

    @property
    def running(self) -> bool:
        return self.postgres_pid is not None and self.valkey_pid is not None


def default_var() -> Path:
    """SURETY_VAR, or the folder var of this checkout."""
    checkout = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("SURETY_VAR") or checkout / "var")


def endpoints(var: Path) -> Endpoints:
    """The addresses, computed from the path alone."""
    there = places.of(var)
    return Endpoints(
        database_url=f"postgresql:///{postgres.NAME}?host={there.sockets}&user={postgres.NAME}",
        broker_url=f"redis+socket://{there.valkey_socket}",
    )


def start(
    var: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None
) -> Endpoints:
    """Start what does not run yet, and leave it running until `stop`. Twice is the same as once.

    Not durable is for tests: faster, and forgotten with the machine. Settings are PostgreSQL's,
    and reach only a server started now. Raises EmbeddedError naming the remedy.
    """
    there = _prepared(var)
    with ownership.locked(there.run):
        _bring_up(there, durable=durable, settings=settings)
        ownership.keep(there.run)
    return endpoints(var)


def stop(var: Path) -> bool:
    """Stop both servers, whoever uses them; True when something was running."""
    there = places.of(var)
    if not there.run.is_dir():
        return False
    with ownership.locked(there.run):
        return _take_down(there)


def status(var: Path) -> Status:
    """What runs, found by asking the servers themselves."""
    there = places.of(var)
    return Status(
        endpoints=endpoints(var),
        postgres_pid=postgres.living_pid(there) if postgres.answers(there) else None,
        valkey_pid=valkey.living_pid(there) if valkey.answers(there) else None,
        owners=ownership.living(there.run) if there.run.is_dir() else (),
        files=there.home,
    )


@contextlib.contextmanager
def servers(
    var: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None
) -> Iterator[Endpoints]:
    """Both servers for the length of a block; the last living owner to leave stops them.

    Servers a killed process left behind are taken over. Those of `start` stay up until `stop`.
    """
    there = _prepared(var)
    with ownership.locked(there.run):
        if postgres.living_pid(there) is None and valkey.living_pid(there) is None:
            ownership.let_go(there.run)  # who wanted them kept has seen them stop
        entry = ownership.enter(there.run)
        try:
            _bring_up(there, durable=durable, settings=settings)
        except BaseException:
            ownership.leave(entry)
            raise
    try:
        yield endpoints(var)
    finally:
        with ownership.locked(there.run):
            ownership.leave(entry)
            if not ownership.living(there.run) and not ownership.is_kept(there.run):
                _take_down(there)


def _prepared(var: Path) -> Places:
    there = places.of(var)
    places.prepare(there, identity.choose())
    return there


def _bring_up(there: Places, *, durable: bool, settings: Mapping[str, str] | None) -> None:
    who = identity.choose()
    was_down = postgres.living_pid(there) is None
    try:
        postgres.start(there, who, durable=durable, settings=settings)
        valkey.start(there, who, durable=durable)
    except BaseException:
        if was_down:  # half a pair is of no use, and nobody would stop it
            postgres.stop(there)
        raise


def _take_down(there: Places) -> bool:
    ownership.let_go(there.run)
    stopped = [valkey.stop(there), postgres.stop(there)]
    return any(stopped)
