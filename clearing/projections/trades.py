"""Rows of trades, of the parts of their legs, and of what is asked for between members.

A module of its own in `SURETY_PROJECTIONS`: a leg also moves its account's version along, which
`clearing.projections` sees to. What every trade costs here is one statement for all the legs it is
given; the rest is rare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import F

from clearing import models
from clearing.domain import clock, events
from clearing.domain.parts import side_of
from clearing.store import Recorded, binary, packing, takes_many


def name_of(venue: str, trade_id: str) -> str:
    """A trade's name: no venue's code holds a colon."""
    return f"{venue}:{trade_id}"


@takes_many
def legs_novated(found: Sequence[Recorded]) -> None:
    """Any number of legs, in any order, both of a trade together or not."""
    facts = [it.fact for it in found]
    columns = [
        packing.texts([name_of(it.venue, it.trade_id) for it in facts]),
        packing.repeated([it.venue for it in facts]),
        packing.texts([it.trade_id for it in facts]),
        packing.repeated([it.symbol for it in facts]),
        packing.repeated([it.settlement for it in facts]),
        packing.repeated([it.account_id for it in facts]),
        packing.repeated([side_of(it.lots) for it in facts]),
        packing.int8s([it.lots for it in facts]),
        packing.int8s([it.price_ticks for it in facts]),
        packing.int8s(
            [it.cost - it.cash for it in facts]
        ),  # what it traded for, whatever it closed
        packing.int8s([it.sequence for it in found]),
        packing.times([it.effective_at for it in found]),
    ]
    binary.put(_LEGS, columns)


def leg_moved(recorded: Recorded) -> None:
    """Each side of a move changes its own part."""
    fact = recorded.fact
    takes = side_of(fact.lots) == fact.side
    _stepped(
        recorded,
        counterpart=fact.counterpart,
        takes=takes,
        why=fact.why,
        move_id=fact.move_id,
    )


def leg_unwound(recorded: Recorded) -> None:
    _stepped(recorded, counterpart="", takes=False, why="unwound", move_id="")


def _stepped(recorded: Recorded, **its_own: Any) -> None:
    fact = recorded.fact
    models.LegMove.objects.create(
        sequence=recorded.sequence,
        trade=name_of(fact.venue, fact.trade_id),
        side=fact.side,
        account=fact.account_id,
        lots=fact.lots,
        value=fact.value,
        moved_at=recorded.effective_at,
        **its_own,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_TO_PART,
            [
                name_of(fact.venue, fact.trade_id),
                *(fact.side, fact.account_id, fact.symbol, fact.lots, fact.value),
            ],
        )


def position_moved(recorded: Recorded) -> None:
    """A port takes the trades' parts along, each at its share of what is carried for the position."""
    fact = recorded.fact
    if fact.why == "port" and fact.gives:
        with connection.cursor() as cursor:
            cursor.execute(
                _PARTS_PORTED,
                {
                    "giver": fact.account_id,
                    "taker": fact.counterpart,
                    "symbol": fact.symbol,
                    "lots": -fact.lots,
                    "value": -fact.value,
                },
            )


def account_ported(recorded: Recorded) -> None:
    """A successor answers for every trade of the account, those of expired contracts too."""
    fact = recorded.fact
    if fact.succession:
        with connection.cursor() as cursor:
            cursor.execute(_PARTS_SUCCEEDED, {"giver": fact.account_id, "taker": fact.to_account})


def leg_allocated(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Allocation.objects.create(
        allocation_id=fact.allocation_id,
        trade=name_of(fact.venue, fact.trade_id),
        side=fact.side,
        account=fact.from_account,
        lots=fact.lots,
        shares=fact.shares,
        status="active",
        made_at=recorded.effective_at,
        deadline_at=clock.parsed(fact.deadline_at),
        sequence=recorded.sequence,
    )


def allocation_cancelled(recorded: Recorded) -> None:
    models.Allocation.objects.filter(allocation_id=recorded.fact.allocation_id).update(
        status="cancelled"
    )


def give_up_requested(recorded: Recorded) -> None:
    fact = recorded.fact
    _requested(
        recorded,
        kind="give-up",
        trade=name_of(fact.venue, fact.trade_id),
        side=fact.side,
        from_account=fact.from_account,
        executed_at=clock.parsed(fact.executed_at),
    )


def transfer_requested(recorded: Recorded) -> None:
    fact = recorded.fact
    _requested(
        recorded,
        kind="transfer",
        from_account=fact.account_id,
        price_ticks=None if fact.at_cost else fact.price_ticks,
    )


def _requested(recorded: Recorded, **its_own: Any) -> None:
    fact = recorded.fact
    models.Handover.objects.create(
        handover_id=fact.handover_id,
        symbol=fact.symbol,
        lots=fact.lots,
        from_member=fact.from_member,
        to_member=fact.to_member,
        status="requested",
        requested_at=recorded.effective_at,
        deadline_at=clock.parsed(fact.deadline_at),
        sequence=recorded.sequence,
        latest=recorded.sequence,
        **its_own,
    )


def handover_ended(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Handover.objects.filter(handover_id=fact.handover_id).update(
        status=fact.outcome,
        to_account=fact.to_account,
        reason=fact.reason,
        ended_at=recorded.effective_at,
        latest=recorded.sequence,
    )


def trade_busted(recorded: Recorded) -> None:
    _ended(recorded, status="busted")


def trade_corrected(recorded: Recorded) -> None:
    fact = recorded.fact
    _ended(recorded, status="corrected", replaced_by=fact.replaced_by)
    models.Trade.objects.filter(name=name_of(fact.venue, fact.replaced_by)).update(
        replaces=fact.trade_id
    )


def _ended(recorded: Recorded, **changes: Any) -> None:
    fact = recorded.fact
    models.Trade.objects.filter(name=name_of(fact.venue, fact.trade_id)).update(
        ended_sequence=recorded.sequence, reason=fact.reason, **changes
    )


def average_priced(recorded: Recorded) -> None:
    fact = recorded.fact
    models.PriceGroup.objects.create(
        group_id=fact.group_id,
        account=fact.from_account,
        symbol=fact.symbol,
        settlement=fact.settlement,
        side=fact.side,
        trades=fact.trades,
        shares=fact.shares,
        lots=fact.lots,
        value=fact.value,
        made_at=recorded.effective_at,
        sequence=recorded.sequence,
    )


def contract_adjusted(recorded: Recorded) -> None:
    """Every part in the old contract is one in the new, whoever has it and whatever it nets to. The
    trade itself, and the way its lots went, stay as they were."""
    fact = recorded.fact
    parts = models.TradePart.objects.filter(symbol=fact.symbol)
    parts.update(symbol=fact.new_symbol, lots=F("lots") * fact.lots_factor)


PROJECTIONS = {
    events.ContractAdjusted: contract_adjusted,
    events.TradeNovated: legs_novated,
    events.LegMoved: leg_moved,
    events.LegUnwound: leg_unwound,
    events.PositionMoved: position_moved,
    events.AccountPorted: account_ported,
    events.LegAllocated: leg_allocated,
    events.AllocationCancelled: allocation_cancelled,
    events.GiveUpRequested: give_up_requested,
    events.GiveUpEnded: handover_ended,
    events.PositionTransferRequested: transfer_requested,
    events.PositionTransferEnded: handover_ended,
    events.TradeBusted: trade_busted,
    events.TradeCorrected: trade_corrected,
    events.AveragePriced: average_priced,
}
TABLES = (
    models.Trade,
    models.TradePart,
    models.LegMove,
    models.Allocation,
    models.Handover,
    models.PriceGroup,
)

# A leg names one side of its trade; whichever comes second fills in the other.
_LEGS = """
    WITH leg AS (
        SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
                             %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::bigint[],
                             %b::bigint[], %b::timestamptz[])
            AS it (name, venue, trade_id, symbol, settlement, account, side, lots, price_ticks,
                   value, sequence, executed_at)
    ), part AS (
        INSERT INTO clearing_tradepart (trade, side, account, symbol, lots, value)
        SELECT name, side, account, symbol, lots, value FROM leg
    )
    INSERT INTO clearing_trade AS trade
        (name, venue, trade_id, symbol, settlement, lots, price_ticks, value, buyer, seller,
         buyer_sequence, seller_sequence, sequence, executed_at, status, replaces, replaced_by,
         reason)
    SELECT name, venue, trade_id, symbol, settlement, max(abs(lots)), max(price_ticks),
           max(CASE side WHEN 'bought' THEN value ELSE -value END),
           coalesce(max(account) FILTER (WHERE side = 'bought'), ''),
           coalesce(max(account) FILTER (WHERE side = 'sold'), ''),
           coalesce(max(sequence) FILTER (WHERE side = 'bought'), 0),
           coalesce(max(sequence) FILTER (WHERE side = 'sold'), 0),
           max(sequence), max(executed_at), 'active', '', '', ''
    FROM leg GROUP BY name, venue, trade_id, symbol, settlement
    ON CONFLICT (name) DO UPDATE SET
        buyer = trade.buyer || EXCLUDED.buyer,
        seller = trade.seller || EXCLUDED.seller,
        buyer_sequence = trade.buyer_sequence + EXCLUDED.buyer_sequence,
        seller_sequence = trade.seller_sequence + EXCLUDED.seller_sequence,
        sequence = greatest(trade.sequence, EXCLUDED.sequence)
"""
_ADD_TO_PART = """
    INSERT INTO clearing_tradepart AS part (trade, side, account, symbol, lots, value)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (trade, side, account) DO UPDATE SET
        lots = part.lots + EXCLUDED.lots, value = part.value + EXCLUDED.value
"""
# The lots go, at their share of what is carried for the whole position; what they were traded for
# beyond that stays with the giver, whose gain or loss it was.
_PARTS_PORTED = """
    WITH gone AS (
        SELECT id, trade, side, lots,
               trunc(%(value)s::numeric * lots / %(lots)s)::bigint AS value
        FROM clearing_tradepart
        WHERE account = %(giver)s AND symbol = %(symbol)s AND lots <> 0
    ), kept AS (
        UPDATE clearing_tradepart AS part SET lots = 0, value = part.value - gone.value
        FROM gone WHERE part.id = gone.id
    )
    INSERT INTO clearing_tradepart AS part (trade, side, account, symbol, lots, value)
    SELECT trade, side, %(taker)s, %(symbol)s, lots, value FROM gone
    ON CONFLICT (trade, side, account) DO UPDATE SET
        lots = part.lots + EXCLUDED.lots, value = part.value + EXCLUDED.value
"""
_PARTS_SUCCEEDED = """
    WITH gone AS (
        SELECT id, trade, side, symbol, lots, value FROM clearing_tradepart
        WHERE account = %(giver)s AND (lots <> 0 OR value <> 0)
    ), kept AS (
        UPDATE clearing_tradepart AS part SET lots = 0, value = 0 FROM gone WHERE part.id = gone.id
    )
    INSERT INTO clearing_tradepart AS part (trade, side, account, symbol, lots, value)
    SELECT trade, side, %(taker)s, symbol, lots, value FROM gone
    ON CONFLICT (trade, side, account) DO UPDATE SET
        lots = part.lots + EXCLUDED.lots, value = part.value + EXCLUDED.value
"""
