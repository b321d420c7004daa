"""Integer money: exact, or refused, or rounded by a name that says how."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import amounts
from clearing.domain.amounts import AmountNotExact, AmountOutOfRange, NotANumber

SCALES = st.integers(0, amounts.DIGITS)
MINOR = st.integers(-amounts.LARGEST, amounts.LARGEST)


@given(MINOR, SCALES)
def test_what_is_shown_is_read_back(minor, scale):
    shown = amounts.shown(minor, scale=scale)

    assert amounts.exact(shown, scale=scale) == minor
    assert amounts.exact(amounts.decimal(format(shown, "f")), scale=scale) == minor


@pytest.mark.parametrize(
    "text",
    ["", "x", "NaN", "Infinity", "-inf", "1e999", "1e-999", "1" * 61, "1,5", "0x10", "1_000x"],
)
def test_what_is_no_plain_number_is_refused(text):
    with pytest.raises(NotANumber):
        amounts.decimal(text)


@given(MINOR, st.sampled_from(["0.001", "10", "0.00000003", "7"]))
def test_steps_are_counted_exactly(count, step):
    with localcontext(prec=60):
        amount = count * Decimal(step)

    assert amounts.steps(amount, of=Decimal(step)) == count


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("1.000000000000000000000000000001", "0.001"),
        ("-0.999999999999999999999999999999", "0.001"),
        ("999999999999999999999999999999.000000000000000000000000000001", "3"),
    ],
)
def test_a_hair_beside_a_whole_number_of_steps_is_refused(text, step):
    with pytest.raises(AmountNotExact):
        amounts.steps(amounts.decimal(text), of=Decimal(step))


def test_more_steps_than_a_column_holds_are_refused():
    with pytest.raises(AmountOutOfRange):
        amounts.steps(Decimal(amounts.LARGEST + 1), of=Decimal(1))


@pytest.mark.parametrize("other", [None, [], 1 + 2j])
def test_what_is_no_text_is_refused(other):
    with pytest.raises(NotANumber):
        amounts.decimal(other)


@given(st.integers(-(10**20), 10**20), st.integers(0, 8))
def test_more_digits_than_the_asset_has_are_refused(minor, scale):
    amount = Decimal(minor).scaleb(-scale - 1)

    if minor % 10:
        with pytest.raises(AmountNotExact):
            amounts.exact(amount, scale=scale)
    elif abs(minor // 10) <= amounts.LARGEST:
        assert amounts.exact(amount, scale=scale) == minor // 10


@pytest.mark.parametrize("minor", [2**63, -(2**63), 10**30])
def test_what_no_column_holds_is_refused(minor):
    with pytest.raises(AmountOutOfRange):
        amounts.fitting(minor)
    with pytest.raises(AmountOutOfRange):
        amounts.exact(Decimal(minor), scale=0)


def test_the_largest_amount_fits_both_ways():
    assert amounts.fitting(2**63 - 1) == 2**63 - 1
    assert amounts.fitting(-(2**63) + 1) == -(2**63) + 1


@given(st.decimals("-1e15", "1e15", places=6), st.integers(0, 3))
def test_roundings_go_the_way_their_names_say(amount, scale):
    scaled = amount.scaleb(scale)
    owed, credited, settled = (
        rounding(amount, scale=scale)
        for rounding in (amounts.owed, amounts.credited, amounts.settled)
    )

    assert credited <= scaled <= owed < scaled + 1
    assert scaled - 1 < credited
    assert abs(settled - scaled) <= Decimal("0.5")
    assert settled in (owed, credited)
    assert amounts.settled(-amount, scale=scale) == -settled, "both sides move by one integer"


@pytest.mark.parametrize(("text", "rounded"), [("0.5", 0), ("1.5", 2), ("2.5", 2), ("-0.5", 0)])
def test_halves_go_to_the_even_neighbour(text, rounded):
    assert amounts.settled(Decimal(text), scale=0) == rounded


def test_a_refusal_names_the_field_and_the_facts():
    with pytest.raises(AmountNotExact) as caught:
        amounts.exact(Decimal("0.1234"), scale=3, field="amount")

    assert caught.value.field == "amount"
    assert caught.value.facts == {"got": "0.1234", "digits": "3"}
    assert "0.1234" in caught.value.sentence
