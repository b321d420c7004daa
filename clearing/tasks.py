"""Steps that workers run for the record, and the pulses that keep it moving."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from clearing import selectors
from clearing.domain.cause import Cause
from clearing.services import (
    auditor,
    checkpoints,
    funding,
    handovers,
    jobs,
    quorum,
    resettlement,
    sealing,
    settlement,
    timekeeping,
)


@shared_task(name="clearing.settle_expiries")
def settle_expiries(*, job_id: int, **_newer: Any) -> None:
    """Left by every sealed price set."""
    jobs.run(
        job_id,
        lambda address, cause: settlement.settle_expiries(address["sequence"], cause=cause),
    )


@shared_task(name="clearing.sweep_handovers")
def sweep_handovers(*, job_id: int, **_newer: Any) -> None:
    """Left by every step of the clock."""
    jobs.run(job_id, lambda _address, cause: handovers.sweep(cause=cause))


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
    sealing.catch_up()


@shared_task(name="clearing.issue_checkpoint")
def issue_checkpoint(**_newer: Any) -> None:
    """Pulse: sign what is sealed, where there is a key to sign with."""
    checkpoints.issue_if_possible()


@shared_task(name="clearing.tick")
def tick(**_newer: Any) -> None:
    """Pulse: in live use, business time follows the wall clock."""
    timekeeping.tick(cause=Cause(actor="system:clearing.tick", correlation_id="clock"))


@shared_task(name="clearing.seal_prices")
def seal_prices(**_newer: Any) -> None:
    """Pulse: close the window that has come; windows are data, so a missed pulse misses none that
    matters, and a second one finds it closed."""
    quorum.seal_window(cause=Cause(actor="system:clearing.seal_prices", correlation_id="prices"))


@shared_task(name="clearing.audit")
def audit(**_newer: Any) -> None:
    """Pulse: what is always true must be true; a story's clock may not have started yet."""
    if selectors.business_clock() is None:
        return
    cause = Cause(actor="system:clearing.audit", correlation_id="audit")
    auditor.audit(at=timekeeping.now(), cause=cause)
