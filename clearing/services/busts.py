"""Bust and correction: compensating facts, wherever the lots of the trade have gone meanwhile.

A bust undoes every part of both legs at the value its account had it for. Positions are carried at
cost, and taking the opposite for the same value changes cash - cost by exactly that value, whatever
was settled in between: so every account ends as if the trade had never been, and the variation
margin paid to date is what the corrected history implies. Funding that was paid meanwhile is paid
back by differences with the next cycle (clearing/decisions/0061). Where the contract has expired,
what comes back is settled again at once at the price it expired at, so that only cash moves.

It moves risk back, so nobody's standing and no margin stops it; an account that was closed meanwhile
is reopened in the same decision (clearing/decisions/0060).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime

from clearing import models, selectors, store
from clearing.domain import account, instrument, parts
from clearing.domain.account import Standing
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.events import ContractSettled, TradeBusted, TradeCorrected
from clearing.domain.instrument import Instrument, InstrumentUnknown, Status
from clearing.domain.parts import TradeEnded
from clearing.domain.trade import Trade, legs_of
from clearing.services import allocations, bands, claimed, give_ups
from clearing.services.claimed import Claimed, Request


class TradeIdTaken(Refusal):
    code = "trade-id-taken"
    says = "The venue has reported another trade under that id."
    remedy = "Give the corrected trade an id of its own."


@store.decision
def bust(venue: str, trade_id: str, *, key: str, reason: str, at: datetime, cause: Cause) -> int:
    """The trade never was. Busting it again, under any key, answers the same.

    Raises NotFound, KeyReused, and TradeEnded where it was corrected: its replacement stands.
    """
    asked = Request.of(cause, key, "bust", venue, trade_id)
    if (answer := asked.answer()) is not None:
        return answer
    trade = selectors.trade(venue, trade_id)
    it = allocations.terms_now(trade.symbol)
    books = _claimed(trade)
    if (answer := asked.answer()) is not None:
        return answer
    trade.refresh_from_db()
    if trade.status == "busted":
        assert trade.ended_sequence is not None, "what was busted was busted by a fact"
        return asked.answered(trade.ended_sequence)
    _must_be_active(trade)
    _unwind(books, trade, it, reason="the trade was busted")
    fact = TradeBusted(
        venue=venue,
        trade_id=trade_id,
        reason=reason,
        settlement=trade.settlement,
        residue=_residue(books),
    )
    books.note(f"trade-{trade.name}", fact)
    return asked.answered(books.record(at=at, cause=cause))


@store.decision
def correct(
    venue: str, trade_id: str, *, by: Trade, key: str, reason: str, at: datetime, cause: Cause
) -> int:
    """Bust it and register it again on other terms, under an id of its own, in one decision.

    The new legs belong to the accounts the correction names; what was allocated or given up of the
    old ones is undone. Accounts that were in the trade take them whatever their standing; others
    as any trade. Raises NotFound, TradeEnded, TradeIdTaken, InstrumentUnknown, and as `novate`.
    """
    asked = Request.of(cause, key, "correct", venue, trade_id, asdict(by))
    if (answer := asked.answer()) is not None:
        return answer
    trade = selectors.trade(venue, trade_id)
    it = allocations.terms_now(trade.symbol)
    terms = selectors.shared_instruments([by.symbol])
    books = _claimed(trade, beside={by.buyer, by.seller})
    if (answer := asked.answer()) is not None:
        return answer
    trade.refresh_from_db()
    _must_be_active(trade)
    if by.symbol not in terms:
        raise InstrumentUnknown(field="symbol", symbol=by.symbol)
    _check_id(by)
    were_in = {part.account_id for part in selectors.trade_parts([trade.name])[trade.name]}
    _unwind(books, trade, it, reason="the trade was corrected")
    _register(books, by, terms, were_in=were_in, instead_of=trade, at=at)
    stream = f"trade-{trade.name}"
    fact = TradeCorrected(
        venue=venue,
        trade_id=trade_id,
        replaced_by=by.trade_id,
        reason=reason,
        settlement=trade.settlement,
        residue=_residue(books),
    )
    books.note(stream, fact)
    sequence = books.record(at=at, cause=cause)
    _keep_id(by, sequence=sequence)
    return asked.answered(sequence)


def _claimed(trade: models.Trade, *, beside: Iterable[str] = ()) -> Claimed:
    """Whoever has a part of it now, and nobody can come by one unseen."""

    def holders() -> set[str]:
        found = selectors.trade_parts([trade.name])[trade.name]
        return {part.account_id for part in found} | set(beside)

    return claimed.claim_whoever(holders, streams=[f"trade-{trade.name}"])


def _must_be_active(trade: models.Trade) -> None:
    if trade.status != "active":
        facts = {"trade": trade.trade_id, "status": trade.status}
        if trade.replaced_by:
            facts["replaced_by"] = trade.replaced_by
        raise TradeEnded(field="trade_id", **facts)


def _unwind(books: Claimed, trade: models.Trade, it: Instrument, *, reason: str) -> None:
    for row in selectors.waiting_handovers(trade.name):
        books.note(f"trade-{trade.name}", give_ups.void(row, reason=reason))
    for part in selectors.trade_parts([trade.name])[trade.name]:
        if part.lots or part.value:
            _reopen(books, part.account_id, reason=reason)
            held = books.account(part.account_id)
            back = parts.unwound(held, it, part, venue=trade.venue, trade_id=trade.trade_id)
            books.decide(back)
            _settle_at_once(books, part.account_id, it)


def _reopen(books: Claimed, account_id: str, *, reason: str) -> None:
    """Whoever closed its account after the trade gets it back with what the trade leaves there."""
    fact = account.reopen(books.account(account_id), reason=reason)
    if fact is not None:
        books.decide(fact)


def _settle_at_once(books: Claimed, account_id: str, it: Instrument) -> None:
    """Lots of an expired contract exist only until it is settled for them, at the price that stands
    now: a correction has paid everybody else by it."""
    held = books.account(account_id)
    if it.status is not Status.EXPIRED or not (held.lots(it.symbol) or held.cost(it.symbol)):
        return
    index, price_set, _ = selectors.expiry_price(it.symbol)
    books.decide(parts.settled(held, it, index=index, price_set=price_set))


def _residue(books: Claimed) -> int:
    """Each account's share of a payout is rounded on its own; what that leaves is nobody's."""
    return sum(fact.cash for _, fact in books.facts if isinstance(fact, ContractSettled))


def _register(
    books: Claimed,
    by: Trade,
    terms: Mapping[str, Instrument],
    *,
    were_in: set[str],
    instead_of: models.Trade,
    at: datetime,
) -> None:
    """Both legs on the new terms; in another instrument only if that one trades now. A new price has
    to be one that a report could have named when the trade was made."""
    it = terms[by.symbol]
    legs = legs_of(by, it)
    same = by.symbol == instead_of.symbol
    if not same:
        instrument.check_trading(it, at=at)
    if not same or legs[0].price_ticks != instead_of.price_ticks:
        bands.check_reported(it, legs[0].price_ticks, at=instead_of.executed_at)
    for leg in legs:
        if leg.account_id in were_in:
            _reopen(books, leg.account_id, reason="the trade was corrected")
        held = books.account(leg.account_id)
        if leg.account_id in were_in:
            held = replace(held, standing=Standing.OPEN)  # it stays in what it was in
        books.decide(account.novate(held, leg, it))
        _settle_at_once(books, leg.account_id, it)


def _check_id(by: Trade) -> None:
    """Raises TradeIdTaken."""
    try:
        taken = store.earlier(scope=f"venue:{by.venue}", key=by.trade_id, content=_spelled(by))
    except store.KeyReused:
        taken = 0
    if taken is not None:
        raise TradeIdTaken(field="new_trade_id", trade=by.trade_id)


def _keep_id(by: Trade, *, sequence: int) -> None:
    """The new id is a trade's like any other: reported again it is answered, not booked twice."""
    store.remember(
        scope=f"venue:{by.venue}", key=by.trade_id, content=_spelled(by), sequence=sequence
    )


def _spelled(by: Trade) -> str:
    """As registering a trade keeps it."""
    return json.dumps(asdict(by), sort_keys=True)
