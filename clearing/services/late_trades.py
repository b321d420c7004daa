"""Late trades: told after the day they were made on, and booked under that day."""

from __future__ import annotations

from datetime import datetime, timedelta

from clearing import selectors, store
from clearing.domain import clock
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.trade import Trade
from clearing.selectors.log import begun
from clearing.services import trades

LATEST = timedelta(days=7)


class ExecutionTimeNotValid(Refusal):
    code = "execution-time-not-valid"
    says = "A trade is reported after it was made, and within the limit."


class ExecutedTooEarly(Refusal):
    code = "executed-too-early"
    says = "A trade is made in an instrument that is listed, between accounts that are open."
    remedy = "Check executed_at: it can have been made from the time named here on."


@store.decision
def register(trade: Trade, *, executed_at: datetime, at: datetime, cause: Cause) -> int:
    """As `trades.novate`, taking effect when it was made; return the sequence of the last leg.

    It is carried at its own price, so what was settled before stands and the next settlement pays
    only what this trade adds; results computed before stand too, and later ones supersede them.
    Raises ExecutionTimeNotValid, ExecutedTooEarly; KeyReused where it was reported before with
    another time.
    """
    if not at - LATEST <= executed_at <= at:
        spelled = clock.text(executed_at)
        raise ExecutionTimeNotValid(field="executed_at", got=spelled, limit=LATEST)
    _check_was_possible(trade, executed_at=executed_at)
    sequence = trades.novate(trade, at=executed_at, cause=cause)
    if selectors.trade(trade.venue, trade.trade_id).executed_at != executed_at:
        raise store.KeyReused(field="key", key=trade.trade_id)
    return sequence


def _check_was_possible(trade: Trade, *, executed_at: datetime) -> None:
    """The very moment of the listing or opening is early enough; what was never listed or opened is
    refused when it is booked."""
    needs = {
        f"instrument-{trade.symbol}": {"instrument": trade.symbol},
        f"account-{trade.buyer}": {"account": trade.buyer},
        f"account-{trade.seller}": {"account": trade.seller},
    }
    since = begun(needs)
    late = max(since, key=lambda stream: since[stream], default=None)
    if late is not None and executed_at < since[late]:
        got, there = clock.text(executed_at), clock.text(since[late])
        raise ExecutedTooEarly(field="executed_at", got=got, **needs[late], since=there)
