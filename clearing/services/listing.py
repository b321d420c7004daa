"""What others call a contract, terms that may change, the end of a listing; what an asset is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from clearing import selectors, store
from clearing.domain import amendment, asset, instrument
from clearing.domain.amendment import Codes
from clearing.domain.asset import AssetProfile
from clearing.domain.cause import Cause
from clearing.domain.errors import naming
from clearing.domain.events import InstrumentListed
from clearing.domain.instrument import InstrumentUnknown
from clearing.services import reference


@store.decision
def assign_codes(given: Mapping[str, Codes], *, at: datetime, cause: Cause) -> list[str]:
    """Symbol -> all its codes from here on, of all or none; those that changed, in order.

    Raises InstrumentUnknown, CodeNotValid, TermsNotValid with the place of the symbol at fault.
    """
    streams = store.claim_all(f"instrument-{symbol}" for symbol in given)
    terms, known = selectors.instruments(given), selectors.codes(given)
    facts = []
    for place, (symbol, wanted) in enumerate(given.items()):
        with naming(place):
            if symbol not in terms:
                raise InstrumentUnknown(field="symbol", symbol=symbol)
            fact = amendment.assign(terms[symbol], wanted, known=known.get(symbol, Codes()))
        if fact is not None:
            facts.append((streams[f"instrument-{symbol}"], fact))
    store.append_all(facts, at=at, cause=cause)
    return [fact.symbol for _, fact in facts]


@store.decision
def amend(
    symbol: str, changes: Mapping[str, str], *, reason: str, at: datetime, cause: Cause
) -> int | None:
    """New trades keep to it from here on; None when the terms are so already.

    Raises InstrumentUnknown, TermsFixed, TermsNotValid, NotANumber, StatusNotValid.
    """
    stream = store.claim(f"instrument-{symbol}")
    fact = amendment.amend(selectors.locked_instrument(symbol), changes, reason=reason)
    return store.append(stream, fact, at=at, cause=cause) if fact else None


@store.decision
def delist(symbol: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """None when it is delisted already. Raises InstrumentUnknown, StillHeld, StatusNotValid.

    The row is locked before holders are counted, and a trade holds a share of that lock until it
    commits: so nobody is left holding what nobody trades.
    """
    stream = store.claim(f"instrument-{symbol}")
    it = selectors.locked_instrument(symbol)
    fact = amendment.delist(it, holders=len(selectors.holders(symbol)), reason=reason)
    return store.append(stream, fact, at=at, cause=cause) if fact else None


@store.decision
def describe_asset(profile: AssetProfile, *, at: datetime, cause: Cause) -> int | None:
    """None when it is described so already. Raises AssetUnknown, AssetNotValid, CodeNotValid."""
    stream = store.claim(f"asset-{profile.asset}")
    fact = asset.describe(profile, scale=selectors.scale(profile.asset))
    if profile.underlying:
        selectors.scale(profile.underlying)
    known = selectors.asset_profiles().get(profile.asset)
    if known is not None and asset.describe(known, scale=selectors.scale(profile.asset)) == fact:
        return None
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def admit_described(
    profile: AssetProfile, *, scale: int, title: str, at: datetime, cause: Cause
) -> int | None:
    """Admit an asset and say what it is; None when both were so already. Raises as
    `reference.admit_asset` and `describe_asset`."""
    admitted = reference.admit_asset(profile.asset, scale=scale, title=title, at=at, cause=cause)
    return describe_asset(profile, at=at, cause=cause) or admitted


@store.decision
def list_with_codes(
    found: Sequence[tuple[InstrumentListed, Codes]], *, at: datetime, cause: Cause
) -> tuple[list[str], list[str]]:
    """All of them or none; the symbols that were new, and those whose codes changed.

    Raises what `reference.list_instruments` and `assign_codes` raise, with the place at fault.
    """
    store.claim_all(f"instrument-{terms.symbol}" for terms, _ in found)
    digits = selectors.scales()
    for place, (terms, _) in enumerate(found):
        with naming(place):
            instrument.check_terms(reference.resolve(terms, digits=digits))
    listed = reference.list_instruments([terms for terms, _ in found], at=at, cause=cause)
    given = {terms.symbol: codes for terms, codes in found}
    return listed, assign_codes(given, at=at, cause=cause)
