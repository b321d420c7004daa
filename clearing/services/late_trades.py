"""Late trades: told after the day they were made on, and booked under that day."""

from __future__ import annotations

from datetime import datetime, timedelta

from clearing import selectors, store
from clearing.domain import clock
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.trade import Trade
from clearing.services import trades

LATEST = timedelta(days=7)


class ExecutionTimeNotValid(Refusal):
    code = "execution-time-not-valid"
    says = "A trade is reported after it was made, and within the limit."


@store.decision
def register(trade: Trade, *, executed_at: datetime, at: datetime, cause: Cause) -> int:
    """As `trades.novate`, taking effect when it was made; return the sequence of the last leg.

    It is carried at its own price, so what was settled before stands and the next settlement pays
    only what this trade adds; results computed before stand too, and later ones supersede them.
    Raises ExecutionTimeNotValid; KeyReused where it was reported before with another time.
    """
    if not at - LATEST <= executed_at <= at:
        spelled = clock.text(executed_at)
        raise ExecutionTimeNotValid(field="executed_at", got=spelled, limit=LATEST)
    sequence = trades.novate(trade, at=executed_at, cause=cause)
    if selectors.trade(trade.venue, trade.trade_id).executed_at != executed_at:
        raise store.KeyReused(field="key", key=trade.trade_id)
    return sequence
