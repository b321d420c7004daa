"""Whole books by historical simulation: options in full, any chunk, and sums done by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from margin.engine import historical, revaluation, simulated
from margin.engine.histories import HistoryRefused
from margin.engine.revaluation import UNMOVED, Drivers
from margin.engine.risk_array import ArrayRefused
from tests.engine.builders import a_book, a_random_market
from tests.engine.test_historical import a_method
from tests.engine.test_walk import two_factors
from tests.oracle import quantiles as sorted_out

DRIVERS = Drivers(spot=np.array([0, 1]), vol=np.array([UNMOVED, 0]))


@pytest.fixture(scope="module")
def held():
    market = a_random_market(np.random.default_rng(9), underlyings=2, strikes=3)
    return revaluation.ready(market, largest_factor=3.0, window_seconds=1800.0)


@pytest.fixture(scope="module")
def positions(held):
    rng = np.random.default_rng(4)
    lots = rng.integers(-6, 7, (7, len(held.base)))
    lots[5] = 0
    lots[6] = -lots[0]
    return a_book(lots=lots, market=held.market).positions


def outcomes(positions, held, factors, row):
    """An account's outcomes in the smallest unit, in whole numbers."""
    spot, vol = factors.T[[0, 1]], np.stack([np.ones(len(factors)), factors[:, 0]])
    gains = revaluation.gains(held, spot=spot, vol=vol).tolist()
    unit = held.unit[held.market.series.underlying]
    lots = [
        int(lot) * int(u / held.unit.min())
        for lot, u in zip(positions[[row]].toarray()[0], unit, strict=True)
    ]
    return [
        sum(lot * gain[scenario] for lot, gain in zip(lots, gains, strict=True))
        for scenario in range(len(factors))
    ]


def test_an_accounts_margin_is_the_measure_of_its_own_sums(held, positions):
    daily, method = two_factors(200), a_method()

    found = simulated.margin(positions, held, daily, method, drivers=DRIVERS)

    factors = historical.current(daily, method).factors
    for row in range(7):
        own = outcomes(positions, held, factors, row)
        by_hand = sorted_out.of_equal(own, level=Fraction(99, 100), convention="tail-mean.v1")
        assert found.shortfall.fractions()[row] == by_hand
        assert found.required.fractions()[row] == max(by_hand, 0)
        assert own[found.binding[row]] == min(own)
    assert found.required.fractions()[5] == 0


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_any_chunk_gives_the_same_bits(held, positions, chunk):
    daily = two_factors(160)
    method = a_method(stress={"share": "0.25", "window": 60}, floor={"window": 90})

    usual, found = (
        simulated.margin(positions, held, daily, method, drivers=DRIVERS, accounts_at_once=count)
        for count in (1024, chunk)
    )

    assert found.required.fractions() == usual.required.fractions()
    assert found.binding.tolist() == usual.binding.tolist()
    assert found.digest == usual.digest


def test_a_guard_only_ever_asks_for_more_than_its_parts_promise(held, positions):
    daily = two_factors(160)
    plain = simulated.margin(positions, held, daily, a_method(), drivers=DRIVERS)

    floored = simulated.margin(
        positions, held, daily, a_method(floor={"window": 90}), drivers=DRIVERS
    )
    kept = simulated.margin(
        positions,
        held,
        daily,
        a_method(buffer={"share": "0.25"}),
        drivers=DRIVERS,
        before=plain.required,
    )
    whole = simulated.margin(
        positions, held, daily, a_method(buffer={"share": "0.25"}), drivers=DRIVERS
    )

    for at, least in enumerate(plain.required.fractions()):
        assert floored.required.fractions()[at] >= least
        assert kept.required.fractions()[at] == least
        assert whole.required.fractions()[at] == least * Fraction(5, 4)


def test_the_floor_is_the_measure_of_the_past_as_it_was(held, positions):
    daily = two_factors(160)
    daily[120:] *= 0.3  # a calm that would scale the past down
    method = a_method(floor={"window": 90})

    found = simulated.margin(positions, held, daily, method, drivers=DRIVERS).required.fractions()

    current, past = historical.current(daily, method).factors, np.exp(daily[-90:])
    bound = 0
    for row in range(7):
        now, then = (
            sorted_out.of_equal(
                outcomes(positions, held, factors, row),
                level=Fraction(99, 100),
                convention="tail-mean.v1",
            )
            for factors in (current, past)
        )
        assert found[row] == max(now, then, 0)
        bound += then > now
    assert bound


def test_a_move_beyond_what_was_prepared_for_is_refused(held, positions):
    daily = two_factors(100)
    daily[60] = 2.0

    with pytest.raises(ArrayRefused, match="further than was prepared for"):
        simulated.margin(positions, held, daily, a_method(filter=None), drivers=DRIVERS)


def test_too_short_a_history_is_refused(held, positions):
    with pytest.raises(HistoryRefused, match="too few"):
        simulated.margin(positions, held, two_factors(20), a_method(), drivers=DRIVERS)
