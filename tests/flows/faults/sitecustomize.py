"""Kills a chosen process at a chosen point, once, in whatever process reaches the point first.

Python imports this by itself in every process that has this folder on PYTHONPATH, so the house's
own code knows nothing of faults. SURETY_FAULT is `<victim pid file or self>|<point>|<what>|<latch>`:

    append    after a fact of this name is written, before its transaction commits
    poke      after a commit, before a job of this kind is published
    finish    after a job of this kind took effect, before it is marked done and acknowledged
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import signal
import sys
from pathlib import Path

FAULT = os.environ.get("SURETY_FAULT", "")
PLACES = {"append": "clearing.store", "poke": "clearing.jobs", "finish": "clearing.jobs"}


def _strike(victim: str, latch: str) -> None:
    try:
        os.close(os.open(latch, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    pid = os.getppid() if victim == "worker" else int(Path(victim).read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    if victim == "worker":
        os.kill(os.getpid(), signal.SIGKILL)


def _patch(module, victim: str, point: str, what: str, latch: str) -> None:
    original = getattr(module, point)

    def append(stream, fact, **rest):
        sequence = original(stream, fact, **rest)
        if what == fact.NAME:
            _strike(victim, latch)
        return sequence

    def poke(job_id, kind):
        if kind == what:
            _strike(victim, latch)
        return original(job_id, kind)

    def finish(job):
        if job.kind == what:
            _strike(victim, latch)
        return original(job)

    setattr(module, point, {"append": append, "poke": poke, "finish": finish}[point])


class _AfterImport(importlib.abc.MetaPathFinder):
    def __init__(self, victim: str, point: str, what: str, latch: str) -> None:
        self.arguments = (victim, point, what, latch)
        self.name = PLACES[point]

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            _patch(module, *self.arguments)

        spec.loader.exec_module = exec_module
        return spec


if FAULT and "worker" in sys.argv:  # the worker's own processes; its pool is forked from them
    sys.meta_path.insert(0, _AfterImport(*FAULT.split("|")))
