"""Steps that workers run for margin."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from clearing.services import jobs
from margin.services import calls, runs, substitutions, withdrawals


@shared_task(name="margin.remargin_account")
def remargin_account(*, job_id: int, **_newer: Any) -> None:
    """Left by every trade leg, deposit, withdrawal and penalty."""
    jobs.run(job_id, lambda it, cause: runs.remargin(it["account"], cause=cause))


@shared_task(name="margin.remargin_all")
def remargin_all(*, job_id: int, **_newer: Any) -> None:
    """Left when a price set's expiries are settled."""
    jobs.run(job_id, lambda it, cause: runs.start("prices", slot=str(it["sequence"]), cause=cause))


@shared_task(name="margin.adopt_parameters")
def adopt_parameters(*, job_id: int, **_newer: Any) -> None:
    """Left when other parameters come into force."""
    jobs.run(job_id, lambda it, cause: runs.adopt(slot=str(it["sequence"]), cause=cause))


@shared_task(name="margin.start_run")
def start_run(*, job_id: int, **_newer: Any) -> None:
    """Left by the schedule: periodic and nightly runs."""
    jobs.run(job_id, lambda it, cause: runs.start(it["kind"], slot=it["slot"], cause=cause))


@shared_task(name="margin.price_chunk")
def price_chunk(*, job_id: int, **_newer: Any) -> None:
    """Left by the start of a run, one for each stretch of accounts."""
    jobs.run(
        job_id,
        lambda it, cause: runs.price_chunk(
            it["run"], first=it["first"], last=it["last"], cause=cause
        ),
    )


@shared_task(name="margin.decide_calls")
def decide_calls(*, job_id: int, **_newer: Any) -> None:
    """Left by every completed run."""
    jobs.run(job_id, lambda it, cause: calls.decide_run(it["sequence"], cause=cause))


@shared_task(name="margin.decide_call")
def decide_call(*, job_id: int, **_newer: Any) -> None:
    """Left for each account of a completed run that is short or called."""
    jobs.run(job_id, lambda it, cause: calls.decide(it["account"], run_id=it["run"], cause=cause))


@shared_task(name="margin.sweep_calls")
def sweep_calls(*, job_id: int, **_newer: Any) -> None:
    """Left by every step of business time."""
    jobs.run(job_id, lambda _, cause: calls.sweep(cause=cause))


@shared_task(name="margin.sweep_call")
def sweep_call(*, job_id: int, **_newer: Any) -> None:
    """Left for each call whose due time has come."""
    jobs.run(job_id, lambda it, cause: calls.sweep_one(it["account"], cause=cause))


@shared_task(name="margin.schedule_runs")
def schedule_runs(*, job_id: int, **_newer: Any) -> None:
    """Left by every step of business time."""
    jobs.run(job_id, lambda _, cause: runs.schedule(cause=cause))


@shared_task(name="margin.test_withdrawal")
def test_withdrawal(*, job_id: int, **_newer: Any) -> None:
    """Left by every request to withdraw."""
    jobs.run(job_id, lambda it, cause: withdrawals.test(it["sequence"], cause=cause))


@shared_task(name="margin.release_withdrawal")
def release_withdrawal(*, job_id: int, **_newer: Any) -> None:
    """Left by every approval and confirmation, and by the sweep of what waits for room."""
    jobs.run(job_id, lambda it, cause: withdrawals.release(it["sequence"], cause=cause))


@shared_task(name="margin.sweep_withdrawals")
def sweep_withdrawals(*, job_id: int, **_newer: Any) -> None:
    """Left by every step of business time."""
    jobs.run(job_id, lambda _, cause: withdrawals.sweep(cause=cause))


@shared_task(name="margin.release_substitution")
def release_substitution(*, job_id: int, **_newer: Any) -> None:
    """Left when what comes in has arrived, and by the sweep of what waits for room."""
    jobs.run(job_id, lambda it, cause: substitutions.release(it["sequence"], cause=cause))


@shared_task(name="margin.sweep_substitutions")
def sweep_substitutions(*, job_id: int, **_newer: Any) -> None:
    """Left by every step of business time."""
    jobs.run(job_id, lambda _, cause: substitutions.sweep(cause=cause))
