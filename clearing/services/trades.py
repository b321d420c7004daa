"""Registering matched trades."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime

from clearing import selectors, store
from clearing.domain import account, instrument, prices
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.instrument import Instrument, InstrumentUnknown
from clearing.domain.trade import HOUSE_VENUE, BatchOutOfRange, Leg, Trade, legs_of

MOST_IN_A_BATCH = 1_000


def novate(trade: Trade, *, at: datetime, cause: Cause) -> int:
    """Put the house between buyer and seller; return the sequence of the last leg.

    Both legs are written or neither is. Asking twice records once and answers the same.
    Raises InstrumentUnknown, InstrumentNotTrading, AccountNotOpen, KeyReused, and what
    `trade.legs_of` raises.
    """
    return novate_all([trade], at=at, cause=cause)[0]


@store.decision
def novate_all(trades: Sequence[Trade], *, at: datetime, cause: Cause) -> list[int]:
    """All of them or none, as one decision: what belongs together is margined together.

    Returns the sequence of each trade's last leg. Raises as `novate`, and BatchOutOfRange.
    """
    if not 1 <= len(trades) <= MOST_IN_A_BATCH:
        raise BatchOutOfRange(field="trades", count=len(trades), limit=MOST_IN_A_BATCH)
    terms = selectors.shared_instruments({trade.symbol for trade in trades})
    legs = {}
    for place, trade in enumerate(trades):
        with _naming(place):
            legs[trade.venue, trade.trade_id] = legs_of(trade, _listed(terms, trade.symbol))
    _check_bands(trades, legs, terms, at=at)
    accounts = sorted({leg.account_id for pair in legs.values() for leg in pair})
    streams = {account_id: store.claim(f"account-{account_id}") for account_id in accounts}
    sequences = []
    for place, trade in enumerate(trades):
        pair, it = legs[trade.venue, trade.trade_id], terms[trade.symbol]
        with _naming(place):
            sequences.append(_novate_one(trade, pair, it, streams, at, cause))
    return sequences


@contextmanager
def _naming(place: int) -> Iterator[None]:
    """A refusal of one trade of many says which."""
    try:
        yield
    except Refusal as refusal:
        refusal.place = place
        raise


def _check_bands(
    trades: Sequence[Trade],
    legs: Mapping[tuple[str, str], tuple[Leg, Leg]],
    terms: Mapping[str, Instrument],
    *,
    at: datetime,
) -> None:
    """Against the latest set while it is fresh; what the house itself reports is at the mark."""
    policy, latest = selectors.policy(), selectors.price_sets().first()
    if not policy.price_band or latest is None:
        return
    if (at - latest.at).total_seconds() > policy.price_max_age_seconds:
        return
    sealed = selectors.prices_at(latest.sequence).prices
    for place, trade in enumerate(trades):
        if trade.venue == HOUSE_VENUE:
            continue
        it, leg = terms[trade.symbol], legs[trade.venue, trade.trade_id][0]
        with _naming(place):
            price = instrument.price_of(it, leg.price_ticks)
            prices.check_band(sealed, it, price=price, band=policy.price_band)


def _novate_one(
    trade: Trade,
    legs: tuple[Leg, Leg],
    it: Instrument,
    streams: Mapping[str, store.Stream],
    at: datetime,
    cause: Cause,
) -> int:
    scope, content = f"venue:{trade.venue}", json.dumps(asdict(trade), sort_keys=True)
    recorded = store.earlier(scope=scope, key=trade.trade_id, content=content)
    if recorded is not None:
        return recorded
    instrument.check_trading(it, at=at)
    sequence = 0
    for leg in legs:
        fact = account.novate(selectors.account(leg.account_id), leg, it)
        sequence = store.append(streams[leg.account_id], fact, at=at, cause=cause)
    return store.remember(scope=scope, key=trade.trade_id, content=content, sequence=sequence)


def _listed(terms: Mapping[str, Instrument], symbol: str) -> Instrument:
    if symbol not in terms:
        raise InstrumentUnknown(field="symbol", symbol=symbol)
    return terms[symbol]
