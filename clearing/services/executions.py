"""Trades that arrive as FpML messages: each message is booked whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from clearing import selectors, store
from clearing.domain import executions
from clearing.domain.amendment import Codes
from clearing.domain.cause import Cause
from clearing.domain.errors import naming
from clearing.domain.fpml import Execution, FpmlNotTaken, Message
from clearing.domain.trade import Trade
from clearing.services import trades


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    trade: Trade
    sequence: int
    new: bool  # False where it had been booked before


@store.decision
def book(
    message: Message, *, parties: Mapping[str, str], venue: str = "", at: datetime, cause: Cause
) -> list[Booked]:
    """All of its trades as one decision; told twice it is booked once.

    `parties` says which account each party of the message trades for, by any name the message
    gives it; `venue` is who reports it, or else the exchange that the message names. Raises what
    the domain's `executions` and `trades.novate_all` raise, with the trade's place.
    """
    reported = []
    for place, execution in enumerate(message.executions):
        with naming(place):
            reported.append(_trade(execution, parties, venue=venue, at=at))
    latest = selectors.latest_of(name for it in reported for name in (it.buyer, it.seller))
    sequences = trades.novate_all(reported, at=at, cause=cause)
    return [
        Booked(trade=it, sequence=place, new=place > max(latest[it.buyer], latest[it.seller]))
        for it, place in zip(reported, sequences, strict=True)
    ]


def _trade(execution: Execution, parties: Mapping[str, str], *, venue: str, at: datetime) -> Trade:
    if execution.trade_date[:10] > f"{at:%Y-%m-%d}":
        raise FpmlNotTaken(
            field="tradeDate", said=execution.trade_date[:60], business_date=f"{at:%Y-%m-%d}"
        )
    matched_at = executions.venue_of(execution, venue=venue)
    found = selectors.described(execution.product)
    terms, known = selectors.instruments(found), selectors.codes(found)
    it = executions.matching(execution.product, terms, known)
    return executions.trade_of(
        execution, it, known.get(it.symbol, Codes()), parties, venue=matched_at
    )
