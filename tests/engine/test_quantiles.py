"""Quantiles and expected shortfalls: published figures, and the sorted definition to the last bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.engine.quantiles import (
    QUANTILES,
    SHORTFALLS,
    WEIGHTED,
    TooFewOutcomes,
    age_weights,
    measure,
)
from tests.oracle import quantiles as oracle

LEVEL = Fraction(99, 100)
# Hull, Risk Management and Financial Institutions: the worst of 500 scenarios, in thousands.
HULL = [477_841, 345_435, 282_204, 277_041, 253_385, 217_974]
EVERY = [*QUANTILES, *SHORTFALLS]
LEVELS = st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=1000)
# Few values, so that ties are the rule, and some so large that sums leave 64 bits.
AMOUNTS = st.one_of(st.integers(-3, 3), st.integers(-(2**62), 2**62))
SAMPLES = st.lists(AMOUNTS, min_size=1, max_size=60)
WEIGHED = st.lists(st.tuples(AMOUNTS, st.integers(0, 2**33)), min_size=1, max_size=60)


def a_row(outcomes):
    return np.array([outcomes], np.int64)


def hull():
    return a_row([-loss for loss in HULL] + [100 + it for it in range(494)])


@pytest.mark.parametrize(
    ("convention", "published"),
    [
        ("upper.v1", Fraction(253_385)),
        ("tail-mean.v1", Fraction(3_271_812, 10)),
        ("worst-mean.v1", Fraction(3_271_812, 10)),
        ("beyond-mean.v1", Fraction(34_563_025, 100)),
        ("lower.v1", Fraction(217_974)),
        ("next-rank.v1", Fraction(217_974)),
    ],
)
def test_five_hundred_published_scenarios_by_each_convention(convention, published):
    found = measure(hull(), level=LEVEL, convention=convention)

    assert found.fractions() == [published]


def test_interpolation_is_where_spreadsheets_put_it():
    found = measure(hull(), level=LEVEL, convention="linear.v1")

    place = Fraction(499 * 99, 100) - 494  # between the sixth worst and the fifth
    assert found.fractions() == [217_974 + place * (253_385 - 217_974)]
    assert found.floats()[0] == pytest.approx(np.quantile(-hull()[0], 0.99), rel=1e-12)


def test_a_tail_that_is_no_whole_number_counts_part_of_an_outcome():
    found = measure(a_row([-10, -7, 5]), level=Fraction(1, 2), convention="tail-mean.v1")

    assert found.fractions() == [(10 + Fraction(1, 2) * 7) / Fraction(3, 2)]


@given(SAMPLES, LEVELS, st.sampled_from(EVERY))
def test_parting_gives_what_sorting_defines(outcomes, level, convention):
    try:
        found = measure(a_row(outcomes), level=level, convention=convention).fractions()
    except TooFewOutcomes:
        assert convention == "next-rank.v1"
        assert (1 - level) * len(outcomes) > len(outcomes) - 1
        return

    assert found == [oracle.of_equal(outcomes, level=level, convention=convention)]


@given(WEIGHED, LEVELS, st.sampled_from(WEIGHTED))
def test_weights_give_what_sorting_defines(weighed, level, convention):
    outcomes, weights = zip(*weighed, strict=True)
    if not any(weights):
        with pytest.raises(TooFewOutcomes):
            measure(a_row(outcomes), level=level, convention=convention, weight=np.array(weights))
        return

    found = measure(a_row(outcomes), level=level, convention=convention, weight=np.array(weights))

    assert found.fractions() == [
        oracle.of_weighted(outcomes, weights, level=level, convention=convention)
    ]


@given(SAMPLES, LEVELS, st.sampled_from(WEIGHTED), st.integers(1, 9))
def test_equal_weights_are_no_weights(outcomes, level, convention, each):
    plain = measure(a_row(outcomes), level=level, convention=convention)
    weighted = measure(
        a_row(outcomes), level=level, convention=convention, weight=np.full(len(outcomes), each)
    )

    assert weighted.fractions() == plain.fractions()


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=60), LEVELS)
def test_netting_never_costs_more_by_the_tail_mean(pairs, level):
    rows = np.array(pairs, np.int64).T // 2
    one, other, both = measure(
        np.vstack([rows, rows.sum(axis=0)]), level=level, convention="tail-mean.v1"
    ).fractions()

    assert both <= one + other


@given(SAMPLES, LEVELS, st.sampled_from(["upper.v1", "lower.v1", "tail-mean.v1"]), st.randoms())
def test_the_order_of_outcomes_and_the_company_of_accounts_change_nothing(
    outcomes, level, convention, chance
):
    mixed = chance.sample(outcomes, len(outcomes))
    rows = np.array([outcomes, mixed, [it // 2 for it in outcomes]], np.int64)

    found = measure(rows, level=level, convention=convention).fractions()

    assert found[0] == found[1]
    assert found[:1] == measure(a_row(outcomes), level=level, convention=convention).fractions()


def test_a_long_tail_of_light_outcomes_is_gathered_whole():
    outcomes = np.arange(-5000, 5000)[None, :]
    weight = np.where(outcomes[0] < 0, 1, 10_000)

    found = measure(outcomes, level=LEVEL, convention="upper.v1", weight=weight)

    assert found.fractions() == [
        oracle.of_weighted(
            outcomes[0].tolist(), weight.tolist(), level=LEVEL, convention="upper.v1"
        )
    ]


def test_weights_by_age_are_those_of_the_formula():
    weight = age_weights(250, decay=0.98)

    formula = [0.98 ** (249 - i) * 0.02 / (1 - 0.98**250) for i in range(250)]
    assert weight / 2**40 == pytest.approx(formula, rel=1e-7)
    assert abs(int(weight.sum()) - 2**40) <= 250
    assert len(set(age_weights(9, decay=1.0).tolist())) == 1


def test_rounding_is_up_against_the_member():
    found = measure(a_row([-7, -4, 3]), level=Fraction(1, 3), convention="worst-mean.v1")

    assert found.fractions() == [Fraction(11, 2)]
    assert found.rounded_up().tolist() == [6]


def test_no_outcome_has_no_measure():
    with pytest.raises(TooFewOutcomes):
        measure(np.zeros((2, 0), np.int64), level=LEVEL, convention="upper.v1")
