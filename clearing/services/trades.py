"""Registering matched trades.

However many there are, it takes the same few round trips: one to lock the instruments and the
accounts and learn all there is to know of both, one to record everything. In between the trades are
folded in memory, each on what the ones before it left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from clearing import selectors, store
from clearing.domain import account, instrument, prices
from clearing.domain.account import Account
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.events import TradeNovated
from clearing.domain.instrument import Instrument, InstrumentUnknown
from clearing.domain.trade import HOUSE_VENUE, BatchOutOfRange, Leg, Trade, legs_of
from clearing.services import bands

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
    board = _board(trades, at=at)
    for place, trade in enumerate(trades):
        with _naming(place):
            board.take(place, trade)
    return board.record(cause=cause)


@store.decision
def novate_each(trades: Sequence[Trade], *, at: datetime, cause: Cause) -> list[int | Refusal]:
    """Every one that can be, in their order: of each, the sequence of its last leg or the refusal.

    A refused trade loses none of the others, which are still one decision: they are recorded
    together or, when the house itself fails, not at all. Raises BatchOutOfRange.
    """
    board = _board(trades, at=at)
    refused: dict[int, Refusal] = {}
    for place, trade in enumerate(trades):
        try:
            with _naming(place):
                board.take(place, trade)
        except Refusal as refusal:
            refused[place] = refusal
    sequences = iter(board.record(cause=cause))
    return [refused[place] if place in refused else next(sequences) for place in range(len(trades))]


@contextmanager
def _naming(place: int) -> Iterator[None]:
    """A refusal of one trade of many says which."""
    try:
        yield
    except Refusal as refusal:
        refusal.place = place
        raise


@dataclass(slots=True)
class _Board:
    """Trades on their way into the log, and everything they are decided on.

    `held` is each account as the trades so far leave it. `taken` is, by place in the batch, what a
    trade came to: the sequence it led to long ago, or the place of its last leg among `facts`.
    """

    at: datetime
    terms: Mapping[str, Instrument]
    streams: Mapping[str, store.Stream]
    held: dict[str, Account]
    keys: list[store.Key]
    kept: dict[int, tuple[bytes, store.Kept]]
    check_band: Callable[[Trade, Instrument, int], None]
    facts: list[tuple[store.Stream, TradeNovated]] = field(default_factory=list)
    new: dict[tuple[str, str], tuple[store.Key, int]] = field(default_factory=dict)
    taken: list[tuple[int | None, int]] = field(default_factory=list)

    def take(self, place: int, trade: Trade) -> None:
        """One more trade, or the refusal it meets, which leaves the board as it was."""
        it = _listed(self.terms, trade.symbol)
        legs = legs_of(trade, it)
        self.check_band(trade, it, legs[0].price_ticks)
        key = self.keys[place]
        known = store.answer(key, place, self.kept)
        if known is not None:
            self.taken.append((known.last, 0))
            return
        if (trade.venue, trade.trade_id) in self.new:
            before, last = self.new[trade.venue, trade.trade_id]
            if before != key:
                raise store.KeyReused(field="key", key=key.key)
            self.taken.append((None, last))
            return
        instrument.check_trading(it, at=self.at)
        facts = [account.novate(self._of(leg), leg, it) for leg in legs]
        for fact in facts:
            self.held[fact.account_id] = account.evolve(self.held[fact.account_id], fact)
            self.facts.append((self.streams[f"account-{fact.account_id}"], fact))
        last = len(self.facts) - 1
        self.new[trade.venue, trade.trade_id] = key, last
        self.taken.append((None, last))

    def record(self, *, cause: Cause) -> list[int]:
        """Write what was taken; the sequence of each trade's last leg."""
        sequences = store.append_all(
            self.facts,
            at=self.at,
            cause=cause,
            remembering=[
                store.Remembered(key=key, first=last - 1, last=last)
                for key, last in self.new.values()
            ],
        )
        return [sequences[last] if known is None else known for known, last in self.taken]

    def _of(self, leg: Leg) -> Account:
        return self.held.get(leg.account_id) or Account(account_id=leg.account_id)


def _board(trades: Sequence[Trade], *, at: datetime) -> _Board:
    """Lock what the trades name and read it, in one round trip. Raises BatchOutOfRange.

    Instruments first, then accounts: expiry takes them in that order too. What nobody listed or
    opened is simply not there, and refused with the trade that names it.
    """
    if not 1 <= len(trades) <= MOST_IN_A_BATCH:
        raise BatchOutOfRange(field="trades", count=len(trades), limit=MOST_IN_A_BATCH)
    named = sorted({account_id for trade in trades for account_id in (trade.buyer, trade.seller)})
    keys = [_key(trade) for trade in trades]
    claimed = store.claim_known(
        [f"account-{account_id}" for account_id in named],
        keys=keys,
        before=[selectors.sharing_question({trade.symbol for trade in trades})],
        after=[selectors.accounts_question(named)],
    )
    shared = selectors.shared_of(claimed.before[0])
    return _Board(
        at=at,
        terms=shared.terms,
        streams=claimed.streams,
        held=selectors.accounts_of(claimed.after[0]),
        keys=keys,
        kept=claimed.kept,
        check_band=_band(shared.band, at=at),
    )


def _key(trade: Trade) -> store.Key:
    content = json.dumps({name: getattr(trade, name) for name in _SPELLED})
    return store.Key(scope=f"venue:{trade.venue}", key=trade.trade_id, content=content)


def _band(band: Decimal, *, at: datetime) -> Callable[[Trade, Instrument, int], None]:
    """Against the set in force then while it is fresh; the house itself reports at the mark."""
    sealed = bands.marks(at=at) if band else None

    def check(trade: Trade, it: Instrument, ticks: int) -> None:
        if sealed is not None and trade.venue != HOUSE_VENUE:
            prices.check_band(sealed, it, price=instrument.price_of(it, ticks), band=band)

    return check


def _listed(terms: Mapping[str, Instrument], symbol: str) -> Instrument:
    if symbol not in terms:
        raise InstrumentUnknown(field="symbol", symbol=symbol)
    return terms[symbol]


# In the order their content has always been spelled: it is hashed with the key.
_SPELLED = sorted(Trade.__dataclass_fields__)
