"""When the book is settled and what trading costs; and what holders will not have exercised."""

from __future__ import annotations

import json
from datetime import datetime

from clearing import selectors, store
from clearing.domain import amounts, cycles, expiry, instrument, settlement
from clearing.domain.cause import Cause
from clearing.domain.cycles import Schedule
from clearing.domain.events import ExerciseInstructed, FeeSet, SettlementScheduleSet
from clearing.domain.instrument import Kind
from clearing.domain.settlement import Fee


@store.decision
def set_schedule(
    times: str, *, interval_minutes: int = 0, at: datetime, cause: Cause
) -> int | None:
    """None when that schedule is in force already. Raises ScheduleNotValid."""
    stream = store.claim("schedule")
    asked = Schedule(times=cycles.times_of(times), interval_minutes=interval_minutes)
    cycles.check_schedule(asked)
    known = selectors.schedule()
    if (known.times, known.interval_minutes) == (asked.times, asked.interval_minutes):
        return None
    spelled = ",".join(each.isoformat() for each in asked.times)
    fact = SettlementScheduleSet(times=spelled, interval_minutes=interval_minutes)
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def set_fee(
    kind: str, *, per_lot: str = "0", rate: str = "0", at: datetime, cause: Cause
) -> int | None:
    """For every trade that is not settled yet. None when that fee is in force already.

    Raises FeeNotValid, NotANumber, TermsNotValid.
    """
    stream = store.claim("schedule")
    try:
        named = Kind(kind)
    except ValueError:
        raise instrument.TermsNotValid(field="kind", got=kind) from None
    fee = Fee(
        per_lot=amounts.decimal(per_lot, field="per_lot"), rate=amounts.decimal(rate, field="rate")
    )
    settlement.check_fee(fee)
    if selectors.fees().get(named, Fee()) == fee:
        return None
    return store.append(stream, FeeSet(kind=named, per_lot=per_lot, rate=rate), at=at, cause=cause)


@store.decision
def instruct_exercise(
    account_id: str, *, key: str, symbol: str, abandon: int, at: datetime, cause: Cause
) -> int:
    """How many lots of an option its holder will not have exercised, whatever it is worth.

    The last instruction before expiry counts; none is 0. Raises InstructionNotValid,
    InstrumentUnknown, InstrumentNotTrading at and after expiry, KeyReused.
    """
    content = json.dumps(["abandon", account_id, symbol, abandon])
    it = selectors.shared_instruments([symbol]).get(symbol) or selectors.instrument(symbol)
    stream = store.claim(f"account-{account_id}")
    recorded = store.earlier(scope=cause.actor, key=key, content=content)
    if recorded is not None:
        return recorded
    if it.status is instrument.Status.EXPIRED or (it.expiry_at is not None and at >= it.expiry_at):
        raise instrument.InstrumentNotTrading(field="symbol", symbol=symbol, status="expired")
    held = selectors.account(account_id).lots(symbol)
    expiry.check_instruction(it, abandon=abandon, held=held)
    fact = ExerciseInstructed(account_id=account_id, symbol=symbol, abandon=abandon)
    sequence = store.append(stream, fact, at=at, cause=cause)
    return store.remember(scope=cause.actor, key=key, content=content, sequence=sequence)
