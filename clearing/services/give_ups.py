"""Give-up and claim: a leg executed by one member is carried by another, once that one takes it."""

from __future__ import annotations

from datetime import datetime

from clearing import models, selectors, store
from clearing.domain import amounts, clock, handover, instrument, parts
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound
from clearing.domain.events import GiveUpEnded, GiveUpRequested
from clearing.domain.parts import Move, Share
from clearing.services import allocations, claimed
from clearing.services.claimed import Request

KIND = "give-up"


@store.decision
def request(
    venue: str,
    trade_id: str,
    *,
    account_id: str,
    quantity: str,
    to_member: str,
    side: str = "",
    claim_by: datetime | None = None,
    key: str,
    at: datetime,
    cause: Cause,
) -> int:
    """Offer lots of a leg to another member; until it claims them they stay, and are promised.

    Raises NotFound (also for a member that has no account here), TradeEnded, LotsNotFree,
    DeadlineNotValid, KeyReused.
    """
    asked = Request.of(
        cause, key, KIND, venue, trade_id, account_id, side, quantity, to_member, claim_by
    )
    if (answer := asked.answer()) is not None:
        return answer
    trade, it = allocations.open_trade(venue, trade_id, at=at)
    lots = instrument.lots_of(it, amounts.decimal(quantity, field="quantity"))
    stream = store.claim(f"trade-{trade.name}")
    if (answer := asked.answer()) is not None:
        return answer
    allocations.check_active(venue, trade_id)
    member = selectors.account_row(account_id).member_id
    if to_member == member or not selectors.has_member(to_member):
        raise NotFound(field="to_member", member=to_member)
    part = selectors.part_of(trade.name, account_id, side=side)
    waiting = selectors.promised_lots(trade.name, account_id, side=part.side)
    parts.split(part, [Share(account_id=account_id, lots=lots)], waiting=waiting)
    fact = GiveUpRequested(
        handover_id=allocations.new_id(account_id, KIND, key),
        venue=venue,
        trade_id=trade_id,
        side=part.side,
        symbol=it.symbol,
        lots=lots if part.lots > 0 else -lots,
        from_account=account_id,
        from_member=member,
        to_member=to_member,
        executed_at=clock.text(trade.executed_at),
        deadline_at=clock.text(handover.deadline(at=at, asked=claim_by)),
    )
    return asked.answered(store.append(stream, fact, at=at, cause=cause))


@store.decision
def claim(
    handover_id: str, *, member_id: str, account_id: str, key: str, at: datetime, cause: Cause
) -> int:
    """The carrying member takes the lots into an account of its own, at the trade's own price.

    Raises NotFound, HandoverEnded, DeadlinePassed, TradeEnded, LotsNotFree, AccountNotOpen.
    """
    asked = Request.of(cause, key, "claim", handover_id, account_id)
    if (answer := asked.answer()) is not None:
        return answer
    row, venue, trade_id = _asked(handover_id)
    if row.to_member != member_id:
        raise NotFound(field="handover_id", handover=handover_id)
    if selectors.members_of([account_id]).get(account_id) != member_id:
        raise NotFound(field="account", account=account_id)
    trade, it = allocations.open_trade(venue, trade_id, at=at)
    stream = f"trade-{trade.name}"
    books = claimed.claim([row.from_account, account_id], streams=[stream])
    if (answer := asked.answer()) is not None:
        return answer
    _still_waits(row, at=at)
    allocations.check_active(venue, trade_id)
    part = selectors.part_of(trade.name, row.from_account, side=row.side)
    taken = parts.split(part, [Share(account_id=account_id, lots=abs(row.lots))])
    by = Move(why=KIND, move_id=handover_id, venue=venue, trade_id=trade_id)
    books.note(stream, _ended(row, outcome=handover.State.CLAIMED, to_account=account_id))
    allocations.move(books, it, taken, giver=row.from_account, by=by)
    return asked.answered(books.record(at=at, cause=cause))


def reject(
    handover_id: str, *, member_id: str, reason: str, key: str, at: datetime, cause: Cause
) -> int:
    """The carrying member will not have them. Raises NotFound, HandoverEnded, DeadlinePassed."""
    row, _, _ = _asked(handover_id)
    if row.to_member != member_id:
        raise NotFound(field="handover_id", handover=handover_id)
    outcome = handover.State.REJECTED
    return _answer(handover_id, outcome, reason=reason, key=key, at=at, cause=cause)


def cancel(
    handover_id: str, *, member_id: str, reason: str, key: str, at: datetime, cause: Cause
) -> int:
    """Whoever asked takes it back. Raises NotFound, HandoverEnded, DeadlinePassed."""
    row, _, _ = _asked(handover_id)
    if row.from_member != member_id:
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
    row, _, _ = _asked(handover_id)
    stream = store.claim(f"trade-{row.trade}")
    if (answer := asked.answer()) is not None:
        return answer
    _still_waits(row, at=at)
    fact = _ended(row, outcome=outcome, reason=reason)
    return asked.answered(store.append(stream, fact, at=at, cause=cause))


@store.decision
def expire(handover_id: str, *, at: datetime, cause: Cause) -> int | None:
    """Nobody answered in time. None where somebody has, or there is time left."""
    row, _, _ = _asked(handover_id)
    stream = store.claim(f"trade-{row.trade}")
    row.refresh_from_db()
    if row.status != handover.State.REQUESTED or at < row.deadline_at:
        return None
    fact = _ended(row, outcome=handover.State.EXPIRED, reason="nobody claimed it in time")
    return store.append(stream, fact, at=at, cause=cause)


def void(row: models.Handover, *, reason: str) -> GiveUpEnded:
    """The trade itself has ended, and so has what was asked for of it."""
    return _ended(row, outcome=handover.State.CANCELLED, reason=reason)


def _asked(handover_id: str) -> tuple[models.Handover, str, str]:
    row = selectors.handover(handover_id, kind=KIND)
    venue, _, trade_id = row.trade.partition(":")
    return row, venue, trade_id


def _still_waits(row: models.Handover, *, at: datetime) -> None:
    """Once the stream is claimed, which decides who of two was first."""
    row.refresh_from_db()
    handover.check_waiting(row.status, deadline_at=row.deadline_at, at=at)


def _ended(
    row: models.Handover, *, outcome: handover.State, to_account: str = "", reason: str = ""
) -> GiveUpEnded:
    venue, _, trade_id = row.trade.partition(":")
    return GiveUpEnded(
        handover_id=row.handover_id,
        venue=venue,
        trade_id=trade_id,
        outcome=str(outcome.value),
        to_account=to_account,
        reason=reason,
    )
