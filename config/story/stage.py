"""Servers, databases and processes for a story.

With the embedded servers each story has a database of its own: the one being told is the
configured one, and another story found there is set aside under its own name, never deleted. With
servers of your own the story needs an empty database, or one that holds the same story.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection

from config.processes import Supervisor

STORY = "story:"
WORKERS = 2


class StageNotFree(RuntimeError):
    """The database holds something else; says what, and the remedy."""


def prepare(story: str) -> None:
    """Leave the configured database empty or holding this story. Raises StageNotFree."""
    found = _found(settings.DATABASE_URL)
    if found in (None, story):
        return
    if not settings.SURETY_EMBEDDED or os.environ.get("DATABASE_URL"):
        raise StageNotFree(
            f"the database of DATABASE_URL holds {found!r}; use an empty database for this story"
        )
    if not found.startswith(STORY):
        raise StageNotFree(
            "the database holds facts that are not a demo's; set SURETY_VAR to another folder"
        )
    _set_aside(found, wanted=story)


def _found(url: str) -> str | None:
    """The correlation id of the log's first fact; None for an empty or new database."""
    with psycopg.connect(url) as there:
        try:
            row = there.execute(
                "SELECT correlation_id FROM clearing_event ORDER BY sequence LIMIT 1"
            ).fetchone()
        except psycopg.errors.UndefinedTable:
            return None
    return str(row[0]) if row else None


def _set_aside(found: str, *, wanted: str) -> None:
    """Rename the found story's database after it, and bring the wanted one in."""
    name = settings.DATABASES["default"]["NAME"]
    connection.close()
    with psycopg.connect(_sibling("postgres"), autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" RENAME TO "{_database(found)}"')
        row = admin.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [_database(wanted)]
        ).fetchone()
        if row:
            admin.execute(f'ALTER DATABASE "{_database(wanted)}" RENAME TO "{name}"')
        else:
            admin.execute(f'CREATE DATABASE "{name}"')


def _database(story: str) -> str:
    return "surety_" + "".join(c if c.isalnum() else "_" for c in story.removeprefix(STORY))


def _sibling(name: str) -> str:
    head, mark, query = settings.DATABASE_URL.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{mark}{query}"


@contextmanager
def processes(*, site: bool) -> Iterator[Supervisor]:
    """Workers and pulses, and the site if asked for; all of them gone afterwards."""
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(
            part for part in (os.environ.get("PYTHONPATH"), str(settings.BASE_DIR)) if part
        ),
    }
    celery = [str(programs / "celery"), "-A", "config"]
    with Supervisor(settings.SURETY_VAR / "log") as supervisor:
        supervisor.start(
            "worker",
            [*celery, "worker", "--concurrency", str(WORKERS), "--loglevel", "WARNING"],
            env=environment,
        )
        with suppress(FileNotFoundError):
            (settings.SURETY_VAR / "beat-schedule").unlink()
        supervisor.start("pulses", [*celery, "beat", "--loglevel", "WARNING"], env=environment)
        if site:
            supervisor.start("site", _gunicorn(programs), env=environment)
        yield supervisor


def _gunicorn(programs: Path) -> list[str]:
    return [
        str(programs / "gunicorn"),
        "config.wsgi:application",
        "--worker-class",
        "gthread",
        "--workers",
        "2",
        "--threads",
        "4",
        "--bind",
        f"127.0.0.1:{site_port()}",
    ]


def site_port() -> int:
    """SURETY_PORT, or 8000, or the next one that is free; the same for the whole process."""
    asked = os.environ.get("SURETY_PORT")
    if asked:
        return int(asked)
    for port in range(8000, 8050):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        os.environ["SURETY_PORT"] = str(port)
        return port
    raise StageNotFree("no port between 8000 and 8049 is free; set SURETY_PORT")
