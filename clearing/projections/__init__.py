"""Rows from facts. Each function is total and knows one fact; `PROJECTIONS` says which.

They run in the transaction that records the fact, and again, in the log's order, when
`manage.py rebuild_projections` starts from nothing. Entries and holdings are projections too; the
store writes them, because every fact of every app may move something. So is an account's place in
its stream: a fact that does no more than move it along stands in `MOVED_ALONG`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clearing import models
from clearing.domain import events
from clearing.projections import accounts, collateral, prices, reference, schedule
from clearing.projections.accounts import account_moved

AREAS = (reference, schedule, prices, accounts, collateral)
MOVED_ALONG: tuple[type, ...] = (
    events.TradeNovated,
    events.ContractSettled,
    events.PenaltyCharged,
)
PROJECTIONS: dict[type, Callable[..., Any]] = {
    **dict.fromkeys(MOVED_ALONG, account_moved),
    **{fact: project for area in AREAS for fact, project in area.PROJECTIONS.items()},
}
TABLES: tuple[type, ...] = (
    models.Entry,
    models.Holding,
    *(table for area in AREAS for table in area.TABLES),
)

__all__ = ["AREAS", "MOVED_ALONG", "PROJECTIONS", "TABLES", "account_moved"]
