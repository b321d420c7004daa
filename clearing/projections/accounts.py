"""Rows of accounts."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Greatest

from clearing import models
from clearing.domain import events
from clearing.store import Recorded

OPEN, SUSPENDED, CLOSED = "open", "suspended", "closed"


def account_opened(recorded: Recorded) -> None:
    fact = recorded.fact
    models.AccountState.objects.create(
        account=fact.account_id,
        member=fact.member_id,
        kind=fact.kind,
        title=fact.title,
        standing=OPEN,
        version=recorded.version,
        sequence=recorded.sequence,
        opened_at=recorded.effective_at,
    )


def account_moved(recorded: Recorded, **changes: Any) -> None:
    """Every later fact of an account moves its version along, and none moves it back."""
    rows = models.AccountState.objects.filter(account=recorded.fact.account_id)
    rows.update(
        version=Greatest("version", recorded.version),
        sequence=Greatest("sequence", recorded.sequence),
        **changes,
    )


def account_suspended(recorded: Recorded) -> None:
    account_moved(recorded, standing=SUSPENDED)


def account_reinstated(recorded: Recorded) -> None:
    account_moved(recorded, standing=OPEN)


def account_closed(recorded: Recorded) -> None:
    account_moved(recorded, standing=CLOSED)


def account_reopened(recorded: Recorded) -> None:
    account_moved(recorded, standing=SUSPENDED)


PROJECTIONS = {
    events.AccountOpened: account_opened,
    events.AccountSuspended: account_suspended,
    events.AccountReinstated: account_reinstated,
    events.AccountClosed: account_closed,
    events.AccountReopened: account_reopened,
}
TABLES = (models.AccountState,)
