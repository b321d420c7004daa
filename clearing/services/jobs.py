"""Running one job: lease, step, finish; and what happens when the step fails."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from celery import current_task

from clearing import jobs
from clearing.domain.cause import Cause

log = logging.getLogger("surety.jobs")

WAIT = timedelta(milliseconds=200)


class NotYet(Exception):
    """The step cannot be done yet and costs no attempt: something before it is still under way."""


def run(
    job_id: int, step: Callable[[dict[str, Any], Cause], object], *, kind: str | None = None
) -> bool:
    """Do a job's step once it can be leased; False when there was nothing to do.

    The job's kind is the name of the task that runs it, unless said otherwise.

    The step gets the job's address and the cause to record facts under. It may be run twice, late
    or after a crash, so it must be idempotent. An error puts the job back with a growing delay and
    after its attempts declares it dead, which `doctor` and the admin's front page shout about.
    """
    worker = f"{socket.gethostname()}:{os.getpid()}"
    job = jobs.lease(job_id, kind=kind or current_task.name, worker=worker)
    if job is None:
        return False
    cause = Cause(
        actor=f"system:{job.kind}",
        correlation_id=job.address.get("correlation_id", f"{job.kind}:{job.key}"),
        sequence=job.address.get("sequence"),
    )
    try:
        step(job.address, cause)
    except NotYet as wait:
        jobs.put_back(job, error=str(wait), delay=WAIT, counts=False)
        return False
    except Exception as error:
        log.exception("job %s (%s %s) failed", job.job_id, job.kind, job.key)
        delay = timedelta(seconds=2 ** (job.attempts - 1))
        jobs.put_back(job, error=f"{type(error).__name__}: {error}", delay=delay, counts=True)
        return False
    return jobs.finish(job)


def leave(kind: str, *, key: str, address: dict[str, Any]) -> int | None:
    """A job that follows from no single fact: a chunk of a run, a slot of the schedule."""
    return jobs.leave(kind, key=key, address=address)


def relay() -> int:
    return jobs.relay()


def revive(job_id: int) -> bool:
    return jobs.revive(job_id)
