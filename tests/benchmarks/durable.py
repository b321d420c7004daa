"""A house on a server that keeps what it acknowledged, for comparisons: fsync on, in a folder of its
own that is removed afterwards; and writers that are processes, as real ones are."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config import embedded

ROLE = "surety_app"
# Checkpoints in the middle of a round say nothing about who is compared; both sides get the same.
SETTINGS = {"max_wal_size": "4GB", "checkpoint_timeout": "30min", "shared_buffers": "512MB"}
SLOW_FLUSH = Path(__file__).with_name("slow_flush.c")


@contextmanager
def house(**settings: str) -> Iterator[str]:
    """A migrated database; yields its URL. Django works in it as the application's role."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to stop, its servers stop too
    var = Path(tempfile.mkdtemp(prefix="surety-bench-"))
    var.chmod(0o755)
    os.environ |= {"SURETY_VAR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings"}
    os.environ["DATABASE_URL"] = embedded.endpoints(var).database_url
    os.environ["BROKER_URL"] = embedded.endpoints(var).broker_url
    try:
        with embedded.servers(var, durable=True, settings=SETTINGS | settings) as there:
            _migrate(there.database_url)
            yield there.database_url
            _leave()
    finally:
        shutil.rmtree(var, ignore_errors=True)


class NoCompiler(Exception):
    """Flushes cannot be held up here."""


@contextmanager
def slow_house() -> Iterator[str]:
    """One whose server takes a millisecond longer over every flush, however many wait for it: what a
    slower disk does. By a small library preloaded around `fdatasync`. Raises NoCompiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NoCompiler("no C compiler is here to build tests/benchmarks/slow_flush.c")
    there = Path(tempfile.mkdtemp(prefix="surety-flush-"))
    there.chmod(0o755)
    library = there / "slow_flush.so"
    flags = ("-shared", "-fPIC", "-O2")
    try:
        subprocess.run([compiler, *flags, "-o", library, SLOW_FLUSH, "-ldl"], check=True)
        os.environ["LD_PRELOAD"] = str(library)
        with house() as url:
            yield url
    finally:
        os.environ.pop("LD_PRELOAD", None)
        shutil.rmtree(there, ignore_errors=True)


def one_commit(url: str) -> float:
    """Milliseconds, median, of a commit that writes one row."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as there:
        there.execute("CREATE TABLE bench_commit (it int)")
        took = []
        for _ in range(50):
            start = time.perf_counter()
            there.execute("INSERT INTO bench_commit VALUES (1)")
            took.append(time.perf_counter() - start)
        there.execute("DROP TABLE bench_commit")
    return sorted(took)[25] * 1e3


def _migrate(url: str) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from config import database

    connection.close()
    options = database.parse(url)["OPTIONS"]
    for there in (connection.settings_dict, settings.DATABASES["default"]):
        there.update(database.parse(url), OPTIONS=dict(options))
    call_command("migrate", verbosity=0)
    connection.close()
    connection.settings_dict["OPTIONS"]["assume_role"] = ROLE


def _leave() -> None:
    from django.db import connection

    connection.close()


def rate(writers: int, count: int, work: Callable[[int, int], Any]) -> float:
    """Things done a second by so many processes, each doing `count` of them.

    `work(writer, count)` does the things; what it needs first it does in `work(writer, 0)`.
    """
    forks = multiprocessing.get_context("fork")
    ready, clock = forks.Barrier(writers), forks.Queue()

    def write(writer: int) -> None:
        work(writer, 0)
        ready.wait(60)
        start = time.monotonic()
        work(writer, count)
        clock.put((start, time.monotonic()))

    _leave()
    children = [forks.Process(target=write, args=(number,)) for number in range(writers)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert not any(child.exitcode for child in children), "a writer failed; it says why above"
    times = [clock.get() for _ in children]
    return writers * count / (max(end for _, end in times) - min(start for start, _ in times))
