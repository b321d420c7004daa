"""Historical simulation: published figures, an unrolled oracle, and what must hold whatever comes."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.engine import historical, histories
from margin.engine.exact import Exact
from margin.engine.histories import HistoryRefused, Returns, Scaling
from margin.engine.reading import ParameterError
from margin.engine.simulation import load
from tests.oracle import histories as oracle

METHODS = Path(__file__).parents[2] / "margin" / "methods" / "simulation"
FILTERED = json.loads((METHODS / "filtered-es-99.json").read_text())
UNIT = 2.0**-20
MILLION = 1_000_000
# No day stands still: after a calm of many days one step would be scaled beyond any book.
STEPS = st.one_of(st.floats(0.01, 0.2), st.floats(-0.2, -0.01))
RETURNS = st.lists(STEPS, min_size=12, max_size=80)


def a_method(**but):
    usual = copy.deepcopy(FILTERED)
    usual["history"] |= {"window": 500, "least": 2}
    for key, value in but.items():
        part, _, field = key.partition("__")
        if field:
            usual[part][field] = value
        else:
            usual[part] = value
    return load(usual)


def an_amount(value):
    value = Fraction(value)
    return Exact(numerator=np.array([value.numerator], object), denominator=value.denominator)


def of_one(scenarios, method, *, lots=1, of="shortfall"):
    """Measure of a book of one lot of a million, in money."""
    pnl = historical.outcomes(
        np.array([[lots]]), price=np.array([float(MILLION)]), factors=scenarios.factors, unit=UNIT
    )
    return float(historical.measured(pnl, scenarios, method.measure, of=of).floats()[0]) * UNIT


@pytest.mark.parametrize("path", sorted(METHODS.glob("*.json")), ids=lambda path: path.stem)
def test_every_simulation_that_is_shipped_can_be_read_and_states_its_source(path):
    method = load(path)

    assert method.name == path.stem
    assert len(method.source) > 40


def test_the_known_series_gives_its_known_losses():
    method = load(METHODS / "historical-var-99.json")
    daily = np.array(oracle.known_series(500))[:, None]

    scenarios = historical.current(daily, method)

    assert daily[:5, 0] == pytest.approx(
        [0.0, -0.01416672, 0.01450305, -0.02530435, 0.00716521], abs=5e-9
    )
    assert of_one(scenarios, method, of="quantile") == pytest.approx(61427.5569, abs=6e-5)
    assert of_one(scenarios, method) == pytest.approx(63169.7489, abs=6e-5)


def test_volatility_is_updated_as_published():
    known = histories.ewma_variance(np.array([[0.02]]), decay=0.9, seed=np.array([0.01**2]))

    assert 100 * np.sqrt(known[1, 0]) == pytest.approx(1.1402, abs=5e-5)


def test_a_scaled_value_is_that_of_the_published_formula():
    """Hull and White: v_n (v_{i-1} + (v_i - v_{i-1}) sigma_{n+1} / sigma_i) / v_{i-1}."""
    before, after, last, ratio = 110.0, 99.0, 130.0, 1.7
    moves = histories.returns(np.array([[before], [after]]), kind=Returns.SIMPLE)

    grown = histories.scaled(moves, known=np.array([[1.0], [ratio**2]]), scaling=Scaling.BOTH)
    value = last * histories.price_factors(grown, kind=Returns.SIMPLE)[0, 0]

    assert value == pytest.approx(last * (before + (after - before) * ratio) / before, rel=1e-12)


def test_a_simple_return_scaled_beyond_everything_is_refused():
    with pytest.raises(HistoryRefused, match="scenario 1 takes factor 0"):
        histories.price_factors(np.array([[0.1], [-1.2]]), kind=Returns.SIMPLE)


@pytest.mark.parametrize("days", [1, 2, 5])
@pytest.mark.parametrize("scaling", list(Scaling))
def test_filtered_shortfall_equals_the_unrolled_one(days, scaling):
    daily = oracle.logarithmic(oracle.known_series(430))
    method = a_method(history__days=days, history__least=5, filter__scaling=scaling.value)

    found = of_one(historical.current(np.array(daily)[:, None], method), method)

    moves = oracle.filtered_moves(
        daily, decay=0.94, seed_days=30, days=days, never_down=scaling is Scaling.UP
    )
    tail = Fraction(len(moves), 100)
    whole = int(tail)
    losses = sorted((oracle.worst_of([it], count=1) for it in moves), reverse=True)
    by_hand = (sum(losses[:whole]) + float(tail - whole) * losses[whole]) / float(tail)
    assert found / MILLION == pytest.approx(by_hand, rel=1e-9)


@given(RETURNS, st.integers(2, 4))
def test_interleaved_sub_samples_share_no_day_and_miss_none(values, days):
    count = len(values) - days + 1

    sample = histories.sub_samples(count, days=days)

    first_days = [np.flatnonzero(sample == number) for number in range(days)]
    assert all((np.diff(firsts) == days).all() for firsts in first_days)
    assert sorted(np.concatenate(first_days).tolist()) == list(range(count))
    assert sample[-1] == 0


def test_interleaved_measures_are_averaged_sample_by_sample():
    daily = np.array(oracle.logarithmic(oracle.known_series(200)))[:, None]
    method = a_method(history__days=2, history__sampling="interleaved", filter=None)

    found = of_one(historical.current(daily, method), method, of="quantile")

    two_days = [float(daily[i : i + 2].sum()) for i in range(199)]
    by_hand = [
        sorted((-MILLION * np.expm1(it) for it in two_days[first::2]), reverse=True)
        for first in (0, 1)
    ]  # 100 outcomes, whose tail is the worst one, and 99, whose tail is smaller and takes it too
    assert found == pytest.approx((by_hand[0][0] + by_hand[1][0]) / 2, abs=1e-5)


@given(RETURNS)
def test_history_that_is_never_scaled_down_asks_no_less_of_a_linear_book(values):
    daily = np.array(values)[:, None]
    both, up = (a_method(filter__scaling=name, filter__seed_days=5) for name in ("both", "up"))

    for lots in (1, -1):
        less = of_one(historical.current(daily, both), both, lots=lots)
        more = of_one(historical.current(daily, up), up, lots=lots)
        assert max(more, 0.0) >= max(less, 0.0)


@given(RETURNS, st.integers(2, 50))
def test_a_book_of_many_times_the_size_asks_exactly_as_many_times_as_much(values, times):
    method = a_method(filter__seed_days=5)
    scenarios = historical.current(np.array(values)[:, None], method)
    pnl = historical.outcomes(
        np.array([[7], [7 * times]]), price=np.array([1000.0]), factors=scenarios.factors, unit=UNIT
    )

    one, many = historical.measured(pnl, scenarios, method.measure, of="shortfall").fractions()

    assert many == times * one


def test_tomorrow_is_not_seen_today():
    daily = np.array(oracle.known_series(200))[:, None]
    changed = daily.copy()
    changed[150:] *= -3.0
    method = a_method()

    before, after = (historical.current(it[:150], method).factors for it in (daily, changed))

    np.testing.assert_array_equal(before, after)


def test_guards_against_procyclicality_as_in_the_worked_example():
    """Measure 100, stressed 160, floor 120: a buffer of a quarter, a quarter stressed, the floor."""
    now, stressed, floor = an_amount(100), an_amount(160), an_amount(120)

    blended = historical.blend(now, stressed, share=Fraction(1, 4))
    buffered = historical.buffered(now, share=Fraction(1, 4), held=None)
    floored = historical.requirement(
        now, a_method(floor={"window": 3650}), stressed=None, long_run=floor
    )

    assert [it.fractions() for it in (blended, buffered, floored)] == [[115], [125], [120]]


@pytest.mark.parametrize(
    ("measure", "required"),
    [(100, 125), (110, 125), (125, 125), (140, 140), (90, Fraction(225, 2))],
)
def test_a_rising_measure_uses_its_buffer_before_it_raises_the_requirement(measure, required):
    found = historical.buffered(an_amount(measure), share=Fraction(1, 4), held=an_amount(125))

    assert found.fractions() == [required]


def test_the_stretch_that_hurt_most_is_found_for_each_account():
    method = a_method(stress={"share": "0.25", "window": 20}, filter=None)
    daily = np.array(oracle.logarithmic(oracle.known_series(90)))[:, None]
    scenarios = historical.long_run(daily, method, window=3650)
    pnl = historical.outcomes(
        np.array([[MILLION], [-MILLION]]),
        price=np.array([1.0]),
        factors=scenarios.factors,
        unit=UNIT,
    )

    found = historical.worst_stretch(pnl, scenarios, method).fractions()

    assert found == [-min(map(int, row)) for row in pnl]  # a tail of 0.2 is the worst one


def test_too_short_a_history_is_refused():
    with pytest.raises(HistoryRefused, match="too few"):
        historical.current(np.zeros((31, 1)), a_method())


def test_a_factor_that_never_moved_has_nothing_to_scale_by():
    with pytest.raises(HistoryRefused, match="factor 0 has no volatility before day 0"):
        historical.current(np.zeros((50, 1)), a_method())


@pytest.mark.parametrize(
    ("part", "field", "value", "named", "reason"),
    [
        ("measure", "level", 0.99, "measure.level", "text"),
        ("measure", "level", "1", "measure.level", "between 0 and 1"),
        ("measure", "level", "much", "measure.level", "decimal"),
        ("measure", "quantile", "best", "measure.quantile", "one of"),
        ("measure", "quantile", [], "measure.quantile", "one of"),
        ("history", "window", 1.5, "history.window", "whole"),
        ("history", "least", 501, "history.least", "more than the window"),
        ("history", "days", 3, "history.least", "without a scenario"),
        ("history", "dys", 3, "history.dys", "known"),
        ("filter", "decay", 1, "filter.decay", "less than 1"),
        ("filter", "scaling", "down", "filter.scaling", "one of"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(part, field, value, named, reason):
    with pytest.raises(ParameterError, match=reason) as refused:
        a_method(**{f"{part}__{field}": value})

    assert refused.value.field == named


def test_a_part_that_is_missing_is_not_one_that_is_not_wanted():
    held = copy.deepcopy(FILTERED)
    del held["stress"]

    with pytest.raises(ParameterError, match="stress: is missing"):
        load(held)


def test_weights_by_age_go_with_conventions_that_have_a_weighted_meaning():
    with pytest.raises(ParameterError, match="age_weights"):
        a_method(age_weights={"decay": 0.98}, measure__quantile="linear.v1")
