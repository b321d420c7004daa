"""Integer money: minor units with a scale, and the few roundings we allow, each with a name."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext

from clearing.domain.errors import Refusal

LARGEST = 2**63 - 1  # what a bigint column holds
DIGITS = 9  # most decimal digits of an asset
# Thirty digits each side are more than any column holds; the exponent is what str(Decimal) writes.
_PLAIN = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")


class AmountNotExact(Refusal):
    code = "amount-not-exact"
    says = "The amount is not a whole number of the smallest unit."
    remedy = "Send a decimal with no more digits than the asset has."


class AmountOutOfRange(Refusal):
    code = "amount-out-of-range"
    says = "The amount is zero, negative or too large."
    remedy = "Send a positive amount the ledger can hold."


class NotANumber(Refusal):
    code = "not-a-number"
    says = "This is not a plain decimal number."
    remedy = "Send a decimal string such as 12.5, without an exponent that hides its digits."


def decimal(text: str, *, field: str | None = None) -> Decimal:
    """The number a text spells, exactly. Raises NotANumber, also for NaN, infinities, spaces and
    underscores, all of which `Decimal` would take."""
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        raise NotANumber(field=field, got=str(text)[:60])
    return Decimal(text)


def exact(amount: Decimal, *, scale: int, field: str | None = None) -> int:
    """Minor units of an amount that fits them. Raises AmountNotExact, AmountOutOfRange."""
    with localcontext(prec=60):
        scaled = amount.scaleb(scale)
        if scaled != scaled.to_integral_value():
            raise AmountNotExact(field=field, got=amount, digits=scale)
    return fitting(int(scaled), field=field)


def fitting(minor: int, *, field: str | None = None) -> int:
    """The amount itself, if a column can hold it. Raises AmountOutOfRange."""
    if abs(minor) > LARGEST:
        raise AmountOutOfRange(field=field, got=minor)
    return minor


def multiple(amount: Decimal, *, of: Decimal) -> bool:
    """Whether it is a whole number of steps, however large."""
    with localcontext(prec=300):  # what `decimal` lets in, over the smallest step, is shorter
        return amount % of == 0


def steps(amount: Decimal, *, of: Decimal, field: str | None = None) -> int:
    """How many whole steps it is, with its sign. Raises AmountNotExact, AmountOutOfRange."""
    if not multiple(amount, of=of):
        raise AmountNotExact(field=field, got=amount, step=of)
    with localcontext(prec=300):
        return fitting(int(amount / of), field=field)


def positive(minor: int, *, field: str | None = None) -> int:
    if minor <= 0:
        raise AmountOutOfRange(field=field, got=minor)
    return minor


def shown(minor: int, *, scale: int) -> Decimal:
    """Minor units as a decimal with all its digits: 1500 at scale 3 is 1.500."""
    with localcontext(prec=60):
        return Decimal(minor).scaleb(-scale)


def settled(amount: Decimal, *, scale: int) -> int:
    """Half-even, for what one lot pays: both sides multiply the same integer, so no residue is left."""
    return _rounded(amount, scale=scale, rounding=ROUND_HALF_EVEN)


def owed(amount: Decimal, *, scale: int) -> int:
    """Up, against the member: requirements, calls and penalties."""
    return _rounded(amount, scale=scale, rounding=ROUND_CEILING)


def credited(amount: Decimal, *, scale: int) -> int:
    """Down, against the member: equity and what may be withdrawn."""
    return _rounded(amount, scale=scale, rounding=ROUND_FLOOR)


def _rounded(amount: Decimal, *, scale: int, rounding: str) -> int:
    with localcontext(prec=60):
        return fitting(int(amount.scaleb(scale).to_integral_value(rounding=rounding)))
