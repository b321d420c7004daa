"""What a sealed set settles: contracts that have expired, then the cycle that is due, then margin.

In this order, because margin is to see the book as it stands after both: a cycle turns what
positions gained into cash, and coin that is cash is haircut where a coin that is owed is not.
"""

from __future__ import annotations

from clearing import selectors, store
from clearing.domain import cycles as moves
from clearing.domain import expiry, instrument
from clearing.domain.cause import Cause
from clearing.domain.cycles import CycleUnderWay, Kind, State
from clearing.domain.events import CycleOpened, ExpiriesSettled, InstrumentExpired
from clearing.domain.expiry import Final
from clearing.domain.instrument import Instrument
from clearing.selectors import SealedPrices
from clearing.services import cycles
from clearing.services.jobs import NotYet


def settle_expiries(price_set: int, *, cause: Cause) -> int | None:
    """Settle what had expired by this set, one decision an instrument, and the cycle that is due;
    then say that it is done.

    Running it again settles what is left; None when the whole was done before. Raises NotYet while
    another worker is still at a cycle.
    """
    sealed = selectors.prices_at(price_set)
    if sealed.settled:
        return None
    accounts: set[str] = set()
    expired = selectors.expiring(at=sealed.at)
    try:
        cycles.finish_open(cause=cause)
        for symbol in expired:
            accounts.update(_settle(symbol, cause=cause))
        cycles.settle_due(sealed, cause=cause.because_of(sealed.sequence))
    except CycleUnderWay as wait:
        raise NotYet(wait.sentence) from wait
    return _say_settled(sealed, instruments=len(expired), accounts=len(accounts), cause=cause)


def _first_to_price(it: Instrument) -> SealedPrices | None:
    """The first set at or after expiry that has the index, by the time of the sets: which job runs
    first must not choose the price. None where a later set has to be waited for."""
    assert it.expiry_at is not None
    for row in selectors.price_sets().filter(at__gte=it.expiry_at).order_by("at", "-sequence"):
        sealed = selectors.prices_at(row.sequence)
        if it.underlying in sealed.prices.indices:
            return sealed
    return None


@store.decision
def _settle(symbol: str, *, cause: Cause) -> list[str]:
    """Every holder is paid in one transaction: the lots sum to zero, and so do the payments.

    The instrument's row is locked before its holders are looked up, and a trade holds a share of
    that lock until it commits; so nobody becomes a holder unseen. The schedule's stream is claimed
    so that no cycle has the position in its book and has not settled it. Raises CycleUnderWay.
    """
    store.claim("schedule")
    if any(row.state == State.OPENED for row in selectors.open_cycles()):
        cycles.check_none_open()
    cycle_id = f"expiry-{symbol}"
    cycle, stream = store.claim(f"cycle-{cycle_id}"), store.claim(f"instrument-{symbol}")
    it = selectors.locked_instrument(symbol)
    if it.status is instrument.Status.EXPIRED:
        return []
    sealed = _first_to_price(it)
    if sealed is None:
        return []
    standing = selectors.standing_name(sealed.sequence) or sealed.name
    index = selectors.prices_named(standing).index(it.underlying)
    fact = InstrumentExpired(symbol=symbol, index=str(index), price_set=standing)
    because = cause.because_of(store.append(stream, fact, at=sealed.at, cause=cause))
    final = Final(cycle_id=cycle_id, index=index, price_set=standing, seed_set=sealed.name)
    return _pay_out(it, final, sealed, cycle=cycle, cause=because)


def _pay_out(
    it: Instrument, final: Final, sealed: SealedPrices, *, cycle: store.Stream, cause: Cause
) -> list[str]:
    held = selectors.positions_by_account(it.symbol)
    if not held:
        return []
    streams = store.claim_all([*(f"account-{name}" for name in held), cycles.ROUNDING_STREAM])
    abandoned = selectors.exercise_instructions(it.symbol)
    facts, drawn = expiry.payouts(it, held, final, abandoned=abandoned)
    opened = CycleOpened(
        cycle_id=final.cycle_id,
        kind=Kind.EXPIRY,
        slot=it.symbol,
        price_set=final.seed_set,
        price_sequence=sealed.sequence,
        accounts=len(held),
        watermark=cause.sequence or 0,
        corrects="",
    )
    moves.move(State.NONE, moves.Trigger.OPEN)
    named = [(streams[f"account-{fact.account_id}"], fact) for fact in facts]
    also = [(cycle, drawn)] if drawn else []
    store.append_all([(cycle, opened), *named, *also], at=sealed.at, cause=cause)
    cycles.close_at_once(cycle, final.cycle_id, at=sealed.at, cause=cause)
    return sorted(held)


@store.decision
def _say_settled(
    sealed: SealedPrices, *, instruments: int, accounts: int, cause: Cause
) -> int | None:
    stream = store.claim("prices")
    if selectors.prices_at(sealed.sequence).settled:
        return None
    fact = ExpiriesSettled(price_set=sealed.name, instruments=instruments, accounts=accounts)
    return store.append(stream, fact, at=sealed.at, cause=cause.because_of(sealed.sequence))
