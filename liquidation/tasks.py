"""Steps that workers run for liquidation."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from clearing.services import jobs
from liquidation.services import cases, flags


@shared_task(name="liquidation.open_case")
def open_case(*, job_id: int, **_newer: Any) -> None:
    """Left by every breached call."""
    jobs.run(job_id, lambda it, cause: cases.open_case(it["sequence"], cause=cause))


@shared_task(name="liquidation.walk_case")
def walk_case(*, job_id: int, **_newer: Any) -> None:
    """Left by every fact of a case that has a step after it."""
    jobs.run(job_id, lambda it, cause: cases.walk(it["account"], cause=cause))


@shared_task(name="liquidation.flag_cases")
def flag_cases(*, job_id: int, **_newer: Any) -> None:
    """Left when a corrected set is settled again."""
    jobs.run(job_id, lambda it, cause: flags.flag_all(it["sequence"], cause=cause))


@shared_task(name="liquidation.mind_case")
def mind_case(*, job_id: int, **_newer: Any) -> None:
    """Left for each case that should be moving."""
    jobs.run(job_id, lambda it, cause: cases.mind(it["account"], cause=cause))


@shared_task(name="liquidation.watch_cases")
def watch_cases(*, job_id: int, **_newer: Any) -> None:
    """Left by every step of business time."""
    jobs.run(job_id, lambda _, cause: cases.watch(cause=cause))
