"""What a result row is, as far as its hash is concerned."""

from __future__ import annotations

import hashlib
import json
from typing import Any

HASHED = (
    "account",
    "account_version",
    "account_sequence",
    "price_sequence",
    "parameter_set",
    "reason",
    "asset",
    "equity",
    "maintenance",
    "initial",
    "array_digest",
    "detail",
)


def result_hash(fields: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of `HASHED`; the same inputs give the same hash in any run."""
    named = {name: fields[name] for name in HASHED}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
