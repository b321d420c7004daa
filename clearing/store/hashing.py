"""The formula of a fact's hash, as the second program has it."""

from __future__ import annotations

import hashlib
from datetime import datetime

from clearing.domain import clock
from clearing.domain.cause import Cause

GENESIS = bytes(32)  # the hash before a stream's first


def event_hash(
    *,
    previous: bytes,
    stream: str,
    version: int,
    name: str,
    effective_at: datetime,
    recorded_at: datetime,
    cause: Cause,
    payload: str,
) -> bytes:
    """SHA-256 over the stream's last hash and every column but the sequence, each with its length.

    The server computes it when a fact is appended; this is the second program, for whoever checks.
    The sequence is bound by the sealed block instead, so that streams stay independent.
    """
    parts = (
        previous,
        stream.encode(),
        str(version).encode(),
        name.encode(),
        clock.text(effective_at).encode(),
        clock.text(recorded_at).encode(),
        cause.actor.encode(),
        cause.correlation_id.encode(),
        b"" if cause.sequence is None else str(cause.sequence).encode(),
        payload.encode(),
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.digest()
