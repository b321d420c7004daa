"""Where everything lies: files under var, sockets in a private folder with a short name."""

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.embedded import identity
from config.embedded.errors import EmbeddedError
from config.embedded.identity import Identity

# The kernel keeps a socket's path in 108 bytes (104 on macOS), and cuts or refuses what is longer.
SOCKET_LIMIT = 100
# What may stand in a URL, in a query string and in PostgreSQL's list of folders without quoting.
PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True, slots=True)
class Places:
    """Every path the launcher uses. `home` is var, unless root must hand the files to nobody."""

    var: Path
    home: Path
    sockets: Path

    @property
    def postgres(self) -> Path:
        return self.home / "postgres"

    @property
    def valkey(self) -> Path:
        return self.home / "valkey"

    @property
    def software(self) -> Path:
        return self.home / "software"

    @property
    def run(self) -> Path:
        return self.var / "run"

    @property
    def log(self) -> Path:
        return self.var / "log"

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / ".s.PGSQL.5432"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"


def of(var: Path) -> Places:
    """The same var always gives the same places, whoever asks and whatever is running."""
    var = Path(os.path.realpath(var))
    home = _home(var)
    return Places(var=var, home=home, sockets=_sockets(home))


def prepare(places: Places, who: Identity) -> None:
    """Make the folders, private where they hold something, and owned by who runs the servers."""
    try:
        for folder in (places.var, places.run, places.log):
            folder.mkdir(parents=True, exist_ok=True)
        places.home.mkdir(mode=0o711, exist_ok=True)
        if who.how == "nobody":
            _open_for_nobody(places)
        for folder in (places.sockets, places.valkey):
            make_private(folder, who)
    except PermissionError as error:
        raise EmbeddedError(
            f"{error.filename or places.var} belongs to another user. Run as that user, give the"
            f" folder to this one (chown -R), or choose another folder with SURETY_VAR."
        ) from error


def make_private(folder: Path, who: Identity) -> None:
    """A folder only its owner may enter.

    Raises EmbeddedError if someone else made it first: in a shared temporary folder that could
    be a trap.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    foreign = found.st_uid not in (os.geteuid(), who.uid)
    shared = bool(folder.parent.stat().st_mode & stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode) or (foreign and shared):
        raise EmbeddedError(f"{folder} is not a folder of ours; remove it and try again.")
    if os.geteuid() in (0, found.st_uid):
        folder.chmod(0o700)
    hand_over(folder, who)


def hand_over(tree: Path, who: Identity) -> None:
    """Give our own files to who runs the servers: another user once namespaces come or go."""
    if tree.lstat().st_uid == who.uid:
        return
    if os.geteuid() != 0:
        raise EmbeddedError(
            f"{tree} belongs to another user. Run as that user, or choose another folder with"
            f" SURETY_VAR."
        )
    for folder, _, files in os.walk(tree):
        for path in (Path(folder), *(Path(folder) / name for name in files)):
            os.chown(path, who.uid, who.gid, follow_symlinks=False)


def reachable(path: Path) -> bool:
    """True when any user may walk down to this path."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents if folder.exists())


def mark(path: Path) -> str:
    """A short name that stands for one path."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _home(var: Path) -> Path:
    if os.geteuid() != 0 or reachable(var) or (var / "postgres").exists():
        return var
    # In root's private home, without namespaces, the servers could not read their own files.
    elsewhere = Path("/var/lib") / f"surety-{mark(var)}"
    return elsewhere if elsewhere.exists() or not identity.namespaces_work() else var


def _sockets(home: Path) -> Path:
    beside = home / "sockets"
    longest = beside / ".s.PGSQL.5432.lock"
    if len(os.fsencode(longest)) <= SOCKET_LIMIT and PLAIN_PATH.fullmatch(str(longest)):
        return beside
    return _runtime_folder() / f"surety-{os.geteuid()}-{mark(home)}"


def _runtime_folder() -> Path:
    # Not from XDG_RUNTIME_DIR: a cron job has none, and must still find the same sockets.
    user = os.geteuid()
    own = Path("/run") if user == 0 else Path(f"/run/user/{user}")
    if own.is_dir() and os.access(own, os.W_OK):
        return own
    return Path(os.path.realpath(tempfile.gettempdir()))


def _open_for_nobody(places: Places) -> None:
    if not reachable(places.home):
        raise EmbeddedError(
            f"Run as root without user namespaces, PostgreSQL must run as nobody, who cannot reach"
            f" {places.home}. Move the checkout to a folder all users may enter, such as /srv, or"
            f" run as an ordinary user."
        )
    mode = stat.S_IMODE(places.home.stat().st_mode)
    if not mode & stat.S_IXOTH:
        places.home.chmod(mode | 0o011)
