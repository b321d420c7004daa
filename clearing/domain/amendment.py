"""Terms that may change while positions are open, and the codes others know a contract by.

A position is so many lots at a recorded cost, and a trade's price is recorded in whole ticks. So
what gives lots and ticks their meaning never changes in place: another contract is listed, or the
contract is adjusted (clearing.domain.adjustment). What only bounds new trades may change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal

from clearing.domain import amounts, codes, instrument
from clearing.domain.errors import Refusal
from clearing.domain.events import (
    InstrumentCodesAssigned,
    InstrumentDelisted,
    InstrumentTermsAmended,
)
from clearing.domain.instrument import Instrument, Status, TermsNotValid

AMENDABLE = ("price_step", "lowest_price", "highest_price")
FIXED = (
    *("symbol", "kind", "payoff", "underlying", "quote", "settlement", "lot_size", "tick_size"),
    *("expiry_at", "strike", "option_type"),
)
LONGEST_VENUE_CODE = 40


class TermsFixed(Refusal):
    code = "terms-fixed"
    says = "This would change what open positions and recorded prices mean."
    remedy = "Adjust the contract, or list another one."


class StillHeld(Refusal):
    code = "still-held"
    says = "Somebody holds this instrument."
    remedy = "Delist it once every position in it is closed."


class StatusNotValid(Refusal):
    code = "status-not-valid"
    says = "The instrument is not in a state for that."


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """What others call a contract; empty where they do not."""

    isin: str = ""
    cfi: str = ""
    mic: str = ""
    dti: str = ""
    upi: str = ""
    venue_code: str = ""
    contract_size: str = ""


CODES = tuple(it.name for it in fields(Codes))


def check_alive(it: Instrument) -> None:
    """Raises StatusNotValid once it has expired, was adjusted or delisted."""
    if it.status not in (Status.LISTED, Status.HALTED):
        raise StatusNotValid(field="symbol", symbol=it.symbol, status=it.status)


def amend(
    it: Instrument, changes: Mapping[str, str], *, reason: str
) -> InstrumentTermsAmended | None:
    """The terms after the changes, "" for none of it; None when they are so already.

    Raises TermsFixed, TermsNotValid, NotANumber naming the term, StatusNotValid.
    """
    check_alive(it)
    for name in changes:
        if name in FIXED:
            raise TermsFixed(field=name, symbol=it.symbol, asked=changes[name][:60])
        if name not in AMENDABLE:
            raise TermsNotValid(field=name, got=changes[name][:60], known=" ".join(AMENDABLE))
    now = {name: getattr(it, name) for name in AMENDABLE}
    then = now | {
        name: amounts.decimal(text, field=name) if text else None for name, text in changes.items()
    }
    _check_bounds(it, then)
    if then == now:
        return None
    spelled = {name: "" if value is None else format(value, "f") for name, value in then.items()}
    return InstrumentTermsAmended(symbol=it.symbol, reason=reason, **spelled)


def _check_bounds(it: Instrument, then: Mapping[str, Decimal | None]) -> None:
    for name, value in then.items():
        if value is None:
            continue
        step = name == "price_step"
        if value < 0 or (step and value == 0) or not amounts.multiple(value, of=it.tick_size):
            expected = f"a multiple of the tick {it.tick_size}"
            raise TermsNotValid(field=name, got=value, expected=expected)
    lowest, highest = then["lowest_price"], then["highest_price"]
    if lowest is not None and highest is not None and lowest > highest:
        raise TermsNotValid(field="highest_price", got=highest, lowest=lowest)


def delist(it: Instrument, *, holders: int, reason: str) -> InstrumentDelisted | None:
    """None when it is delisted already. Raises StillHeld, StatusNotValid."""
    if it.status is Status.DELISTED:
        return None
    check_alive(it)
    if holders:
        raise StillHeld(field="symbol", symbol=it.symbol, accounts=holders)
    return InstrumentDelisted(symbol=it.symbol, reason=reason)


def assign(it: Instrument, given: Codes, *, known: Codes) -> InstrumentCodesAssigned | None:
    """What the contract is called from here on, whole; None when it is called so already.

    Raises CodeNotValid naming the code, its expected check digit and what contradicts the terms.
    """
    if given.isin:
        codes.check_isin(given.isin)
    if given.cfi:
        codes.check_cfi(given.cfi, it)
    if given.mic:
        codes.check_mic(given.mic)
    if given.dti:
        codes.check_dti(given.dti)
    if given.upi:
        codes.check_upi(given.upi)
    named = given.venue_code
    if named and not (len(named) <= LONGEST_VENUE_CODE and named.isascii() and named.isprintable()):
        form = f"up to {LONGEST_VENUE_CODE} visible ASCII characters"
        raise codes.CodeNotValid(field="venue_code", got=named[:60], form=form)
    if given.contract_size:
        _check_size(it, given.contract_size)
    if given == known:
        return None
    return InstrumentCodesAssigned(
        symbol=it.symbol, **{name: getattr(given, name) for name in CODES}
    )


def contract_size(it: Instrument, given: Codes) -> Decimal:
    """Units of the underlying (of money, for inverse futures and perpetuals) in what a venue
    counts as one contract."""
    return Decimal(given.contract_size) if given.contract_size else it.lot_size


def _check_size(it: Instrument, text: str) -> None:
    """Whole contracts are whole lots, whatever the lot is."""
    size = amounts.decimal(text, field="contract_size")
    if size <= 0 or not amounts.multiple(size, of=it.lot_size):
        expected = f"a multiple of the lot {it.lot_size}"
        raise TermsNotValid(field="contract_size", got=size, expected=expected)
    instrument.check_lots(int(size / it.lot_size))
