"""Average price groups: executions of one side, allocated as one at their exact average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from clearing import selectors, store
from clearing.domain import average_price
from clearing.domain.cause import Cause
from clearing.domain.events import AveragePriced
from clearing.domain.parts import LotsNotFree, Move, Part
from clearing.services import allocations, claimed
from clearing.services.claimed import Request


@store.decision
def group(
    account_id: str,
    *,
    trades: Sequence[tuple[str, str]],
    shares: Mapping[str, str],
    key: str,
    at: datetime,
    cause: Cause,
) -> int:
    """Group an account's executions, as (venue, trade id), and allocate them to the last lot.

    The account may keep a share itself. Values sum to the group's exactly. Raises NotFound,
    GroupNotUniform, GroupNotAllocated, LotsNotFree, TradeEnded, SharesNotValid, AccountNotOpen.
    """
    asked = Request.of(cause, key, "average", account_id, [*trades], dict(shares))
    if (answer := asked.answer()) is not None:
        return answer
    ordered = sorted(set(trades))
    opened = [allocations.open_trade(*each, at=at) for each in ordered]
    if not opened or len(ordered) != len(trades):
        raise average_price.GroupNotUniform(field="trades", trades=len(trades))
    it = opened[0][1]
    wanted = allocations.shares_of(it, shares)
    others = [share.account_id for share in wanted if share.account_id != account_id]
    allocations.check_same_member(account_id, others)
    names = [trade.name for trade, _ in opened]
    group_id = f"{account_id}:average:{key}"
    streams = [f"group-{group_id}", *(f"trade-{name}" for name in names)]
    books = claimed.claim([account_id, *others], streams=streams)
    if (answer := asked.answer()) is not None:
        return answer
    allocations.new_id(account_id, "average", key)
    for each in ordered:
        allocations.check_active(*each)
    found = [_whole_part(name, account_id) for name in names]
    average_price.check_group(found, [each.symbol for _, each in opened])
    slices = average_price.allocate(found, wanted)
    books.note(
        streams[0],
        AveragePriced(
            group_id=group_id,
            from_account=account_id,
            symbol=it.symbol,
            settlement=it.settlement,
            side=found[0].side,
            trades=len(found),
            shares=len(wanted),
            lots=sum(part.lots for part in found),
            value=sum(part.value for part in found),
        ),
    )
    for piece in slices:
        if piece.part.account_id == account_id:
            continue  # what it keeps it has already; with what the others pay it is at the average
        venue, trade_id = ordered[piece.trade]
        by = Move(why="average-price", move_id=group_id, venue=venue, trade_id=trade_id)
        allocations.move(books, it, [piece.part], giver=account_id, by=by)
    return asked.answered(books.record(at=at, cause=cause))


def _whole_part(name: str, account_id: str) -> Part:
    """Raises NotFound, LotsNotFree where some of it waits to be claimed."""
    part = selectors.part_of(name, account_id)
    waiting = selectors.promised_lots(name, account_id, side=part.side)
    if waiting:
        raise LotsNotFree(field="trades", trade=name, promised=waiting)
    return part
