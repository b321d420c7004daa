"""Rows of settlement."""

from __future__ import annotations

from clearing import models
from clearing.domain import clock, events
from clearing.domain.settlement import FUNDING, PAYOUT, Line, lines_of
from clearing.projections.accounts import account_moved
from clearing.store import Recorded


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


def account_settled(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    _lines(recorded, lines_of(fact.lines))
    row = models.SettledAccount(
        account=fact.account_id, version=fact.book_version, sequence=recorded.sequence
    )
    models.SettledAccount.objects.bulk_create(  # one statement, where an account comes by the thousand
        [row],
        update_conflicts=True,
        unique_fields=["account"],
        update_fields=["version", "sequence"],
    )


def perpetual_funded(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    line = Line(
        kind=FUNDING,
        symbol=fact.symbol,
        asset=fact.settlement,
        count=fact.lots,
        price=fact.price,
        cash=fact.cash,
    )
    _lines(recorded, [line])


def future_settled(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    line = Line(
        kind=PAYOUT,
        symbol=fact.symbol,
        asset=fact.settlement,
        count=fact.lots,
        price=fact.index,
        value=fact.cash + fact.cost,
        cash=fact.cash,
        cost=-fact.cost,
    )
    _lines(recorded, [line])


def contract_settled(recorded: Recorded) -> None:
    """Of no cycle: a bust brought lots of an expired contract back."""
    fact = recorded.fact
    account_moved(recorded)
    models.LatePayout.objects.create(
        sequence=recorded.sequence,
        account=fact.account_id,
        symbol=fact.symbol,
        lots=fact.lots,
        value=fact.cash + fact.cost,
        price_set=fact.price_set,
    )


def option_settled(recorded: Recorded) -> None:
    """Exercised, assigned or expired: what was paid on all the lots it held."""
    fact = recorded.fact
    account_moved(recorded)
    paid = getattr(fact, "cash", 0)
    line = Line(
        kind=PAYOUT,
        symbol=fact.symbol,
        asset=fact.settlement,
        count=fact.lots,
        price=fact.index,
        value=paid,
        cash=paid,
    )
    _lines(recorded, [line])


def settlement_corrected(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    line = Line(
        kind=fact.kind,
        symbol=fact.symbol,
        asset=fact.settlement,
        count=fact.lots,
        price=fact.price,
        value=fact.value,
        cash=fact.cash,
        cost=fact.cost,
    )
    _lines(recorded, [line], corrects=fact.corrects)


def exercise_instructed(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    models.ExerciseInstruction.objects.update_or_create(
        account=fact.account_id,
        symbol=fact.symbol,
        defaults={"abandon": fact.abandon, "sequence": recorded.sequence},
    )


def _lines(recorded: Recorded, lines: list[Line], *, corrects: str = "") -> None:
    fact = recorded.fact
    models.CycleLine.objects.bulk_create(
        models.CycleLine(
            cycle=fact.cycle_id,
            account=fact.account_id,
            ordinal=ordinal,
            kind=line.kind,
            symbol=line.symbol,
            asset=line.asset,
            count=line.count,
            price=line.price,
            value=line.value,
            cash=line.cash,
            cost=line.cost,
            corrects=corrects,
            sequence=recorded.sequence,
        )
        for ordinal, line in enumerate(lines)
    )


PROJECTIONS = {
    events.SettlementScheduleSet: schedule_set,
    events.FeeSet: fee_set,
    events.FundingRateFixed: funding_fixed,
    events.CycleOpened: cycle_opened,
    events.CycleClosed: cycle_closed,
    events.CycleHeld: cycle_held,
    events.AccountSettled: account_settled,
    events.PerpetualFunded: perpetual_funded,
    events.FutureSettled: future_settled,
    events.ContractSettled: contract_settled,
    events.OptionExercised: option_settled,
    events.OptionAssigned: option_settled,
    events.OptionExpired: option_settled,
    events.SettlementCorrected: settlement_corrected,
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
