"""Tests of exceedances: published statistics and zones, and a likelihood multiplied day by day."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.engine.backtests import (
    Transitions,
    accepted,
    conditional,
    exceedances,
    independence,
    peak_to_trough,
    scaled_addition,
    shortfall_ratio,
    steepest_rise,
    traffic_light,
    unconditional,
)
from tests.oracle import backtests as oracle

DAYS = st.lists(st.booleans(), min_size=2, max_size=120)


@pytest.mark.parametrize(
    ("days", "count", "published"),
    [
        (1000, 15, 2.1892),
        (250, 0, 5.0252),
        (250, 1, 1.1765),
        (250, 2, 0.1084),
        (250, 3, 0.0949),
        (250, 4, 0.7691),
        (250, 5, 1.9568),
        (250, 6, 3.5554),
    ],
)
def test_proportion_of_failures_as_published(days, count, published):
    found = unconditional(count, days=days, share=0.01)

    assert found.statistic == pytest.approx(published, abs=5e-5)
    assert found.rejects() == (published > 3.841)


@pytest.mark.parametrize(("days", "fewest", "most"), [(510, 2, 10), (1000, 5, 16)])
def test_the_counts_that_are_accepted_are_the_published_ones(days, fewest, most):
    assert accepted(days=days, share=0.01) == (fewest, most)


def test_at_255_days_the_published_table_has_no_lower_end_though_the_statistic_has():
    """The table says fewer than 7. Its own formula rejects none at all: 5.13 is more than 3.84."""
    assert accepted(days=255, share=0.01) == (1, 6)
    assert unconditional(0, days=255, share=0.01).statistic == pytest.approx(5.1257, abs=5e-5)


def test_independence_as_published():
    found = independence(Transitions(n00=231, n01=5, n10=5, n11=2))

    assert found.statistic == pytest.approx(6.643483, abs=5e-7)
    assert found.rejects()


def test_what_rejects_at_five_per_cent_lies_where_tables_have_it():
    exceeded = np.zeros(250, bool)
    exceeded[[10, 60, 110, 160, 161, 162]] = True

    both = conditional(exceeded, share=0.01)

    parts = [
        unconditional(6, days=250, share=0.01),
        independence(Transitions.of(exceeded)),
    ]
    assert both.statistic == pytest.approx(sum(it.statistic for it in parts), rel=1e-12)
    assert both.rejects() == (both.statistic > 5.991)
    assert both.rejects()


CUMULATIVE = (8.11, 28.58, 54.32, 75.81, 89.22, 95.88, 98.63, 99.60, 99.89, 99.97, 99.99)


@pytest.mark.parametrize("count", range(11))
def test_zones_and_multipliers_as_published(count):
    found = traffic_light(count, days=250, share=0.01)

    assert 100 * found.cumulative == pytest.approx(CUMULATIVE[count], abs=5e-3)
    assert found.colour == ("green" if count < 5 else "yellow" if count < 10 else "red")
    published = (0, 0, 0, 0, 0, 0.40, 0.50, 0.65, 0.75, 0.85, 1.00)
    assert found.addition == published[count]


def test_beyond_the_published_table_no_addition_is_made_up():
    assert traffic_light(5, days=500, share=0.01).addition is None
    assert scaled_addition(2, days=250, share=0.01) == 0.0
    assert scaled_addition(200, days=250, share=0.01) == float("inf")
    # Near the table's own steps: .40 at five, .50 at six, .65 at seven.
    assert [round(scaled_addition(n, days=250, share=0.01), 2) for n in (5, 6, 7)] == [
        0.4,
        0.53,
        0.65,
    ]


@given(DAYS)
def test_statistics_equal_a_likelihood_multiplied_up_day_by_day(days):
    exceeded = np.array(days)

    count = unconditional(sum(days), days=len(days), share=0.01)
    pairs = independence(Transitions.of(exceeded))

    assert count.statistic == pytest.approx(float(oracle.unconditional(days, "0.01")), abs=1e-9)
    assert pairs.statistic == pytest.approx(float(oracle.independence(days)), abs=1e-9)
    assert 0.0 <= count.probability <= 1.0


@given(st.integers(1, 400), st.data())
def test_the_zone_is_that_of_the_exact_binomial(days, data):
    count = data.draw(st.integers(0, days))

    found = traffic_light(count, days=days, share=0.01)

    exact = oracle.at_most(count, days=days, share=Fraction(1, 100))
    assert found.cumulative == pytest.approx(float(exact), rel=1e-9)
    assert found.probability == pytest.approx(
        float(1 - oracle.at_most(count - 1, days=days, share=Fraction(1, 100))), rel=1e-7, abs=1e-12
    )


def test_losing_exactly_what_was_required_is_covered():
    found = exceedances(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.5, 3.5]))

    assert found.tolist() == [False, True, False]


def test_shortfalls_that_are_met_on_average_score_nothing():
    losses = np.array([4.0, 6.0, *[0.0] * 198])
    promised = np.full(200, 5.0)

    right = shortfall_ratio(losses, quantile=np.full(200, 3.0), shortfall=promised, share=0.01)
    worse = shortfall_ratio(2 * losses, quantile=np.full(200, 3.0), shortfall=promised, share=0.01)

    assert (right, worse) == (0.0, -1.0)


def test_procyclicality_is_the_steepest_rise_and_the_range():
    required = np.array([100.0, 80.0, 120.0, 200.0, 150.0])

    assert steepest_rise(required, days=1) == pytest.approx(200 / 120 - 1)
    assert steepest_rise(required, days=2) == pytest.approx(200 / 80 - 1)
    assert peak_to_trough(required) == 2.5
