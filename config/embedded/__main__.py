"""python -m config.embedded: the embedded servers by hand."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from config import embedded

NOT_RUNNING = 3  # what service scripts answer to "status" when a service is down

EXPLANATION = """\
start   start PostgreSQL and Valkey, or take over what runs; they stay up until stop
stop    stop both in order; nothing that was committed is lost
status  say what runs; the exit code is 0 when both do, 3 when not

Both listen on Unix sockets in a private folder only. start and status print the two
addresses, ready for export DATABASE_URL=... and BROKER_URL=...
Files lie in --var, or else in SURETY_VAR, or else in var/ of this checkout.
SURETY_POSTGRES_BIN names a folder of PostgreSQL programs to use instead of those found.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m config.embedded",
        description="A real PostgreSQL and a real Valkey for this checkout.",
        epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("start", "stop", "status"))
    parser.add_argument("--var", type=Path, metavar="DIR", help="folder of the servers' files")
    asked = parser.parse_args(words)
    var = asked.var or embedded.default_var()
    try:
        match asked.command:
            case "start":
                _show(embedded.start(var))
                return 0
            case "stop":
                print("stopped" if embedded.stop(var) else "nothing was running")
                return 0
            case _:
                return _report(embedded.status(var))
    except embedded.EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


def _show(there: embedded.Endpoints) -> None:
    print(f"DATABASE_URL={there.database_url}")
    print(f"BROKER_URL={there.broker_url}")


def _report(now: embedded.Status) -> int:
    for name, pid in (("postgres", now.postgres_pid), ("valkey", now.valkey_pid)):
        print(f"{name}: " + (f"running, process {pid}" if pid else "not running"))
    print(f"files: {now.files}")
    if now.owners:
        print(f"used by: {', '.join(map(str, now.owners))}")
    _show(now.endpoints)
    return 0 if now.running else NOT_RUNNING


if __name__ == "__main__":
    sys.exit(main())
