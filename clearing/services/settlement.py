"""Cash expiry: at the first sealed set after it, every holder is paid out."""

from __future__ import annotations

from clearing import selectors, store
from clearing.domain import account, instrument
from clearing.domain.cause import Cause
from clearing.domain.events import ExpiriesSettled, InstrumentExpired
from clearing.domain.instrument import Instrument
from clearing.selectors import SealedPrices


def settle_expiries(price_set: int, *, cause: Cause) -> int | None:
    """Settle what had expired by this set, one decision an instrument; then say that it is done.

    Running it again settles what is left; None when the whole was done before.
    """
    sealed = selectors.prices_at(price_set)
    if sealed.settled:
        return None
    accounts: set[str] = set()
    expired = selectors.expiring(at=sealed.at)
    for symbol in expired:
        accounts.update(_settle(symbol, cause=cause))
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
    that lock until it commits; so nobody becomes a holder unseen.
    """
    stream = store.claim(f"instrument-{symbol}")
    it = selectors.locked_instrument(symbol)
    if it.status is instrument.Status.EXPIRED:
        return []
    sealed = _first_to_price(it)
    if sealed is None:
        return []
    index = sealed.prices.index(it.underlying)
    payout = instrument.payout(it, index)
    fact = InstrumentExpired(symbol=symbol, index=str(index), price_set=sealed.name)
    because = cause.because_of(store.append(stream, fact, at=sealed.at, cause=cause))
    holders = selectors.holders(symbol)
    for account_id in holders:
        stream = store.claim(f"account-{account_id}")
        held = selectors.account(account_id)
        settled = account.settle_contract(held, it, payout=payout, price_set=sealed.name)
        store.append(stream, settled, at=sealed.at, cause=because)
    return holders


@store.decision
def _say_settled(
    sealed: SealedPrices, *, instruments: int, accounts: int, cause: Cause
) -> int | None:
    stream = store.claim("prices")
    if selectors.prices_at(sealed.sequence).settled:
        return None
    fact = ExpiriesSettled(price_set=sealed.name, instruments=instruments, accounts=accounts)
    return store.append(stream, fact, at=sealed.at, cause=cause.because_of(sealed.sequence))
