"""Several writers at once, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

R = TypeVar("R")


def at_once(jobs: Sequence[Callable[[], R]]) -> list[Future[R]]:
    """Start all of them at one moment and wait for all; each future has its answer or its error."""
    ready = threading.Barrier(len(jobs))

    def run(job: Callable[[], R]) -> R:
        try:
            connection.ensure_connection()
            ready.wait()
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [pool.submit(run, job) for job in jobs]
