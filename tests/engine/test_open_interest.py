"""Margin that rises with open interest, in whole quanta."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.engine.open_interest import (
    initial,
    initial_rate,
    load_liquidity_tiers,
    maintenance,
    rounded_up,
)
from margin.engine.reading import ParameterError
from tests.oracle import tiers as oracle

PATH = Path(__file__).parents[2] / "margin" / "methods" / "open-interest" / "dydx-v4-tests.json"
GOOD = json.loads(PATH.read_text())
SCALED, UNSCALED = load_liquidity_tiers(PATH)


def quanta(*amounts: int) -> np.ndarray:
    return np.array(amounts, np.int64)


ONLY = np.zeros(1, np.int64)


def test_halfway_between_the_caps_half_of_what_is_missing_to_one_is_added():
    rate = initial_rate(SCALED, open_interest=1_500_000_000_000)

    assert rate == Fraction(3, 5)
    assert initial(quanta(500_000), market=ONLY, rates=[rate]).tolist() == [300_000]


def test_maintenance_is_a_fraction_of_the_base_and_does_not_scale():
    assert UNSCALED.maintenance_ppm == 120_000
    assert maintenance(quanta(500_000), market=ONLY, tiers=[SCALED]).tolist() == [50_000]


def test_the_smallest_amount_is_rounded_up():
    assert rounded_up(quanta(1, 0), row=quanta(0, 0), rates=[Fraction(1, 10)]).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("interest", "share"),
    [(0, "0.2"), (10**12, "0.2"), (10**12 + 25, "0.20000000002"), (2 * 10**12, "1"), (9**15, "1")],
)
def test_outside_the_caps_nothing_more_happens(interest, share):
    assert initial_rate(SCALED, open_interest=interest) == Fraction(share)


def test_caps_of_zero_switch_scaling_off():
    assert initial_rate(UNSCALED, open_interest=10**18) == Fraction(15, 100)


def test_maintenance_rounds_each_of_its_two_steps_up():
    # 7 quanta at 15 % are 1.05, so 2; 80 % of 2 are 1.6, so 2; at once they were 0.84, so 1.
    assert maintenance(quanta(7), market=ONLY, tiers=[UNSCALED]).tolist() == [2]


@pytest.mark.parametrize("percent", [7, 14, 28, 29, 55, 56, 57, 58])
def test_a_round_amount_is_not_rounded_up_because_a_double_says_a_little_more(percent):
    amounts = np.arange(2_000, dtype=np.int64)

    got = rounded_up(amounts, row=np.zeros(2_000, int), rates=[Fraction(percent, 100)])

    assert got.tolist() == [-(-amount * percent // 100) for amount in range(2_000)]


@given(
    st.lists(st.integers(0, 2**62 - 1), min_size=1, max_size=20),
    st.integers(0, 10**6),
    st.integers(0, 10**16),
    st.integers(0, 10**16),
    st.integers(0, 3 * 10**16),
)
def test_it_is_the_exact_product_rounded_up_once(notionals, base, lower, more, interest):
    tier = load_liquidity_tiers(
        {
            "name": "any",
            "source": "any",
            "liquidity_tiers": {
                "any": {
                    "initial_ppm": base,
                    "maintenance_fraction_ppm": 500_000,
                    "lower_cap": lower,
                    "upper_cap": lower + more,
                }
            },
        }
    )[0]
    rate = initial_rate(tier, open_interest=interest)

    got = initial(quanta(*notionals), market=np.zeros(len(notionals), int), rates=[rate])

    assert got.tolist() == [
        oracle.scaled_initial(
            each, base_ppm=base, lower=lower, upper=lower + more, interest=interest
        )
        for each in notionals
    ]


@given(st.integers(0, 3 * 10**12), st.integers(0, 3 * 10**12), st.integers(0, 10**15))
def test_more_open_interest_never_asks_less(one, other, notional):
    rates = [initial_rate(SCALED, open_interest=each) for each in sorted((one, other))]

    less, more = initial(quanta(notional, notional), market=quanta(0, 1), rates=rates)

    assert less <= more <= notional


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("initial_ppm", 1_000_001, "at most 1000000"),
        ("initial_ppm", 0.2, "whole"),
        ("maintenance_fraction_ppm", -1, "at least 0"),
        ("lower_cap", 3 * 10**12, "upper cap"),
        ("impact", 1, "known"),
    ],
)
def test_a_tier_that_cannot_be_used_is_refused_by_its_field(field, value, reason):
    broken = copy.deepcopy(GOOD)
    broken["liquidity_tiers"]["scaled"][field] = value

    with pytest.raises(ParameterError, match=reason) as refused:
        load_liquidity_tiers(broken)

    assert refused.value.field == f"liquidity_tiers.scaled.{field}"
