"""Contracts of fixed money size paid in coin, against the formulas by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from margin.engine.parameters import load
from margin.engine.requirement import reference_requirement, requirement
from margin.engine.shapes import Book, Kind, Market, Series
from tests.engine.builders import a_book, a_market, an_underlying

METHOD = load(Path(__file__).parents[2] / "margin" / "methods" / "derive-pmrm2-test.json")
SPOT, MARK, SIZE, LOTS, ENTRY = 60_000.0, 60_600.0, 10.0, 2_000, 64_000.0


def an_inverse_position(
    *, lots: int, spot: float = SPOT, mark: float = MARK
) -> tuple[Book, Market]:
    """Bought, or sold, at ENTRY."""
    market = a_market(
        underlyings=an_underlying(spot=spot),
        series=Series(
            kind=np.array([Kind.INVERSE]),
            underlying=np.array([0]),
            expiry=np.array([-1]),
            strike=np.zeros(1),
            is_call=np.zeros(1, bool),
            vol=np.zeros(1),
            mark=np.array([mark]),
            size=np.array([SIZE]),
        ),
    )
    cost = np.array([[lots * -SIZE / ENTRY]])
    return a_book(lots=np.array([[lots]]), market=market, coin_cost=cost), market


@pytest.mark.parametrize("lots", [LOTS, -LOTS])
def test_it_is_worth_its_gain_in_coin_at_spot(lots):
    book, market = an_inverse_position(lots=lots)

    got = reference_requirement(book, market, METHOD)

    gained = lots * SIZE * (1 / ENTRY - 1 / MARK)
    assert got.equity[0] == pytest.approx(gained * SPOT, rel=1e-12)
    assert np.sign(got.equity[0]) == -np.sign(lots)


@pytest.mark.parametrize("lots", [LOTS, -LOTS])
def test_a_spot_shock_moves_the_coin_it_was_bought_for(lots):
    book, market = an_inverse_position(lots=lots)

    got = reference_requirement(book, market, METHOD)

    for place, scenario in enumerate(METHOD.scenarios):
        shock = scenario.spot
        coin_before = lots * SIZE * (1 / ENTRY - 1 / MARK)
        coin_after = lots * SIZE * (1 / ENTRY - 1 / (MARK * shock))
        moved = coin_after * SPOT * shock - coin_before * SPOT
        assert got.scenarios[0, 0, place] == pytest.approx(
            scenario.dampening * moved, rel=1e-9, abs=1e-9
        )
    assert got.scenarios[0, 0, -1] == 0.0


def test_the_requirement_by_hand():
    book, market = an_inverse_position(lots=LOTS)

    got = reference_requirement(book, market, METHOD)

    equity = LOTS * SIZE * (1 / ENTRY - 1 / MARK) * SPOT
    worst = -0.18 * LOTS * SIZE / ENTRY * SPOT
    exposure = LOTS * SIZE / MARK * SPOT
    assert got.worst[0, 0] == pytest.approx(worst)
    assert got.maintenance[0] == pytest.approx(equity + 0.8 * worst - 0.015 * exposure)
    assert got.initial[0] == pytest.approx(equity + worst - 0.020 * exposure)


def test_a_coin_held_against_a_short_of_its_value_is_a_dollar():
    """One coin and a short of its worth, just sold: no scenario moves the sum."""
    book, market = an_inverse_position(lots=-6_000, spot=ENTRY, mark=ENTRY)
    coin = 6_000 * SIZE / ENTRY

    got = reference_requirement(book, market, METHOD)

    moves = np.array([each.dampening * (each.spot - 1) for each in METHOD.scenarios])
    held = coin * ENTRY * moves
    np.testing.assert_allclose(got.scenarios[0, 0, :-1] + held, 0.0, atol=1e-8)


def test_integers_agree():
    book, market = an_inverse_position(lots=LOTS)

    rounded, exact = (each(book, market, METHOD) for each in (requirement, reference_requirement))

    # Half of 2^-20 for each contract, in value and in the charge on its size.
    assert abs(rounded.initial[0] - exact.initial[0]) <= LOTS * 2.0**-21 * 1.02 + 1e-9
    assert (np.abs(rounded.scenarios - exact.scenarios) <= LOTS * 2.0**-20).all()
