"""As whom the servers run. PostgreSQL refuses root, so root has to become someone else."""

import functools
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import Literal

NOBODY = 65534

# Looked up here as well as on PATH: a service manager may start us with no PATH at all.
SYSTEM_FOLDERS = "/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Identity:
    """The user a server runs as, and how it is made to.

    uid and gid are those of the files, seen from outside.
    """

    how: Literal["plain", "namespace", "nobody"]
    uid: int
    gid: int
    prefix: tuple[str, ...] = ()


def choose() -> Identity:
    """Run as ourselves if we may; as root, step into a user namespace, or else become nobody.

    A namespace is better: files stay root's and private, and nothing needs to be reachable by
    other users. No user is ever created, and no permission outside our own folder changes.
    """
    if os.geteuid() != 0:
        return Identity("plain", os.geteuid(), os.getegid())
    if namespaces_work():
        return Identity("namespace", 0, 0, _namespace_command())
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Identity("nobody", NOBODY, NOBODY)
    return Identity("nobody", nobody.pw_uid, nobody.pw_gid)


@functools.cache
def namespaces_work() -> bool:
    """True when root may make a user namespace here; containers often forbid it."""
    command = _namespace_command()
    if not command:
        return False
    probe = subprocess.run(
        [*command, "/bin/sh", "-c", "exit 0"], capture_output=True, check=False, timeout=10
    )
    return probe.returncode == 0


def _namespace_command() -> tuple[str, ...]:
    places = os.pathsep.join((os.environ.get("PATH", ""), SYSTEM_FOLDERS))
    unshare = shutil.which("unshare", path=places)
    if unshare is None:
        return ()
    return (unshare, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
