"""Steps that workers run for the record, and the pulses that keep it moving."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from clearing.domain.cause import Cause
from clearing.services import funding, jobs, resettlement, sealing, settlement, timekeeping


@shared_task(name="clearing.settle_expiries")
def settle_expiries(*, job_id: int, **_newer: Any) -> None:
    """Left by every sealed price set."""
    jobs.run(
        job_id,
        lambda address, cause: settlement.settle_expiries(address["sequence"], cause=cause),
    )


@shared_task(name="clearing.settle_funding")
def settle_funding(*, job_id: int, **_newer: Any) -> None:
    """Left by every funding rate, and by a late trade in an interval that was funded before."""
    jobs.run(job_id, lambda address, cause: funding.settle(address["sequence"], cause=cause))


@shared_task(name="clearing.resettle")
def resettle(*, job_id: int, **_newer: Any) -> None:
    """Left by every corrected price set."""
    jobs.run(job_id, lambda address, cause: resettlement.resettle(address["sequence"], cause=cause))


@shared_task(name="clearing.relay_jobs")
def relay_jobs(**_newer: Any) -> None:
    """Pulse: wake workers for what is due and what the broker lost."""
    jobs.relay()


@shared_task(name="clearing.seal")
def seal(**_newer: Any) -> None:
    """Pulse: fix the global order behind the writers."""
    sealing.seal()


@shared_task(name="clearing.tick")
def tick(**_newer: Any) -> None:
    """Pulse: in live use, business time follows the wall clock."""
    timekeeping.tick(cause=Cause(actor="system:clearing.tick", correlation_id="clock"))
