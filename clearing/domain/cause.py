"""Who asked, and which request a fact belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Copied into every fact, so that one request's whole trail is one indexed query.

    `actor` is `credential:<id>`, `officer:<login>` or `system:<job kind>`; `correlation_id` is the
    request or the story a fact belongs to; `sequence` is the fact that led to this one, if any.
    """

    actor: str
    correlation_id: str
    sequence: int | None = None

    def because_of(self, sequence: int) -> Cause:
        return replace(self, sequence=sequence)
