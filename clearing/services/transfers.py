"""Transfers: lots of a position change accounts, by their owner's order or two members' consent."""

from __future__ import annotations

from datetime import datetime

from clearing import models, selectors, store
from clearing.domain import amounts, clock, handover, instrument, parts
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound
from clearing.domain.events import PositionTransferEnded, PositionTransferRequested
from clearing.domain.instrument import Instrument, InstrumentNotTrading, InstrumentUnknown, Status
from clearing.domain.parts import LotsNotFree
from clearing.domain.trade import leg_value
from clearing.services import allocations, bands, claimed
from clearing.services.claimed import Claimed, Request

KIND = "transfer"


@store.decision
def request(
    account_id: str,
    *,
    symbol: str,
    quantity: str,
    to_member: str,
    to_account: str = "",
    price: str = "",
    accept_by: datetime | None = None,
    key: str,
    at: datetime,
    cause: Cause,
) -> int:
    """Offer lots to another member, or move them at once to another account of one's own.

    Without a price they go for what is carried for them and no cash moves; with one the giver
    realises the difference. Raises NotFound, InstrumentUnknown, InstrumentNotTrading, LotsNotFree,
    AccountNotOpen, DeadlineNotValid, KeyReused.
    """
    content = (symbol, quantity, to_member, to_account, price, accept_by)
    asked = Request.of(cause, key, KIND, account_id, *content)
    if (answer := asked.answer()) is not None:
        return answer
    it = _terms(symbol, at=at)
    member = selectors.account_row(account_id).member_id
    own = to_member == member
    if not selectors.has_member(to_member) or own is not bool(to_account):
        raise NotFound(field="to_member", member=to_member)
    if own:
        allocations.check_same_member(account_id, [to_account])
    books = claimed.claim([account_id, *([to_account] if own else [])])
    if (answer := asked.answer()) is not None:
        return answer
    fact = PositionTransferRequested(
        account_id=account_id,
        handover_id=allocations.new_id(account_id, KIND, key),
        from_member=member,
        to_member=to_member,
        symbol=symbol,
        lots=_lots(books, account_id, it, quantity),
        price_ticks=instrument.ticks_of(it, amounts.decimal(price, field="price")) if price else 0,
        at_cost=not price,
        deadline_at=clock.text(handover.deadline(at=at, asked=accept_by)),
    )
    books.decide(fact)
    if own:
        ticks = fact.price_ticks if price else None
        _move(
            books, it, fact.handover_id, account_id, to_account, lots=fact.lots, ticks=ticks, at=at
        )
    return asked.answered(books.record(at=at, cause=cause))


@store.decision
def accept(
    handover_id: str, *, member_id: str, account_id: str, key: str, at: datetime, cause: Cause
) -> int:
    """The other member takes the lots into an account of its own.

    Raises NotFound, HandoverEnded, DeadlinePassed, LotsNotFree where the giver has traded them away
    meanwhile, AccountNotOpen, InstrumentNotTrading.
    """
    asked = Request.of(cause, key, "accept", handover_id, account_id)
    if (answer := asked.answer()) is not None:
        return answer
    row = selectors.handover(handover_id, kind=KIND)
    if row.to_member != member_id:
        raise NotFound(field="handover_id", handover=handover_id)
    if selectors.members_of([account_id]).get(account_id) != member_id:
        raise NotFound(field="account", account=account_id)
    it = _terms(row.symbol, at=at)
    books = claimed.claim([row.from_account, account_id])
    if (answer := asked.answer()) is not None:
        return answer
    row.refresh_from_db()
    handover.check_waiting(row.status, deadline_at=row.deadline_at, at=at)
    _check_held(books, row.from_account, it, lots=row.lots)
    _move(
        books,
        it,
        handover_id,
        row.from_account,
        account_id,
        lots=row.lots,
        ticks=row.price_ticks,
        at=at,
    )
    return asked.answered(books.record(at=at, cause=cause))


def reject(
    handover_id: str, *, member_id: str, reason: str, key: str, at: datetime, cause: Cause
) -> int:
    """Raises NotFound, HandoverEnded, DeadlinePassed."""
    if selectors.handover(handover_id, kind=KIND).to_member != member_id:
        raise NotFound(field="handover_id", handover=handover_id)
    outcome = handover.State.REJECTED
    return _answer(handover_id, outcome, reason=reason, key=key, at=at, cause=cause)


def cancel(
    handover_id: str, *, member_id: str, reason: str, key: str, at: datetime, cause: Cause
) -> int:
    """Raises NotFound, HandoverEnded, DeadlinePassed."""
    if selectors.handover(handover_id, kind=KIND).from_member != member_id:
        raise NotFound(field="handover_id", handover=handover_id)
    outcome = handover.State.CANCELLED
    return _answer(handover_id, outcome, reason=reason, key=key, at=at, cause=cause)


@store.decision
def _answer(
    handover_id: str,
    outcome: handover.State,
    *,
    reason: str,
    key: str,
    at: datetime,
    cause: Cause,
) -> int:
    asked = Request.of(cause, key, outcome, handover_id, reason)
    if (answer := asked.answer()) is not None:
        return answer
    row = selectors.handover(handover_id, kind=KIND)
    books = claimed.claim([row.from_account])
    if (answer := asked.answer()) is not None:
        return answer
    row.refresh_from_db()
    handover.check_waiting(row.status, deadline_at=row.deadline_at, at=at)
    books.decide(_ended(row, outcome=outcome, reason=reason))
    return asked.answered(books.record(at=at, cause=cause))


@store.decision
def expire(handover_id: str, *, at: datetime, cause: Cause) -> int | None:
    """Nobody answered in time. None where somebody has, or there is time left."""
    row = selectors.handover(handover_id, kind=KIND)
    books = claimed.claim([row.from_account])
    row.refresh_from_db()
    if row.status != handover.State.REQUESTED or at < row.deadline_at:
        return None
    books.decide(_ended(row, outcome=handover.State.EXPIRED, reason="nobody accepted it in time"))
    return books.record(at=at, cause=cause)


def _terms(symbol: str, *, at: datetime) -> Instrument:
    it = selectors.shared_instruments([symbol]).get(symbol)
    if it is None:
        raise InstrumentUnknown(field="symbol", symbol=symbol)
    if it.status is Status.EXPIRED or (it.expiry_at is not None and at >= it.expiry_at):
        raise InstrumentNotTrading(field="symbol", symbol=symbol, status="expired")
    return it


def _lots(books: Claimed, account_id: str, it: Instrument, quantity: str) -> int:
    """Signed as the account holds them. Raises LotsNotFree."""
    lots = instrument.lots_of(it, amounts.decimal(quantity, field="quantity"))
    signed = lots if books.account(account_id).lots(it.symbol) > 0 else -lots
    _check_held(books, account_id, it, lots=signed)
    return signed


def _check_held(books: Claimed, account_id: str, it: Instrument, *, lots: int) -> None:
    """Raises LotsNotFree: a transfer never takes a position past zero."""
    held = books.account(account_id).lots(it.symbol)
    if held * lots <= 0 or abs(lots) > abs(held):
        raise LotsNotFree(field="quantity", account=account_id, free=abs(held), asked=abs(lots))


def _move(
    books: Claimed,
    it: Instrument,
    handover_id: str,
    giver: str,
    taker: str,
    *,
    lots: int,
    ticks: int | None,
    at: datetime,
) -> None:
    """Both sides, and the end of the request.

    It is near the mark as a trade is, named or carried, or one side would leave with what the other
    cannot pay. Raises AccountNotOpen, AccountRingFenced, PriceOutsideBand, PriceStale.
    """
    gives, takes = books.account(giver), books.account(taker)
    parts.check_may_move(gives, it, lots=-lots, field="account")
    parts.check_may_move(takes, it, lots=lots, field="to_account")
    if ticks is None:
        value = parts.carried_for(gives, it, lots=lots)
    else:
        value = leg_value(it, lots=lots, ticks=ticks)
        instrument.check_bounds(it, ticks)
    bands.check_agreed(it, lots=lots, value=value, ticks=ticks, at=at)
    for held, other, sign in ((gives, taker, -1), (takes, giver, 1)):
        books.decide(
            parts.position_moved(
                held,
                it,
                lots=sign * lots,
                value=sign * value,
                counterpart=other,
                gives=sign < 0,
                why=KIND,
                move_id=handover_id,
            )
        )
    books.decide(
        PositionTransferEnded(
            account_id=giver,
            handover_id=handover_id,
            outcome="claimed",
            to_account=taker,
            reason="",
        )
    )


def void(row: models.Handover, *, reason: str) -> PositionTransferEnded:
    """What it was to move is there no longer."""
    return _ended(row, outcome=handover.State.CANCELLED, reason=reason)


def _ended(row: models.Handover, *, outcome: handover.State, reason: str) -> PositionTransferEnded:
    return PositionTransferEnded(
        account_id=row.from_account,
        handover_id=row.handover_id,
        outcome=str(outcome.value),
        to_account="",
        reason=reason,
    )
