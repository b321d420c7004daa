"""The field's own codes, checked as their standards say: form, check digit, and what they claim.

A code is kept exactly as it is written: in capitals, without spaces or dashes. Nothing here asks a
registry, so a code that passes may still be nobody's.
"""

from __future__ import annotations

import re

from iso4217 import Currency
from stdnum import cfi, isin
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36, mod_97_10

from clearing.domain.errors import Refusal
from clearing.domain.instrument import Instrument, Kind

# Digits and consonants without Y, so that no word can be spelled (ISO 24165-1, ISO 4914).
TOKEN_ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXZ"  # noqa: S105 - an alphabet, no password
# Given out before the check character was settled; the registry keeps it as it is.
GRANDFATHERED_DTI = {"4H95J0R2": "X"}  # Bitcoin
LONGEST_UTI = 52

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_MIC = re.compile(r"[A-Z0-9]{4}")
_CFI = re.compile(r"[A-Z]{6}")
_UTI = re.compile(r"[A-Z0-9]{20}[A-Z0-9]{1,32}")
_TOKEN = re.compile(rf"[{TOKEN_ALPHABET}]+")

# ISO 10962 has no class for a contract that never expires: registrars file perpetuals as swaps, as
# futures or as contracts for difference, which are a kind of forward.
_CATEGORIES = {
    Kind.SPOT: "I",
    Kind.FUTURE: "F",
    Kind.PERPETUAL: "SFJ",
    Kind.OPTION: "O",
}


class CodeNotValid(Refusal):
    code = "code-not-valid"
    says = "This is not a valid code."
    remedy = "Check it against the register it comes from."


def check_isin(text: str, *, field: str = "isin") -> str:
    """ISO 6166: a country or prefix, nine characters, a Luhn digit. Raises CodeNotValid."""
    _formed(_ISIN, text, "ISIN", "two letters, nine letters or digits, one digit", field)
    _closed(text[-1], isin.calc_check_digit(text[:-1]), text, "ISIN", field)
    try:
        isin.validate(text)
    except ValidationError:
        raise _wrong("ISIN", text, field, why=f"no country or prefix {text[:2]}") from None
    return text


def check_lei(text: str, *, field: str = "lei") -> str:
    """ISO 17442: eighteen characters and two check digits, ISO 7064 MOD 97-10."""
    _formed(_LEI, text, "LEI", "eighteen letters or digits, two digits", field)
    _closed(text[-2:], mod_97_10.calc_check_digits(text[:-2]), text, "LEI", field)
    return text


def check_dti(text: str, *, field: str = "dti") -> str:
    """ISO 24165: eight characters and a check character, ISO 7064 MOD 31,30.

    Bitcoin's own identifier was given out before that rule and does not keep it; it is taken as
    registered, and only so.
    """
    form = f"nine characters of {TOKEN_ALPHABET}, the first not 0"
    if len(text) != 9 or text.startswith("0"):
        raise _wrong("DTI", text, field, form=form)
    _formed(_TOKEN, text, "DTI", form, field)
    expected = GRANDFATHERED_DTI.get(text[:-1]) or _hybrid(text[:-1])
    _closed(text[-1], expected, text, "DTI", field)
    return text


def check_upi(text: str, *, field: str = "upi") -> str:
    """ISO 4914: QZ, nine characters and a check character, ISO 7064 MOD 31,30."""
    form = f"QZ and ten characters of {TOKEN_ALPHABET}"
    if len(text) != 12 or not text.startswith("QZ"):
        raise _wrong("UPI", text, field, form=form)
    _formed(_TOKEN, text, "UPI", form, field)
    _closed(text[-1], _hybrid(text[:-1]), text, "UPI", field)
    return text


def check_mic(text: str, *, field: str = "mic") -> str:
    """ISO 10383: four letters or digits. It has no check digit."""
    _formed(_MIC, text, "MIC", "four letters or digits", field)
    return text


def check_uti(text: str, *, field: str = "uti") -> str:
    """ISO 23897: the generator's LEI and up to 32 characters of its own, 52 in all."""
    _formed(_UTI, text, "UTI", f"an LEI and 1 to 32 letters or digits, {LONGEST_UTI} in all", field)
    check_lei(text[:20], field=field)
    return text


def check_cfi(text: str, it: Instrument, *, field: str = "cfi") -> str:
    """ISO 10962: six letters that the standard knows, and that say what the instrument is."""
    _formed(_CFI, text, "CFI", "six letters", field)
    try:
        cfi.validate(text)
    except ValidationError:
        raise _wrong("CFI", text, field, why="the standard has no such class") from None
    if text[0] not in _CATEGORIES[it.kind]:
        raise _wrong("CFI", text, field, kind=it.kind, expected=" or ".join(_CATEGORIES[it.kind]))
    if it.kind is Kind.OPTION:
        side = "C" if it.is_call else "P"
        if text[1] != side:
            raise _wrong("CFI", text, field, expected=f"O{side}", why="calls are C, puts are P")
        if text[2] not in "EX":
            raise _wrong("CFI", text, field, expected=f"O{side}E", why="options here are European")
        if text[4] not in "CX":
            raise _wrong("CFI", text, field, expected="C in the fifth place", why="paid in cash")
    return text


def check_currency(text: str, *, scale: int, field: str = "iso4217") -> str:
    """ISO 4217: a currency of that code, whose minor unit is the asset's.

    Codes of no currency (metals, bond units, testing) have no minor unit and are refused.
    """
    try:
        minor = Currency(text).exponent
    except ValueError:
        raise _wrong("ISO 4217", text, field, why="no currency has this code") from None
    if minor is None:
        raise _wrong("ISO 4217", text, field, why="it has no minor unit")
    if minor != scale:
        raise _wrong("ISO 4217", text, field, digits=scale, expected=minor)
    return text


def is_currency(text: str) -> bool:
    """Whether ISO 4217 gives that code to anything."""
    return any(currency.value == text for currency in Currency)


def _hybrid(body: str) -> str:
    """ISO 7064's hybrid system over thirty characters."""
    return mod_37_36.calc_check_digit(body, TOKEN_ALPHABET)


def _formed(form: re.Pattern[str], text: str, scheme: str, says: str, field: str) -> None:
    if not form.fullmatch(text):
        raise _wrong(scheme, text, field, form=says)


def _closed(got: str, expected: str, text: str, scheme: str, field: str) -> None:
    if got != expected:
        raise _wrong(scheme, text, field, check=got, expected=expected)


def _wrong(scheme: str, text: str, field: str, **facts: object) -> CodeNotValid:
    return CodeNotValid(field=field, scheme=scheme, got=text[:60] or "nothing", **facts)
