"""What the wall clock starts: pulses only. Every deadline is data and hangs on business time.

A pulse that finds no worker within its own period is dropped; the next one does the same work.
"""

from typing import Any


def pulse(task: str, *, every: float) -> dict[str, Any]:
    return {"task": task, "schedule": every, "options": {"expires": max(2.0, every)}}


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "relay": pulse("clearing.relay_jobs", every=1.0),
    "seal": pulse("clearing.seal", every=1.0),
    "seal-prices": pulse("clearing.seal_prices", every=5.0),
    "audit": pulse("clearing.audit", every=60.0),
    "checkpoint": pulse("clearing.issue_checkpoint", every=60.0),
    "tick": pulse("clearing.tick", every=10.0),
}
