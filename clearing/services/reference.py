"""What may be held and traded, and the house's own rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal

from clearing import selectors, store
from clearing.domain import amounts, clock, instrument
from clearing.domain.amendment import AMENDABLE, StatusNotValid
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.events import (
    AssetAdmitted,
    InstrumentHalted,
    InstrumentListed,
    InstrumentResumed,
    PolicySet,
)
from clearing.domain.instrument import Instrument, Kind, Payoff, Status
from clearing.domain.policy import Policy


class TermsDiffer(Refusal):
    code = "terms-differ"
    says = "It exists already, on other terms."
    remedy = "Terms never change in place: use another code."


@store.decision
def admit_asset(asset: str, *, scale: int, title: str, at: datetime, cause: Cause) -> int | None:
    """None when it was admitted before on the same terms. Raises TermsDiffer, TermsNotValid."""
    stream = store.claim(f"asset-{asset}")
    if not 0 <= scale <= amounts.DIGITS:
        raise instrument.TermsNotValid(field="scale", got=scale)
    known = selectors.scales().get(asset)
    if known is not None:
        if known != scale:
            raise TermsDiffer(field="scale", asset=asset, known=known, got=scale)
        return None
    return store.append(
        stream, AssetAdmitted(asset=asset, scale=scale, title=title), at=at, cause=cause
    )


@store.decision
def list_instruments(found: Iterable[InstrumentListed], *, at: datetime, cause: Cause) -> list[str]:
    """All of them or none, as one decision; the symbols that were not listed before, in order.

    Raises TermsDiffer, TermsNotValid, AssetUnknown, NotANumber.
    """
    wanted = {terms.symbol: terms for terms in found}
    digits = selectors.scales()
    resolved = {symbol: resolve(terms, digits=digits) for symbol, terms in wanted.items()}
    for it in resolved.values():
        instrument.check_terms(it)
    unknown = sorted(wanted.keys() - _agreed(resolved).keys())
    streams = {symbol: store.claim(f"instrument-{symbol}") for symbol in unknown}
    meanwhile = _agreed({symbol: resolved[symbol] for symbol in unknown})
    new = [symbol for symbol in unknown if symbol not in meanwhile]
    for symbol in new:
        store.append(streams[symbol], wanted[symbol], at=at, cause=cause)
    return new


def _agreed(resolved: Mapping[str, Instrument]) -> dict[str, Instrument]:
    """Those that are listed already. Raises TermsDiffer."""
    known = selectors.instruments(resolved) if resolved else {}
    for symbol, it in known.items():
        if replace_status(it) != resolved[symbol]:
            raise TermsDiffer(field="symbol", symbol=symbol)
    return known


def resolve(terms: InstrumentListed, *, digits: Mapping[str, int] | None = None) -> Instrument:
    """The listed terms with their assets' digits, looked up unless given.

    Raises AssetUnknown, TermsNotValid, NotANumber.
    """
    try:
        kind, payoff = Kind(terms.kind), Payoff(terms.payoff)
    except ValueError:
        raise instrument.TermsNotValid(field="kind", got=f"{terms.kind}/{terms.payoff}") from None
    if terms.option_type not in ("", "call", "put"):
        raise instrument.TermsNotValid(field="option_type", got=terms.option_type)
    return Instrument(
        symbol=terms.symbol,
        kind=kind,
        payoff=payoff,
        underlying=terms.underlying,
        quote=terms.quote,
        settlement=terms.settlement,
        scale=_scale(terms.settlement, digits),
        underlying_scale=_scale(terms.underlying, digits),
        lot_size=amounts.decimal(terms.lot_size, field="lot_size"),
        tick_size=amounts.decimal(terms.tick_size, field="tick_size"),
        expiry_at=clock.parsed(terms.expiry_at) if terms.expiry_at else None,
        strike=amounts.decimal(terms.strike, field="strike") if terms.strike else None,
        is_call=terms.option_type == "call" if terms.option_type else None,
    )


def _scale(asset: str, digits: Mapping[str, int] | None) -> int:
    known = selectors.scales() if digits is None else digits
    if asset not in known:
        raise selectors.AssetUnknown(field="asset", asset=asset)
    return known[asset]


def replace_status(known: Instrument) -> Instrument:
    """The terms without what happened since."""
    plain = {name: getattr(known, name) for name in Instrument.__dataclass_fields__}
    since = {"status": Status.LISTED, "successor": "", **dict.fromkeys(AMENDABLE)}
    return Instrument(**{**plain, **since})


@store.decision
def halt(symbol: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """Nothing trades in it from here on; prices are sealed and margin is held as before.

    None when it is halted already. Raises InstrumentUnknown, StatusNotValid.
    """
    stream = store.claim(f"instrument-{symbol}")
    if _is(Status.HALTED, symbol, before=Status.LISTED):
        return None
    return store.append(stream, InstrumentHalted(symbol=symbol, reason=reason), at=at, cause=cause)


@store.decision
def resume(symbol: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """It trades again. None when it trades already. Raises InstrumentUnknown, StatusNotValid."""
    stream = store.claim(f"instrument-{symbol}")
    if _is(Status.LISTED, symbol, before=Status.HALTED):
        return None
    return store.append(stream, InstrumentResumed(symbol=symbol, reason=reason), at=at, cause=cause)


def _is(wanted: Status, symbol: str, *, before: Status) -> bool:
    """Whether it is as wanted already; if not, it can only come from the status before."""
    status = selectors.locked_instrument(symbol).status
    if status not in (wanted, before):
        raise StatusNotValid(field="symbol", symbol=symbol, status=status)
    return status is wanted


@store.decision
def set_policy(policy: Policy, *, at: datetime, cause: Cause) -> int | None:
    """None when that policy is in force already. Raises TermsNotValid."""
    stream = store.claim("policy")
    for field in ("price_max_age_seconds", "margin_period_seconds"):
        if getattr(policy, field) <= 0:
            raise instrument.TermsNotValid(field=field, got=getattr(policy, field))
    if not Decimal(0) <= policy.penalty_rate < Decimal("0.1"):
        raise instrument.TermsNotValid(field="penalty_rate", got=policy.penalty_rate)
    if not Decimal(0) <= policy.price_band <= 1:
        raise instrument.TermsNotValid(field="price_band", got=policy.price_band)
    if stream.version and selectors.policy() == policy:
        return None
    shares = {name: str(getattr(policy, name)) for name in ("penalty_rate", "price_band")}
    fields = asdict(policy) | shares
    return store.append(stream, PolicySet(**fields), at=at, cause=cause)
