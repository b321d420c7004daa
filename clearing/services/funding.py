"""Perpetual funding: a rate is fixed once for an interval, and paid on what was held at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from clearing import selectors, store
from clearing.domain import amounts, clock, settlement
from clearing.domain.cause import Cause
from clearing.domain.cycles import CycleNotBalanced, Kind
from clearing.domain.errors import Refusal
from clearing.domain.events import CycleOpened, FundingRateFixed, PerpetualFunded
from clearing.domain.instrument import Instrument
from clearing.domain.prices import PriceMissing
from clearing.selectors import funded
from clearing.services import accounts, cycles, timekeeping


class FundingDiffers(Refusal):
    code = "funding-differs"
    says = "The rate of that interval is fixed already, and is another."
    remedy = "A rate is fixed once; correct the price set it is valued at instead."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixing:
    """As a venue publishes it. Without a price the position is valued at the mark of the set in
    force at the interval's end."""

    symbol: str
    source: str
    interval_end: datetime
    hours: int
    rate: str
    price: str = ""


@store.decision
def fix(found: Fixing, *, cause: Cause) -> int | None:
    """Record the rate; what is paid follows as a job. None when it was fixed before, the same.

    Raises FundingDiffers, FundingNotValid, PriceMissing, InstrumentUnknown, NotANumber.
    """
    stream = store.claim("prices")
    it = selectors.instrument(found.symbol)
    if found.interval_end > timekeeping.now():
        raise settlement.FundingNotValid(
            field="interval_end", ends=clock.text(found.interval_end), why="has not ended"
        )
    known = selectors.fixing(found.symbol, found.interval_end)
    if known is not None:
        if Decimal(known.rate) != amounts.decimal(found.rate, field="rate"):
            raise FundingDiffers(field="rate", known=known.rate, got=found.rate)
        return None
    price, sequence = (found.price, 0) if found.price else _mark(found)
    settlement.check_funding(
        it,
        rate=amounts.decimal(found.rate, field="rate"),
        price=amounts.decimal(price, field="price"),
    )
    fact = FundingRateFixed(
        symbol=found.symbol,
        source=found.source,
        interval_end=clock.text(found.interval_end),
        hours=found.hours,
        rate=found.rate,
        price=price,
        price_sequence=sequence,
    )
    return store.append(stream, fact, at=found.interval_end, cause=cause)


def _mark(found: Fixing) -> tuple[str, int]:
    rows = selectors.price_sets().filter(at__lte=found.interval_end).order_by("-at")
    row = rows.first()
    if row is None:
        raise PriceMissing(field="price", set="none sealed by the interval's end")
    sealed = selectors.prices_at(row.sequence)
    return sealed.prices.quote(found.symbol).mark, sealed.sequence


def settle(fixing: int, *, cause: Cause) -> str | None:
    """Pay what is owed for a fixed interval, less what was paid for it so far; the cycle's id.

    So the first time everything is paid, and later only what a late trade, a bust or a corrected price
    makes of it. None when nothing is left to pay.
    """
    fact: FundingRateFixed = selectors.recorded(fixing).fact
    standing = selectors.standing_name(fact.price_sequence)
    price = selectors.prices_named(standing).quote(fact.symbol).mark if standing else fact.price
    return _pay(fact, price, cause=cause.because_of(fixing))


@store.decision
def _pay(fact: FundingRateFixed, price: str, *, cause: Cause) -> str | None:
    """One decision over all holders: they are looked up with the instrument held, so that no trade
    makes a holder unseen, and what longs pay is what shorts receive."""
    at = clock.parsed(fact.interval_end)
    base = f"funding-{fact.symbol}-{at:%Y%m%dT%H%M%SZ}"
    first = store.claim(f"cycle-{base}")
    runs = selectors.cycles().filter(slot=slot_of(fact)).count()
    name = f"{base}-{runs + 1}" if runs else base
    stream = store.claim(f"cycle-{name}") if runs else first
    it = selectors.locked_instrument(fact.symbol)
    lots = funded.funded_lots(fact.symbol, at)
    owed = {
        account: settlement.funding(it, lots=held, rate=Decimal(fact.rate), price=Decimal(price))
        for account, held in lots.items()
    }
    _check(it, lots, owed, cycle_id=name)
    paid = selectors.funded_so_far(fact.symbol, fact.interval_end)
    differences = {
        account: owed.get(account, 0) - paid.get(account, 0)
        for account in sorted(owed.keys() | paid.keys())
        if owed.get(account, 0) != paid.get(account, 0)
    }
    if not differences:
        return None
    _record(
        stream, name, fact, price, lots, differences, corrects=base if runs else "", cause=cause
    )
    return name


def slot_of(fact: FundingRateFixed) -> str:
    return f"funding {fact.symbol} {fact.interval_end}"


def _check(
    it: Instrument, lots: Mapping[str, int], owed: Mapping[str, int], *, cycle_id: str
) -> None:
    """Raises CycleNotBalanced."""
    moved = settlement.Moved(
        symbol=it.symbol,
        settlement=it.settlement,
        accounts=len(lots),
        lots=sum(lots.values()),
        value=sum(owed.values()),
        cash=0,
        cost=0,
    )
    fault = settlement.fault_in(moved)
    if fault is not None:
        raise CycleNotBalanced(cycle=cycle_id, invariant=fault.invariant, reason=fault.reason)


def _record(
    stream: store.Stream,
    name: str,
    fact: FundingRateFixed,
    price: str,
    lots: Mapping[str, int],
    differences: Mapping[str, int],
    *,
    corrects: str,
    cause: Cause,
) -> None:
    it, at = selectors.instrument(fact.symbol), clock.parsed(fact.interval_end)
    streams = store.claim_all(f"account-{account}" for account in differences)
    opened = CycleOpened(
        cycle_id=name,
        kind=Kind.FUNDING,
        slot=slot_of(fact),
        price_set="",
        price_sequence=fact.price_sequence,
        accounts=len(differences),
        watermark=cause.sequence or 0,
        corrects=corrects,
    )
    paid = [
        PerpetualFunded(
            account_id=account,
            cycle_id=name,
            symbol=fact.symbol,
            settlement=it.settlement,
            interval_end=fact.interval_end,
            lots=lots.get(account, 0),
            rate=fact.rate,
            price=price,
            cash=amounts.fitting(cash),
        )
        for account, cash in differences.items()
    ]
    named = [(streams[f"account-{each.account_id}"], each) for each in paid]
    paying = accounts.reopening(named, reason=f"paid in {name}")
    store.append_all([(stream, opened), *paying], at=at, cause=cause)
    cycles.close_at_once(stream, name, at=at, cause=cause, differences=True)
