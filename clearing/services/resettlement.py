"""Corrected prices: what was settled on the wrong set is settled again, by differences only.

How it flows. A correction names the set it stands in for. Whatever closed cycles, expiries and
funding used that set is looked up once; then each instrument is settled again in one decision, which
computes what the history would have paid at the prices that stand now and pays the difference to
what is on record. Nothing is undone, no run is computed again, and doing it twice pays nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from clearing import models, selectors, store
from clearing.domain import amounts, expiry, instrument, resettlement, settlement
from clearing.domain.cause import Cause
from clearing.domain.cycles import CycleNotBalanced, CycleUnderWay, Kind, State
from clearing.domain.events import (
    CycleOpened,
    PriceSetCorrected,
    PricesResettled,
    SettlementCorrected,
)
from clearing.domain.expiry import Final
from clearing.domain.instrument import Instrument
from clearing.selectors import corrections
from clearing.services import accounts, cycles, funding, timekeeping
from clearing.services.jobs import NotYet

SCOPE = "resettled"


def resettle(correction: int, *, cause: Cause) -> list[str]:
    """Settle again what used the set that was wrong; the ids of the cycles that pay differences.

    Raises NotFound for what is no correction's sequence, NotYet while a cycle is under way.
    """
    recorded = selectors.recorded(correction)
    fact: PriceSetCorrected = recorded.fact
    chain = corrections.stands_for(fact.corrects)
    cause = cause.because_of(correction)
    try:
        cycles.finish_open(cause=cause)
        revalued = {line.symbol for _, line in corrections.lines_on(chain)}
        done = [_revalue(it, chain, correction, cause=cause) for it in sorted(revalued)]
        expired = corrections.expired_on(chain)
        done += [_pay_out_again(it, chain, correction, cause=cause) for it in expired]
    except CycleUnderWay as wait:
        raise NotYet(wait.sentence) from wait
    done += [funding.settle(at, cause=cause) for at in corrections.fixings_on(chain)]
    paid = [cycle_id for cycle_id in done if cycle_id]
    _resettled(correction, fact, cycles=len(paid), cause=cause)
    return paid


@store.decision
def _resettled(correction: int, fact: PriceSetCorrected, *, cycles: int, cause: Cause) -> int:
    """Once for each correction: margin hears of it and looks again."""
    stream, key = store.claim("prices"), str(correction)
    before = store.earlier(scope=SCOPE, key=key, content=fact.price_set)
    if before is not None:
        return before
    done = PricesResettled(
        correction=correction, corrects=fact.corrects, price_set=fact.price_set, cycles=cycles
    )
    sequence = store.append(stream, done, at=timekeeping.now(), cause=cause)
    return store.remember(scope=SCOPE, key=key, content=fact.price_set, sequence=sequence)


# --- variation margin -------------------------------------------------------------------------


@store.decision
def _revalue(symbol: str, chain: set[int], correction: int, *, cause: Cause) -> str | None:
    """Pay the difference between what each position is carried at and what it would be."""
    cycle_id, stream = _claim(symbol, correction)
    if stream.version:
        return None
    it, names = selectors.locked_instrument(symbol), corrections.standing_names()
    lines = corrections.lines_on(names, symbol=symbol)
    latest = {line.account: (at, line) for at, line in lines if at in chain}
    streams = store.claim_all(f"account-{account}" for account in latest)
    marks = {at: _mark(symbol, names[at]) for at in {at for at, _ in lines}}
    values = {(line.cycle, line.account): _value(it, line, marks[at]) for at, line in lines}
    _check(symbol, values)
    steps = corrections.steps_of(symbol, latest)
    facts = []
    for account, (at, line) in sorted(latest.items()):
        mine = {cycle: value for (cycle, who), value in values.items() if who == account}
        recorded, wanted = resettlement.wanted_cost(steps[account], corrected=mine)
        if wanted != recorded:
            facts.append(
                SettlementCorrected(
                    account_id=account,
                    cycle_id=cycle_id,
                    corrects=line.cycle,
                    symbol=symbol,
                    settlement=it.settlement,
                    kind=settlement.VM,
                    lots=line.count,
                    price=marks[at] or line.price,
                    value=values[line.cycle, account],
                    cash=amounts.fitting(wanted - recorded),
                    cost=amounts.fitting(wanted - recorded),
                )
            )
    return _record(stream, cycle_id, facts, streams, chain, cause=cause)


def _mark(symbol: str, name: str) -> str:
    """ "" where the set that stands does not quote it."""
    quote = selectors.prices_named(name).quotes.get(symbol)
    return quote.mark if quote else ""


def _value(it: Instrument, line: models.CycleLine, mark: str) -> int:
    if not mark:
        return line.value
    return instrument.position_value(it, lots=line.count, price=Decimal(mark))


def _check(symbol: str, values: Mapping[tuple[str, str], int]) -> None:
    """The corrected values of every cycle cancel as its own had to. Raises CycleNotBalanced."""
    by_cycle: dict[str, list[int]] = {}
    for (cycle, _), value in values.items():
        by_cycle.setdefault(cycle, []).append(value)
    for cycle, mine in by_cycle.items():
        fault = settlement.residue_fault(symbol, residue=sum(mine), accounts=len(mine))
        if fault is not None:
            raise CycleNotBalanced(cycle=cycle, invariant=fault.invariant, reason=fault.reason)


# --- payouts ----------------------------------------------------------------------------------


@store.decision
def _pay_out_again(symbol: str, chain: set[int], correction: int, *, cause: Cause) -> str | None:
    """What holders at expiry, and whom a bust gave lots back since, receive at the index that stands,
    less what they were paid.

    The draw keeps its seed: a correction that leaves the option in the money assigns nobody else.
    """
    cycle_id, stream = _claim(symbol, correction)
    if stream.version:
        return None
    it = selectors.locked_instrument(symbol)
    index, name, seed_set = selectors.expiry_price(symbol)
    streams = store.claim_all(f"account-{account}" for account in corrections.paid_out(symbol))
    paid = corrections.paid_out(symbol)
    held = {account: each.lots for account, each in paid.items()}
    final = Final(cycle_id=cycle_id, index=index, price_set=name, seed_set=seed_set)
    owed = expiry.owed(it, held, final, abandoned=selectors.exercise_instructions(symbol))
    _check(symbol, {(cycle_id, account): value for account, value in owed.items()})
    facts = [
        SettlementCorrected(
            account_id=account,
            cycle_id=cycle_id,
            corrects=f"expiry-{symbol}",
            symbol=symbol,
            settlement=it.settlement,
            kind=settlement.PAYOUT,
            lots=held[account],
            price=str(index),
            value=owed[account],
            cash=amounts.fitting(owed[account] - paid[account].value),
            cost=0,
        )
        for account in sorted(held)
        if owed[account] != paid[account].value
    ]
    return _record(stream, cycle_id, facts, streams, chain, cause=cause)


# --- what both share --------------------------------------------------------------------------


def _claim(symbol: str, correction: int) -> tuple[str, store.Stream]:
    """The correction's cycle for an instrument. Raises CycleUnderWay while positions are being
    revalued."""
    store.claim("schedule")
    if any(row.state == State.OPENED for row in selectors.open_cycles()):
        cycles.check_none_open()
    cycle_id = f"correction-{correction}-{symbol}"
    return cycle_id, store.claim(f"cycle-{cycle_id}")


def _record(
    stream: store.Stream,
    cycle_id: str,
    facts: Sequence[SettlementCorrected],
    streams: Mapping[str, store.Stream],
    chain: set[int],
    *,
    cause: Cause,
) -> str | None:
    """The differences as a cycle of their own, effective when business time has come to know them."""
    if not facts:
        return None
    at = timekeeping.now()
    opened = CycleOpened(
        cycle_id=cycle_id,
        kind=Kind.CORRECTION,
        slot=facts[0].corrects,
        price_set=corrections.standing_names()[min(chain)],
        price_sequence=min(chain),
        accounts=len(facts),
        watermark=cause.sequence or 0,
        corrects=facts[0].corrects,
    )
    named = [(streams[f"account-{fact.account_id}"], fact) for fact in facts]
    paying = accounts.reopening(named, reason=f"paid in {cycle_id}")
    store.append_all([(stream, opened), *paying], at=at, cause=cause)
    cycles.close_at_once(stream, cycle_id, at=at, cause=cause, differences=True)
    return cycle_id
