"""Check digits and splits by the book: slow, plain, and sharing nothing with what they judge."""

from __future__ import annotations

from fractions import Fraction

TOKENS = "0123456789BCDFGHJKLMNPQRSTVWXZ"


def hybrid_check(body: str, alphabet: str = TOKENS) -> str:
    """ISO 7064, 7.1: the one character for which the running remainder ends at 1."""
    base = len(alphabet)
    for candidate in alphabet:
        remainder = base
        for letter in body:
            total = (remainder + alphabet.index(letter)) % base
            remainder = (total if total else base) * 2 % (base + 1)
        if (remainder + alphabet.index(candidate)) % base == 1:
            return candidate
    raise AssertionError("one of them fits")


def mod_97_check(body: str) -> str:
    """ISO 7064 MOD 97-10: the two digits that leave 1."""
    for digits in range(2, 99):
        if int("".join(str(int(it, 36)) for it in f"{body}{digits:02d}")) % 97 == 1:
            return f"{digits:02d}"
    raise AssertionError("one of them fits")


def luhn_check(body: str) -> str:
    """ISO 6166: letters become two digits, every second digit from the right is doubled."""
    digits = [int(it) for it in "".join(str(int(letter, 36)) for letter in body)]
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if place % 2 == 0 else digit
        total += doubled // 10 + doubled % 10
    return str(-total % 10)


def split(
    *, strike: Fraction, lot: Fraction, lots: int, new: int, old: int
) -> tuple[Fraction, Fraction, int]:
    """(strike, lot, lots) after a split of `new` units for `old`, strikes to the nearest cent."""
    whole = new % old == 0
    cents = strike * 100 * old / new
    below = cents.numerator // cents.denominator
    nearest = below + (1 if cents - below >= Fraction(1, 2) else 0)
    if whole:
        return Fraction(nearest, 100), lot, lots * (new // old)
    return Fraction(nearest, 100), lot * new / old, lots
