"""What was not heard when a price set was made, and why: kept beside the set, bound by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    SUSPENDED = "suspended"
    NOT_ITS_OWN = "not-its-own"  # it is not admitted for that underlying
    NOT_LISTED = "not-listed"
    EXPIRED = "expired"
    STALE = "stale"
    EMPTY = "empty"  # neither mark, nor both sides, nor a last price
    NEGATIVE = "negative"
    CROSSED = "crossed"
    ZERO = "zero"
    NO_VOLATILITY = "no-volatility"
    JUMPED = "jumped"
    OUTLYING = "outlying"
    # of a subject as a whole: no source is named
    NO_QUORUM = "no-quorum"
    DIVERGING = "diverging"
    UNSUPPORTED = "unsupported"  # the index or forward it hangs on is not in the set


@dataclass(frozen=True, slots=True, order=True)
class Rejection:
    """Why something was not heard; `says` has the numbers. Without a source: why there is no price."""

    subject: str
    source: str
    why: str
    says: str


def hash_of(rejections: Iterable[Rejection]) -> str:
    """Of the canonical list: by subject, source, reason."""
    rows = [[it.subject, it.source, it.why, it.says] for it in sorted(rejections)]
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
