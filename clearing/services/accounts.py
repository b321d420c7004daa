"""What the record knows of an account's standing. Who owns it is the accounts app's business."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from clearing import selectors, store
from clearing.domain import account, entries
from clearing.domain.cause import Cause
from clearing.domain.events import AccountReopened
from clearing.selectors.accounts import closed_among


@store.decision
def open_account(
    account_id: str, *, member_id: str, kind: str, title: str, at: datetime, cause: Cause
) -> int:
    """Raises AccountAlreadyOpen."""
    stream = store.claim(f"account-{account_id}")
    fact = account.open_account(
        selectors.account(account_id),
        account_id=account_id,
        member_id=member_id,
        kind=kind,
        title=title,
    )
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def suspend(account_id: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """From here on it may only shed risk. None when it is suspended already."""
    stream = store.claim(f"account-{account_id}")
    fact = account.suspend(selectors.account(account_id), reason=reason)
    return store.append(stream, fact, at=at, cause=cause) if fact else None


@store.decision
def reinstate(account_id: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """None when it is open already."""
    stream = store.claim(f"account-{account_id}")
    fact = account.reinstate(selectors.account(account_id), reason=reason)
    return store.append(stream, fact, at=at, cause=cause) if fact else None


@store.decision
def close(account_id: str, *, reason: str, at: datetime, cause: Cause) -> int:
    """Raises AccountNotOpen, AccountNotFlat."""
    stream = store.claim(f"account-{account_id}")
    fact = account.close(selectors.account(account_id), reason=reason)
    return store.append(stream, fact, at=at, cause=cause)


def reopening(
    named: Iterable[tuple[store.Stream, Any]], *, reason: str
) -> list[tuple[store.Stream, Any]]:
    """What is to be recorded of accounts that may have been closed meanwhile, each reopened before
    the first fact that moves something there. Ask with the accounts' streams claimed."""
    facts = list(named)
    closed = closed_among({fact.account_id for _, fact in facts})
    found: list[tuple[store.Stream, Any]] = []
    for stream, fact in facts:
        if fact.account_id in closed and entries.effects(fact):
            closed.remove(fact.account_id)
            found.append((stream, AccountReopened(account_id=fact.account_id, reason=reason)))
        found.append((stream, fact))
    return found
