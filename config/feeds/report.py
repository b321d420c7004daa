"""What the commands say: one spelling of refusals, times and counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from clearing.domain.cause import Cause


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def period(text: str) -> datetime:
    """A day or a time, in UTC unless it says otherwise. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def cause_of(command: str, paths: Iterable[Path]) -> Cause:
    """The same files again are the same story."""
    names = hashlib.sha256("\n".join(sorted(path.name for path in paths)).encode())
    return Cause(actor=f"system:{command}", correlation_id=f"{command}-{names.hexdigest()[:12]}")
