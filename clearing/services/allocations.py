"""Allocation: the executing account passes a leg on to accounts of its own member, at its price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from clearing import models, selectors, store
from clearing.domain import amounts, clock, handover, instrument, parts
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound, Refusal
from clearing.domain.events import AllocationCancelled, LegAllocated
from clearing.domain.instrument import Instrument, InstrumentNotTrading, Status
from clearing.domain.parts import Move, Part, Share, TradeEnded
from clearing.services import claimed
from clearing.services.claimed import Claimed, Request


class MoveTaken(Refusal):
    code = "move-taken"
    says = "Something of that id was asked for before, by another credential."
    remedy = "Use another key."


@store.decision
def allocate(
    venue: str,
    trade_id: str,
    *,
    account_id: str,
    shares: Mapping[str, str],
    side: str = "",
    key: str,
    at: datetime,
    cause: Cause,
) -> int:
    """All shares or none: account -> quantity, each at the trade's own price to the last minor unit.

    What is not allocated stays. `side` is needed only where the account has a part of both legs.
    Raises NotFound (also where an account is not of the same member), TradeEnded, LotsNotFree,
    SharesNotValid, AccountNotOpen, KeyReused, and what `instrument.lots_of` raises.
    """
    asked = Request.of(cause, key, "allocate", venue, trade_id, account_id, side, dict(shares))
    if (answer := asked.answer()) is not None:
        return answer
    trade, it = open_trade(venue, trade_id, at=at)
    wanted = shares_of(it, shares)
    check_same_member(account_id, [share.account_id for share in wanted])
    stream = f"trade-{trade.name}"
    books = claimed.claim([account_id, *shares], streams=[stream])
    if (answer := asked.answer()) is not None:
        return answer
    check_active(trade.venue, trade.trade_id)
    allocation_id = new_id(account_id, "allocation", key)
    part = selectors.part_of(trade.name, account_id, side=side)
    waiting = selectors.promised_lots(trade.name, account_id, side=part.side)
    given = parts.split(part, wanted, waiting=waiting)
    books.note(
        stream,
        LegAllocated(
            allocation_id=allocation_id,
            venue=venue,
            trade_id=trade_id,
            side=part.side,
            symbol=it.symbol,
            from_account=account_id,
            lots=sum(each.lots for each in given),
            shares=len(given),
            deadline_at=clock.text(at + handover.ALLOCATION_WINDOW),
        ),
    )
    by = Move(why="allocation", move_id=allocation_id, venue=venue, trade_id=trade_id)
    move(books, it, given, giver=account_id, by=by)
    return asked.answered(books.record(at=at, cause=cause))


@store.decision
def cancel(
    venue: str, trade_id: str, allocation_id: str, *, key: str, at: datetime, cause: Cause
) -> int:
    """Everything it passed on comes back, so that it can be allocated anew; before its deadline.

    Raises NotFound, DeadlinePassed, HandoverEnded, TradeEnded, LotsNotFree if somebody has passed
    it on meanwhile, InstrumentNotTrading where the contract was adjusted meanwhile.
    """
    asked = Request.of(cause, key, "cancel-allocation", venue, trade_id, allocation_id)
    if (answer := asked.answer()) is not None:
        return answer
    trade, it = open_trade(venue, trade_id, at=at)
    if it.symbol != trade.symbol:
        status, now = Status.ADJUSTED.value, it.symbol  # what it passed on are other lots by now
        raise InstrumentNotTrading(field="trade_id", symbol=trade.symbol, status=status, now=now)
    made = selectors.allocation(trade.name, allocation_id)
    steps = [step for step in selectors.moves_of(allocation_id) if step.why == "allocation"]
    stream = f"trade-{trade.name}"
    books = claimed.claim([made.account, *(step.account for step in steps)], streams=[stream])
    if (answer := asked.answer()) is not None:
        return answer
    check_active(trade.venue, trade.trade_id)
    made.refresh_from_db()
    if made.status != "active":
        raise handover.HandoverEnded(field="allocation_id", state=made.status)
    if at >= made.deadline_at:
        raise handover.DeadlinePassed(field="allocation_id", deadline=clock.text(made.deadline_at))
    books.note(
        stream, AllocationCancelled(allocation_id=allocation_id, venue=venue, trade_id=trade_id)
    )
    by = Move(why="allocation-cancelled", move_id=allocation_id, venue=venue, trade_id=trade_id)
    for step in steps:
        part = selectors.part_of(trade.name, step.account, side=step.side)
        waiting = selectors.promised_lots(trade.name, step.account, side=step.side)
        back = Share(account_id=made.account, lots=abs(step.lots))
        move(books, it, parts.split(part, [back], waiting=waiting), giver=step.account, by=by)
    return asked.answered(books.record(at=at, cause=cause))


# --- what every move of a leg shares --------------------------------------------------------------


def open_trade(venue: str, trade_id: str, *, at: datetime) -> tuple[models.Trade, Instrument]:
    """A trade and the terms its lots are under now, held as they are: lots of an expired contract
    move no more.

    Raises NotFound, TradeEnded, InstrumentNotTrading.
    """
    trade = selectors.trade(venue, trade_id)
    it = terms_now(trade.symbol)
    expired = it.expiry_at is not None and at >= it.expiry_at
    if it.status is Status.EXPIRED or expired:
        raise InstrumentNotTrading(field="trade_id", symbol=it.symbol, status="expired")
    return trade, it


def terms_now(symbol: str) -> Instrument:
    """The contract that lots traded under a symbol are lots of now, adjusted or not, held as it is."""
    it = selectors.shared_instruments([symbol])[symbol]
    while it.successor:
        it = selectors.shared_instruments([it.successor])[it.successor]
    return it


def check_active(venue: str, trade_id: str) -> models.Trade:
    """The trade as it stands now, once its stream is claimed. Raises TradeEnded."""
    trade = selectors.trade(venue, trade_id)
    if trade.status != "active":
        raise TradeEnded(field="trade_id", trade=trade_id, status=trade.status)
    return trade


def shares_of(it: Instrument, shares: Mapping[str, str]) -> list[Share]:
    """In account order, which is the order that breaks ties. Raises SharesNotValid, and as lots_of."""
    found = [
        Share(
            account_id=account_id,
            lots=instrument.lots_of(it, amounts.decimal(quantity, field="quantity")),
        )
        for account_id, quantity in sorted(shares.items())
    ]
    parts.check_shares(found)
    return found


def check_same_member(account_id: str, others: Sequence[str]) -> None:
    """Raises NotFound alike for another member's account and for none."""
    members = selectors.members_of([account_id, *others])
    for each in others:
        if each == account_id or members.get(each) != members.get(account_id):
            raise NotFound(field="shares", account=each)


def named(account_id: str, kind: str, key: str) -> str:
    """Ours and readable: no account's id holds a colon."""
    return f"{account_id}:{kind}:{key}"


def new_id(account_id: str, kind: str, key: str) -> str:
    """As it is named, once. Raises MoveTaken."""
    made = named(account_id, kind, key)
    if selectors.taken_id(made):
        raise MoveTaken(field="key", key=key)
    return made


def move(books: Claimed, it: Instrument, given: Sequence[Part], *, giver: str, by: Move) -> None:
    """Each part from the giver to its account. Raises AccountNotOpen, AccountRingFenced."""
    for part in given:
        away = parts.given(part, by_account=giver)
        parts.check_may_move(books.account(giver), it, lots=away.lots, field="account")
        taker = part.account_id
        parts.check_may_move(books.account(taker), it, lots=part.lots, field="account")
        books.decide(parts.moved(books.account(giver), it, away, counterpart=taker, by=by))
        books.decide(parts.moved(books.account(taker), it, part, counterpart=giver, by=by))
