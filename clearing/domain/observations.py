"""What one source said of many prices: a batch, kept as it came and named by its content.

A subject is what a price is of, spelled `index BTC`, `forward BTC 2026-01-30T08:00:00.000000Z` or
`quote BTC-PERP`. A number that was not given is the empty text; nothing is judged here, since a
wrong price is evidence too (clearing.domain.quorum judges).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from clearing.domain import amounts, clock
from clearing.domain.errors import Refusal

MOST_OBSERVATIONS = 5_000  # in one batch
LONGEST_SUBJECT = 100
NUMBERS = ("bid", "ask", "mark", "last", "vol", "depth")


class Of(StrEnum):
    """What a subject's price is of; the first word of its spelling."""

    INDEX = "index"
    FORWARD = "forward"
    QUOTE = "quote"


class ObservationRefused(Refusal):
    code = "observation-refused"
    says = "This is not an observation."
    remedy = "Say of what and when, in plain decimals; a price may be wrong, its shape may not."


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One price at one moment, as reported.

    bid, ask, mark, last and vol are decimals or empty; prices in the instrument's own quotation,
    vol a fraction a year; depth is what stood behind the better of bid and ask, in units.
    """

    subject: str
    at: datetime
    bid: str = ""
    ask: str = ""
    mark: str = ""
    last: str = ""
    vol: str = ""
    depth: str = ""

    def number(self, name: str) -> Decimal | None:
        text: str = getattr(self, name)
        return Decimal(text) if text else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a source said at once; `name` is the hash of `body`."""

    name: str
    source: str
    observations: tuple[Observation, ...]


def subject_of(of: Of, name: str, expiry_at: datetime | None = None) -> str:
    return f"{of} {name}" + (f" {clock.text(expiry_at)}" if expiry_at else "")


def parts(subject: str) -> tuple[Of, str, str]:
    """(of what, asset or symbol, expiry or nothing). Raises ObservationRefused."""
    words = subject.split(" ")
    known = {it.value for it in Of}
    expected = 3 if words[0] == Of.FORWARD else 2
    if words[0] not in known or len(words) != expected or not all(words):
        raise ObservationRefused(field="subject", got=subject[:60], form="index BTC")
    return Of(words[0]), words[1], words[2] if expected == 3 else ""


def check(found: Sequence[Observation], *, now: datetime, ahead_seconds: int) -> None:
    """Shape and time only. Raises ObservationRefused with the place of the first that is wrong,
    NotANumber."""
    if not 1 <= len(found) <= MOST_OBSERVATIONS:
        raise ObservationRefused(field="observations", count=len(found), limit=MOST_OBSERVATIONS)
    latest = now + timedelta(seconds=ahead_seconds)
    for place, each in enumerate(found):
        try:
            _check_one(each, latest=latest)
        except Refusal as refusal:
            refusal.place = place
            raise


def _check_one(it: Observation, *, latest: datetime) -> None:
    if len(it.subject) > LONGEST_SUBJECT:
        raise ObservationRefused(field="subject", got=it.subject[:60])
    of, _, expiry = parts(it.subject)
    if of is Of.FORWARD:
        try:
            spelled = clock.text(clock.parsed(expiry))
        except (ValueError, OverflowError):
            spelled = ""
        if spelled != expiry:
            raise ObservationRefused(field="subject", got=it.subject, form="RFC 3339, UTC")
    if it.at > latest:
        raise ObservationRefused(field="at", got=clock.text(it.at), latest=clock.text(latest))
    for name in NUMBERS:
        text = getattr(it, name)
        if text:
            amounts.decimal(text, field=name)


def content(source: str, found: Sequence[Observation]) -> str:
    """Canonical JSON, in the order of reporting: the text that is hashed and kept."""
    rows = [
        [it.subject, clock.text(it.at), *(getattr(it, name) for name in NUMBERS)] for it in found
    ]
    return json.dumps(
        {"observations": rows, "source": source},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )


def name_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read(text: str) -> Batch:
    body = json.loads(text)
    return Batch(
        name=name_of(text),
        source=body["source"],
        observations=tuple(
            Observation(
                subject=subject, at=clock.parsed(at), **dict(zip(NUMBERS, numbers, strict=True))
            )
            for subject, at, *numbers in body["observations"]
        ),
    )
