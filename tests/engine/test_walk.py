"""A walk through history: each day's requirement is that of the days before it, asked alone."""

from __future__ import annotations

import numpy as np
import pytest

from margin.engine import historical
from margin.engine.histories import HistoryRefused
from margin.engine.walk import UNIT, walk
from tests.engine.test_historical import a_method
from tests.oracle import histories as oracle

PRICE = np.array([1_000_000.0, 1_000_000.0])
LOTS = np.array([[1, 0], [-1, 0], [2, -1]])


def two_factors(count):
    one = np.array(oracle.known_series(count))
    return np.stack([one, np.roll(one, 7) + 0.3 * one], axis=1)


def alone(daily, method):
    """What is required with these days behind, by the functions a caller without a walk has."""
    scenarios = historical.current(daily, method)
    pnl = historical.outcomes(LOTS, price=PRICE, factors=scenarios.factors, unit=UNIT)
    stressed = floor = None
    past = historical.long_run(daily, method, window=len(daily))
    before = historical.outcomes(LOTS, price=PRICE, factors=past.factors, unit=UNIT)
    if method.stress:
        stressed = historical.worst_stretch(before, past, method)
    if method.floor_window:
        look = historical.long_run(daily, method, window=method.floor_window)
        floor = historical.measured(
            historical.outcomes(LOTS, price=PRICE, factors=look.factors, unit=UNIT),
            look,
            method.measure,
            of=method.measure.margin,
        )
    return historical.requirement(
        historical.measured(pnl, scenarios, method.measure, of=method.measure.margin),
        method,
        stressed=stressed,
        long_run=floor,
    )


@pytest.mark.parametrize(
    "but",
    [
        {},
        {"filter": None, "history__window": 40},
        {"filter": None, "age_weights": {"decay": 0.97}},
        {
            "stress": {"share": "0.25", "window": 80},  # longer than the first days have seen
            "floor": {"window": 90},
            "measure__level": "0.9",
        },
    ],
    ids=["filtered", "plain", "aged", "guarded"],
)
def test_each_requirement_is_that_of_the_days_before_it(but):
    daily, method = two_factors(160), a_method(**but)

    found = walk(daily, lots=LOTS, price=PRICE, method=method, first=60)

    for row in (0, 7, 19, 37, 99):
        day = int(found.day[row])
        assert found.required[row].tolist() == alone(daily[:day], method).rounded_up().tolist()
        came = np.rint(PRICE * (np.exp(daily[day]) - 1.0) / UNIT).astype(int)
        assert found.loss[row].tolist() == [-int(lots @ came) for lots in LOTS]
    assert found.day.tolist() == list(range(60, 160))


def test_tests_over_several_days_share_none():
    method = a_method(history__days=5, history__least=5)

    found = walk(two_factors(120), lots=LOTS, price=PRICE, method=method)

    assert (np.diff(found.day) == 5).all()
    assert found.day[0] == 30 + 5 + 4
    assert found.day[-1] + 5 <= 120


def test_days_to_come_change_nothing_that_was_required():
    daily, method = two_factors(120), a_method(stress={"share": "0.25", "window": 30})
    changed = daily.copy()
    changed[80:] *= 4.0

    before, after = (walk(it, lots=LOTS, price=PRICE, method=method) for it in (daily, changed))

    known = before.day <= 80
    np.testing.assert_array_equal(before.required[known], after.required[known])
    assert (before.required[~known] != after.required[~known]).any()


def test_a_history_with_no_day_left_is_refused():
    with pytest.raises(HistoryRefused, match="leave none to test"):
        walk(two_factors(20), lots=LOTS, price=PRICE, method=a_method())
