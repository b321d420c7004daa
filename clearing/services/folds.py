"""What one stream folds to, from its latest snapshot: as many facts are read as are new.

A snapshot is a baseline and never the truth: it is used only as its hash says it was written, what
came after is always read and folded, and some of the readings fold everything again and compare. One
that differs is an alarm, not something to mend quietly. All of them may be deleted at any time; a
change of a projector's code is a new version of it, and starts from nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from django.db import connection

from clearing import selectors
from clearing.domain import account
from clearing.domain.account import Account, Standing
from clearing.services.findings import Check, Look, rows

log = logging.getLogger("surety.folds")

S = TypeVar("S")
EVERY = 500  # new facts that make another snapshot worth writing
SAMPLED = 1_000  # one reading in so many folds everything again
CHECKED = 200  # snapshots that `verify` folds again at most, the longest first
DELETE = "Snapshots are only baselines: DELETE FROM clearing_snapshot loses nothing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Projector(Generic[S]):
    """A pure fold of a stream, and how its state is kept; `version` goes up with its code."""

    name: str
    version: int
    start: Callable[[], S]
    evolve: Callable[[S, Any], S]
    text: Callable[[S], str]
    parsed: Callable[[str], S]


class SnapshotUnlike(Exception):
    """A snapshot is not what its stream folds to."""


def state(stream: str, projector: Projector[S], *, refold: bool | None = None) -> tuple[S, int]:
    """(what the stream folds to, at which version). `refold` folds everything again and compares;
    left out, one reading in many does. Raises SnapshotUnlike."""
    found, version = _baseline(stream, projector)
    folded, at = _onwards(stream, projector, found, version)
    if version and (secrets.randbelow(SAMPLED) == 0 if refold is None else refold):
        again, _ = _onwards(stream, projector, projector.start(), 0, up_to=at)
        if projector.text(again) != projector.text(folded):
            log.error("the snapshot of %s by %s differs from its stream", stream, projector.name)
            raise SnapshotUnlike(f"{stream} at version {version} by {projector.name}")
    if at - version >= EVERY:
        _keep(stream, projector, folded, at)
    return folded, at


def _baseline(stream: str, projector: Projector[S]) -> tuple[S, int]:
    """The snapshot, where there is one that is as it was written; else the start."""
    for version, text, digest in rows(_SNAPSHOT, [stream, projector.name, projector.version]):
        if _hash(stream, projector, version, text) == bytes(digest):
            return projector.parsed(text), version
        log.error("the snapshot of %s by %s was changed", stream, projector.name)
    return projector.start(), 0


def _onwards(
    stream: str, projector: Projector[S], found: S, version: int, *, up_to: int | None = None
) -> tuple[S, int]:
    for recorded in selectors.stream(stream, after=version):
        if up_to is not None and recorded.version > up_to:
            break
        found, version = projector.evolve(found, recorded.fact), recorded.version
    return found, version


def _keep(stream: str, projector: Projector[S], found: S, version: int) -> None:
    """A snapshot of an earlier version never takes the place of a later one."""
    text = projector.text(found)
    digest = _hash(stream, projector, version, text)
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [stream, projector.name, projector.version, version, text, digest])


def _hash(stream: str, projector: Projector[Any], version: int, text: str) -> bytes:
    said = json.dumps([stream, projector.name, projector.version, version, text])
    return hashlib.sha256(said.encode()).digest()


# --- accounts ---------------------------------------------------------------------------------


def _account_text(it: Account) -> str:
    said = [
        it.account_id,
        it.kind,
        it.standing.value,
        dict(sorted(it.holdings.items())),
        {name: list(asked) for name, asked in sorted(it.waiting.items())},
    ]
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def _account_parsed(text: str) -> Account:
    account_id, kind, standing, holdings, waiting = json.loads(text)
    return Account(
        account_id=account_id,
        kind=kind,
        standing=Standing(standing),
        holdings=MappingProxyType(holdings),
        waiting=MappingProxyType({name: (asset, much) for name, (asset, much) in waiting.items()}),
    )


ACCOUNT = Projector(
    name="account",
    version=1,
    start=Account,
    evolve=account.evolve,
    text=_account_text,
    parsed=_account_parsed,
)


def account_state(account_id: str, *, refold: bool | None = None) -> tuple[Account, int]:
    """An account as its own stream says, and at which version. Raises SnapshotUnlike."""
    return state(f"account-{account_id}", ACCOUNT, refold=refold)


def snapshots(look: Look) -> None:
    """Snapshots are what their streams fold to."""
    for (stream,) in rows(_STREAMS, [ACCOUNT.name, ACCOUNT.version, CHECKED]):
        look.saw()
        found, version = _baseline(stream, ACCOUNT)
        if not version:
            look.found(stream, "its snapshot is not the one that was written")
            continue
        again, _ = _onwards(stream, ACCOUNT, ACCOUNT.start(), 0, up_to=version)
        if _account_text(again) != _account_text(found):
            look.found(stream, f"its snapshot at version {version} is not what its facts fold to")


_SNAPSHOT = """
    SELECT version, state, state_hash FROM clearing_snapshot
    WHERE stream = %s AND projector = %s AND projector_version = %s
"""
_KEEP = """
    INSERT INTO clearing_snapshot AS kept
        (stream, projector, projector_version, version, state, state_hash)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (stream, projector, projector_version) DO UPDATE
        SET version = EXCLUDED.version, state = EXCLUDED.state, state_hash = EXCLUDED.state_hash
        WHERE kept.version < EXCLUDED.version
"""
_STREAMS = """
    SELECT stream FROM clearing_snapshot WHERE projector = %s AND projector_version = %s
    ORDER BY version DESC, stream LIMIT %s
"""

CHECKS = (Check("snapshots", DELETE, snapshots),)
