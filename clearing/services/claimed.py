"""Accounts under claim, folded in memory while a decision makes up its facts.

For whoever decides about many accounts at once: what is known of them is read once, each fact is
folded in as it is decided, and all of them are appended together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clearing import selectors, store
from clearing.domain import account
from clearing.domain.account import Account
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound

TRIES = 5


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked under a key. Ask whether it was answered before anything else, since a repeated
    request is answered whatever has changed meanwhile; and again after claiming, since whoever held
    the claim may have answered it."""

    scope: str
    key: str
    content: str

    @classmethod
    def of(cls, cause: Cause, key: str, *content: Any) -> Request:
        return cls(scope=cause.actor, key=key, content=json.dumps(content, default=str))

    def answer(self) -> int | None:
        """Raises KeyReused."""
        return store.earlier(scope=self.scope, key=self.key, content=self.content)

    def answered(self, sequence: int) -> int:
        return store.remember(
            scope=self.scope, key=self.key, content=self.content, sequence=sequence
        )


class _Moved(Exception):
    """Somebody else's decision changed whom this one is about, before they were claimed."""


@dataclass(slots=True)
class Claimed:
    """Use `account(id)` for the account as decided so far, `decide(fact)` for what happens next."""

    streams: dict[str, store.Stream]
    accounts: dict[str, Account]
    facts: list[tuple[store.Stream, Any]] = field(default_factory=list)

    def account(self, account_id: str) -> Account:
        return self.accounts[account_id]

    def decide(self, fact: Any) -> None:
        """A fact of an account."""
        self.facts.append((self.streams[f"account-{fact.account_id}"], fact))
        self.accounts[fact.account_id] = account.evolve(self.accounts[fact.account_id], fact)

    def note(self, stream: str, fact: Any) -> None:
        """A fact of another stream."""
        self.facts.append((self.streams[stream], fact))

    def record(self, *, at: datetime, cause: Cause) -> int:
        """Append all of it, in the order it was decided; return the sequence of the last."""
        return store.append_all(self.facts, at=at, cause=cause)[-1]


def claim(accounts: Iterable[str], *, streams: Iterable[str] = ()) -> Claimed:
    """Raises NotFound for an account that was never opened."""
    named = sorted(set(accounts))
    found = store.claim_all([*streams, *(f"account-{name}" for name in named)])
    held = selectors.accounts_held(named)
    for name, it in held.items():
        if it.standing is account.Standing.UNOPENED:
            raise NotFound(field="account", account=name)
    return Claimed(streams=found, accounts=held)


def claim_whoever(find: Callable[[], set[str]], *, streams: Iterable[str] = ()) -> Claimed:
    """Claim accounts that can only be known by looking; look again once they are claimed.

    Where somebody was faster, what was claimed is let go and the look taken anew.
    """
    before = set(streams)
    store.claim_all(before)
    for _ in range(TRIES):
        wanted = find()
        try:
            with store.attempt():
                found = claim(wanted, streams=before)
                if not find() <= wanted:
                    raise _Moved
                return found
        except _Moved:
            continue
    raise AssertionError("whom it is about changed each time it was looked up")
