"""The queue of record: rows with a lease and attempts; the relay that wakes workers.

A job is left in the transaction of what it follows from, so it exists exactly if its cause does.
Waking a worker over the broker is only a hurry-up: whatever the broker loses, the relay sends
again. A worker leases the row, works, and finishes it with the token it was given; an owner that
wakes up late holds an old token and changes nothing. Lease times are wall-clock times: they are
about processes, not about business.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

log = logging.getLogger("surety.jobs")

LEASE = timedelta(seconds=settings.SURETY_JOB_LEASE_SECONDS)
ATTEMPTS = 5
POKE_AGAIN = timedelta(seconds=3)
MOST_POKED = (
    20  # by whoever left them, who waits for it; the relay sends the others within a second
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    job_id: int
    kind: str
    key: str
    address: dict[str, Any]
    token: int
    attempts: int


def leave(kind: str, *, key: str, address: dict[str, Any]) -> int | None:
    """Write a job down in the current transaction; None when it was left before."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE, [kind, key, json.dumps(address), now, now])
        row = cursor.fetchone()
    if row is None:
        return None
    job_id: int = row[0]
    poke_after_commit([(job_id, kind)])
    return job_id


def poke_after_commit(left: Sequence[tuple[int, str]]) -> None:
    """Wake workers for jobs that exist once the current transaction is committed."""

    def each() -> None:
        for job_id, kind in left:
            poke(job_id, kind)

    transaction.on_commit(each, robust=True)


def poke(job_id: int, kind: str) -> None:
    """Wake a worker. A broker that is down costs time, never work: the relay tries again."""
    try:
        current_app.send_task(kind, kwargs={"job_id": job_id}, ignore_result=True)
    except Exception as error:  # noqa: BLE001 - any transport's error; logged, and the relay retries
        log.warning("broker did not take job %s (%s): %s", job_id, kind, error)


def relay(*, limit: int = 500) -> int:
    """Send what is due and not yet taken: never sent, sent too long ago, or its lease ran out."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_RELAY, [now, now, now - POKE_AGAIN, limit, now])
        rows: Iterable[tuple[int, str]] = cursor.fetchall()
    count = 0
    for job_id, kind in rows:
        poke(job_id, kind)
        count += 1
    return count


def lease(job_id: int, *, kind: str, worker: str) -> Leased | None:
    """Take a due job, or one whose owner's lease ran out; None when there is nothing to do.

    The kind must be the job's: a message that outlived its database names somebody else's job.
    A job that already used its attempts is declared dead instead: it must have taken its process
    down with it each time, or somebody would have said why.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _LEASE, [ATTEMPTS, ATTEMPTS, ATTEMPTS, now, now + LEASE, worker, job_id, kind, now, now]
        )
        row = cursor.fetchone()
    if row is None:
        return None
    kind, key, address, token, attempts, state = row
    if state == "dead":
        log.error("job %s (%s) is dead after %s attempts", job_id, kind, ATTEMPTS)
        return None
    return Leased(
        job_id=job_id,
        kind=kind,
        key=key,
        address=json.loads(address) if isinstance(address, str) else address,
        token=token,
        attempts=attempts,
    )


def finish(job: Leased) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_FINISH, [timezone.now(), job.job_id, job.token])
        return bool(cursor.rowcount)


def put_back(job: Leased, *, error: str, delay: timedelta, counts: bool) -> None:
    """Due again after the delay; a failed attempt counts, a polite wait does not."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _PUT_BACK,
            [
                *(counts, ATTEMPTS, counts, ATTEMPTS, now),
                *(now + delay, counts, error[:4000]),
                *(job.job_id, job.token),
            ],
        )


def revive(job_id: int) -> bool:
    """A dead job gets its attempts back, after somebody looked."""
    with connection.cursor() as cursor:
        cursor.execute(_REVIVE, [timezone.now(), job_id])
        return bool(cursor.rowcount)


_LEAVE = """
    INSERT INTO clearing_job (kind, key, address, state, attempts, token, not_before, worker,
                              error, left_at, poked_at)
    VALUES (%s, %s, %s, 'due', 0, 0, %s, '', '', %s, clock_timestamp())
    ON CONFLICT (kind, key) DO NOTHING RETURNING id
"""
_RELAY = """
    WITH open AS (
        SELECT id FROM clearing_job
        WHERE state IN ('due', 'leased') AND not_before <= %s
          AND (state = 'due' OR lease_until < %s)
          AND (poked_at IS NULL OR poked_at < %s)
        ORDER BY not_before, id LIMIT %s FOR UPDATE SKIP LOCKED
    )
    UPDATE clearing_job AS job SET poked_at = %s FROM open WHERE job.id = open.id
    RETURNING job.id, job.kind
"""
_LEASE = """
    UPDATE clearing_job SET
        state = CASE WHEN attempts >= %s THEN 'dead' ELSE 'leased' END,
        attempts = CASE WHEN attempts >= %s THEN attempts ELSE attempts + 1 END,
        finished_at = CASE WHEN attempts >= %s THEN %s ELSE NULL END,
        token = token + 1, lease_until = %s, worker = %s
    WHERE id = %s AND kind = %s AND state IN ('due', 'leased') AND not_before <= %s
      AND (state = 'due' OR lease_until < %s)
    RETURNING kind, key, address, token, attempts, state
"""
_FINISH = """
    UPDATE clearing_job SET state = 'done', finished_at = %s, lease_until = NULL, error = ''
    WHERE id = %s AND token = %s AND state = 'leased'
"""
_PUT_BACK = """
    UPDATE clearing_job SET
        state = CASE WHEN %s AND attempts >= %s THEN 'dead' ELSE 'due' END,
        finished_at = CASE WHEN %s AND attempts >= %s THEN %s ELSE NULL END,
        lease_until = NULL, not_before = %s, poked_at = NULL,
        attempts = CASE WHEN %s THEN attempts ELSE attempts - 1 END, error = %s
    WHERE id = %s AND token = %s AND state = 'leased'
"""
_REVIVE = """
    UPDATE clearing_job SET state = 'due', attempts = 0, poked_at = NULL, not_before = %s
    WHERE id = %s AND state = 'dead'
"""
