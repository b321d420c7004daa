"""Check digits and splits agree with the oracle's, whatever is drawn."""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import codes
from clearing.domain.adjustment import AdjustmentNotPossible, adjusted, ratio_of
from clearing.domain.amounts import AmountNotExact
from clearing.domain.codes import CodeNotValid
from tests.domain.test_adjustment import RATIOS, an_equity_option
from tests.oracle import reference as oracle

TOKEN = st.text(oracle.TOKENS, min_size=8, max_size=8).filter(
    lambda it: it[0] != "0" and it != "4H95J0R2"
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@given(TOKEN, st.sampled_from(oracle.TOKENS))
def test_a_dti_passes_exactly_when_its_check_character_is_the_oracles(body, letter):
    assert passes(codes.check_dti, body + letter) is (letter == oracle.hybrid_check(body))


@given(st.text(oracle.TOKENS, min_size=9, max_size=9), st.sampled_from(oracle.TOKENS))
def test_a_upi_does_too(body, letter):
    body = f"QZ{body}"

    assert passes(codes.check_upi, body + letter) is (letter == oracle.hybrid_check(body))


@given(st.text(LETTERS, min_size=18, max_size=18), st.integers(0, 99))
def test_an_lei_does_too(body, digits):
    right = oracle.mod_97_check(body)

    assert passes(codes.check_lei, body + right)
    if f"{digits:02d}" != right:
        assert not passes(codes.check_lei, f"{body}{digits:02d}") or (digits - int(right)) % 97 == 0


@given(st.text(LETTERS, min_size=9, max_size=9), st.integers(0, 9))
def test_an_isin_does_too(body, digit):
    body = f"US{body}"

    assert passes(codes.check_isin, f"{body}{digit}") is (str(digit) == oracle.luhn_check(body))


@given(RATIOS, st.integers(1, 99_999), st.integers(-999, 999), st.sampled_from([1, 10, 100, 1_000]))
def test_a_split_is_the_oracles(terms, strike_cents, lots, lot):
    strike = D(strike_cents) / 100
    try:
        it = adjusted(
            an_equity_option(str(strike), lot_size=D(lot)), ratio_of("{}:{}".format(*terms))
        )
    except (AdjustmentNotPossible, AmountNotExact):
        return  # nothing exact to compare

    expected = oracle.split(
        strike=Fraction(strike), lot=Fraction(lot), lots=lots, new=terms[0], old=terms[1]
    )
    assert (it.new.strike, it.new.lot_size, lots * it.lots_factor) == expected


def passes(check, text):
    try:
        return check(text) == text
    except CodeNotValid:
        return False


def test_a_split_that_is_not_exact_is_rare_enough_to_compare():
    made = 0
    for new in range(1, 21):
        for old in (1, 2, 4, 5):
            if new == old:
                continue
            try:
                adjusted(an_equity_option("64"), ratio_of(f"{new}:{old}"))
            except AdjustmentNotPossible:
                continue
            made += 1

    assert made > 60
    with pytest.raises(AdjustmentNotPossible):
        adjusted(an_equity_option("64"), ratio_of("4:3"))
