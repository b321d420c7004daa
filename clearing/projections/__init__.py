"""Rows from facts. Each function is total and knows one fact; `PROJECTIONS` says which.

They run in the transaction that records the fact, and again, in the log's order, when
`manage.py rebuild_projections` starts from nothing. There are three kinds, by what a fact costs:

- A function of one `Recorded`, for rare facts. They run one by one, in the order of the facts.
- A function marked `store.takes_many`, of a list of them, for facts that come by the thousand: one
  set-based statement for all facts of one append, or of one stretch of a replay, up to the next
  fact of the first kind. A replay cuts the log into other stretches than the appends did, and two of
  this kind may be given their facts in either order; so neither reads the other's rows.
- No function for an account's version: a fact that moves its account along, and is not the first kind
  of fact about the account's own row, stands in `MOVED_ALONG`. The append itself writes the version,
  as it writes entries and holdings, which are projections too, and a replay once at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clearing import models
from clearing.domain import events
from clearing.projections import (
    accounts,
    adjustments,
    collateral,
    prices,
    reconciliation,
    reference,
    schedule,
    settlement,
)
from clearing.projections.accounts import account_moved

AREAS = (reference, adjustments, prices, accounts, collateral, reconciliation, settlement, schedule)
MOVED_ALONG: tuple[type, ...] = (
    events.TradeNovated,
    events.ContractSettled,
    events.PenaltyCharged,
    events.LotsAdjusted,
    events.LegMoved,
    events.LegUnwound,
    events.PositionMoved,
    events.CollateralPorted,
    events.AccountPorted,
    events.PositionTransferRequested,
    events.PositionTransferEnded,
    *settlement.LINES,
)
PROJECTIONS: dict[type, Callable[..., Any]] = {
    fact: project for area in AREAS for fact, project in area.PROJECTIONS.items()
}
TABLES: tuple[type, ...] = (
    models.Entry,
    models.Holding,
    *(table for area in AREAS for table in area.TABLES),
)

__all__ = ["AREAS", "MOVED_ALONG", "PROJECTIONS", "TABLES", "account_moved"]
