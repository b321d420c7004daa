"""Rows of settlement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from clearing import models
from clearing.domain import clock, events
from clearing.domain.settlement import FUNDING, PAYOUT, Line, lines_of
from clearing.projections.accounts import account_moved
from clearing.store import Recorded, binary, packing, takes_many


def schedule_set(recorded: Recorded) -> None:
    fact = recorded.fact
    models.SettlementSchedule.objects.update_or_create(
        id=1,
        defaults={
            "times": fact.times,
            "interval_minutes": fact.interval_minutes,
            "since": recorded.effective_at,
            "sequence": recorded.sequence,
        },
    )


def fee_set(recorded: Recorded) -> None:
    fact = recorded.fact
    models.FeeInForce.objects.update_or_create(
        kind=fact.kind,
        defaults={"per_lot": fact.per_lot, "rate": fact.rate, "sequence": recorded.sequence},
    )


def funding_fixed(recorded: Recorded) -> None:
    fact = recorded.fact
    models.FundingFixing.objects.create(
        sequence=recorded.sequence,
        symbol=fact.symbol,
        source=fact.source,
        interval_end=clock.parsed(fact.interval_end),
        hours=fact.hours,
        rate=fact.rate,
        price=fact.price,
        price_sequence=fact.price_sequence,
    )


def cycle_opened(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Cycle.objects.create(
        cycle_id=fact.cycle_id,
        kind=fact.kind,
        slot=fact.slot,
        state="opened",
        price_set=fact.price_set,
        price_sequence=fact.price_sequence,
        accounts=fact.accounts,
        watermark=fact.watermark,
        corrects=fact.corrects,
        at=recorded.effective_at,
        opened=recorded.sequence,
        correlation_id=recorded.cause.correlation_id,
    )


def cycle_closed(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Cycle.objects.filter(cycle_id=fact.cycle_id).update(
        state="closed",
        closed=recorded.sequence,
        lines=fact.lines,
        totals=fact.totals,
        content_hash=fact.content_hash,
        reason="",
    )


def cycle_held(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Cycle.objects.filter(cycle_id=fact.cycle_id).update(
        state="held", reason=f"{fact.invariant}: {fact.reason}"[:300]
    )


@takes_many
def lines_paid(found: Sequence[Recorded]) -> None:
    """What accounts paid and received, of any number of facts, one row a line."""
    rows = [
        (it, ordinal, line)
        for it in found
        for ordinal, line in enumerate(LINES[it.fact.__class__](it.fact))
    ]
    facts, lines = [it.fact for it, _, _ in rows], [line for _, _, line in rows]
    columns = [
        packing.repeated([it.cycle_id for it in facts]),
        packing.repeated([it.account_id for it in facts]),
        packing.int4s([ordinal for _, ordinal, _ in rows]),
        packing.repeated([line.kind for line in lines]),
        packing.repeated([line.symbol for line in lines]),
        packing.repeated([line.asset for line in lines]),
        packing.int8s([line.count for line in lines]),
        packing.repeated([line.price for line in lines]),
        packing.int8s([line.value for line in lines]),
        packing.int8s([line.cash for line in lines]),
        packing.int8s([line.cost for line in lines]),
        packing.repeated([getattr(it, "corrects", "") for it in facts]),
        packing.int8s([it.sequence for it, _, _ in rows]),
    ]
    binary.put(_LINES, columns)
    settled = [it for it in found if isinstance(it.fact, events.AccountSettled)]
    if settled:
        _accounts_settled(settled)


def _accounts_settled(found: Sequence[Recorded]) -> None:
    """Of each account, the last fact that settled it."""
    last = {it.fact.account_id: it for it in found}
    columns = [
        packing.texts(list(last)),
        packing.int4s([it.fact.book_version for it in last.values()]),
        packing.int8s([it.sequence for it in last.values()]),
    ]
    binary.put(_SETTLED, columns)


def _settled(fact: events.AccountSettled) -> list[Line]:
    return lines_of(fact.lines)


def contract_settled(recorded: Recorded) -> None:
    """Of no cycle: a bust brought lots of an expired contract back."""
    fact = recorded.fact
    models.LatePayout.objects.create(
        sequence=recorded.sequence,
        account=fact.account_id,
        symbol=fact.symbol,
        lots=fact.lots,
        value=fact.cash + fact.cost,
        price_set=fact.price_set,
    )


def _funded(fact: events.PerpetualFunded) -> list[Line]:
    return [
        Line(
            kind=FUNDING,
            symbol=fact.symbol,
            asset=fact.settlement,
            count=fact.lots,
            price=fact.price,
            cash=fact.cash,
        )
    ]


def _future_paid(fact: events.FutureSettled) -> list[Line]:
    return [
        Line(
            kind=PAYOUT,
            symbol=fact.symbol,
            asset=fact.settlement,
            count=fact.lots,
            price=fact.index,
            value=fact.cash + fact.cost,
            cash=fact.cash,
            cost=-fact.cost,
        )
    ]


def _option_paid(
    fact: events.OptionExercised | events.OptionAssigned | events.OptionExpired,
) -> list[Line]:
    """Exercised, assigned or expired: what was paid on all the lots it held."""
    paid = getattr(fact, "cash", 0)
    return [
        Line(
            kind=PAYOUT,
            symbol=fact.symbol,
            asset=fact.settlement,
            count=fact.lots,
            price=fact.index,
            value=paid,
            cash=paid,
        )
    ]


def _corrected(fact: events.SettlementCorrected) -> list[Line]:
    return [
        Line(
            kind=fact.kind,
            symbol=fact.symbol,
            asset=fact.settlement,
            count=fact.lots,
            price=fact.price,
            value=fact.value,
            cash=fact.cash,
            cost=fact.cost,
        )
    ]


LINES: dict[type, Callable[[Any], list[Line]]] = {
    events.AccountSettled: _settled,
    events.PerpetualFunded: _funded,
    events.FutureSettled: _future_paid,
    events.OptionExercised: _option_paid,
    events.OptionAssigned: _option_paid,
    events.OptionExpired: _option_paid,
    events.SettlementCorrected: _corrected,
}


def exercise_instructed(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    models.ExerciseInstruction.objects.update_or_create(
        account=fact.account_id,
        symbol=fact.symbol,
        defaults={"abandon": fact.abandon, "sequence": recorded.sequence},
    )


PROJECTIONS = {
    events.SettlementScheduleSet: schedule_set,
    events.FeeSet: fee_set,
    events.FundingRateFixed: funding_fixed,
    events.CycleOpened: cycle_opened,
    events.CycleClosed: cycle_closed,
    events.CycleHeld: cycle_held,
    **dict.fromkeys(LINES, lines_paid),
    events.ContractSettled: contract_settled,
    events.ExerciseInstructed: exercise_instructed,
}
TABLES = (
    models.SettlementSchedule,
    models.FeeInForce,
    models.FundingFixing,
    models.Cycle,
    models.CycleLine,
    models.LatePayout,
    models.SettledAccount,
    models.ExerciseInstruction,
)

_LINES = """
    INSERT INTO clearing_cycleline (cycle, account, ordinal, kind, symbol, asset, count, price,
                                    value, cash, cost, corrects, sequence)
    SELECT * FROM unnest(%b::text[], %b::text[], %b::int[], %b::text[], %b::text[], %b::text[],
                         %b::bigint[], %b::text[], %b::bigint[], %b::bigint[], %b::bigint[],
                         %b::text[], %b::bigint[])
"""
_SETTLED = """
    INSERT INTO clearing_settledaccount (account, version, sequence)
    SELECT * FROM unnest(%b::text[], %b::int[], %b::bigint[])
    ON CONFLICT (account) DO UPDATE
        SET version = EXCLUDED.version, sequence = EXCLUDED.sequence
"""
