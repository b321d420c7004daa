"""Isolated positions: the price that ends them, against halving and a published mistake."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from margin.engine.isolated import Positions, liquidation_price, standing
from margin.engine.tiers import load_tiers, maintenance
from tests.engine.test_tiers import BINANCE, BYBIT, as_fractions
from tests.oracle import tiers as oracle

METHODS = Path(__file__).parents[2] / "margin" / "methods" / "tiered"
FLAT_RATE = load_tiers(
    {
        "name": "one-rate",
        "source": "a single maintenance rate of 0.4 per cent",
        "tables": {"ANY": {"tiers": [{"limit": 1e12, "rate": 0.004}]}},
    }
)


def some(**but: Any) -> Positions:
    """Long one unit at 100, isolated; whatever is a list makes that many positions."""
    usual = {
        "is_inverse": False,
        "lots": 1,
        "size": 1.0,
        "entry": 100.0,
        "mark": 100.0,
        "margin": 5.0,
        "elsewhere": 0.0,
        "leverage": 10.0,
        "table": 0,
    }
    held = usual | but
    count = (
        max(len(value) for value in held.values() if isinstance(value, list))
        if any(isinstance(value, list) for value in held.values())
        else 1
    )
    return Positions(**{name: np.broadcast_to(value, (count,)) for name, value in held.items()})


def test_what_other_positions_are_owed_is_not_there_to_lose():
    alone, crossed = liquidation_price(some(elsewhere=[0.0, 4.0]), FLAT_RATE)

    # A trading framework reported the first number for a position whose account also had to
    # keep a maintenance of 4 for another; the second is right.
    assert alone == pytest.approx(95.38153, abs=5e-6)
    assert crossed == pytest.approx(99 / 0.996, rel=1e-12)


def test_a_position_has_equity_margin_and_an_end():
    held = some(lots=[20, -20, 0], mark=103.0, margin=400.0)

    got = standing(held, FLAT_RATE)

    assert got.equity.tolist() == [460.0, 340.0, 400.0]
    assert got.maintenance.tolist() == pytest.approx([8.24, 8.24, 0.0])
    assert got.initial.tolist() == pytest.approx([206.0, 206.0, 0.0])
    assert got.is_liquidated.tolist() == [False, False, False]
    assert got.liquidation_price[:2].tolist() == pytest.approx([80 / 0.996, 120 / 1.004])
    assert np.isnan(got.liquidation_price[2])


def test_an_inverse_position_is_margined_in_coin():
    held = some(is_inverse=True, lots=10_000, entry=400.0, mark=400.0, margin=2.5)

    got = standing(held, BYBIT)

    assert got.maintenance[0] == pytest.approx(0.45, rel=1e-12)
    assert got.initial[0] == pytest.approx(2.5, rel=1e-12)
    price = got.liquidation_price[0]
    exposure = 10_000 / price
    left = 2.5 + 10_000 * (1 / 400 - 1 / price)
    assert left == pytest.approx(exposure * 0.03 - 0.30, rel=1e-9)


@pytest.mark.parametrize(
    ("but", "price"),
    [
        ({"lots": 1, "margin": 200.0}, 0.0),  # paid in full: no price ends it
        ({"lots": -1, "margin": -200.0}, 0.0),  # lost already, whatever the price
        ({"lots": -9, "margin": 2.0, "is_inverse": True}, np.inf),  # hedges its own coin
        ({"lots": 9, "margin": -2.0, "is_inverse": True}, np.inf),
    ],
)
def test_never_and_always_are_at_the_ends_of_the_prices(but, price):
    assert liquidation_price(some(**but), FLAT_RATE)[0] == price


EXPOSED = st.floats(1.0, 3e8)


@settings(deadline=None)  # the oracle works in fractions
@given(
    st.booleans(), st.booleans(), EXPOSED, st.floats(0.01, 1.5), st.floats(1.0, 1e5), st.booleans()
)
def test_at_its_liquidation_price_a_position_has_exactly_its_maintenance(
    inverse, long, exposure, cover, entry, published
):
    tiers = BINANCE if published else BYBIT
    exposure = exposure if published else exposure / 1e7
    amount = (exposure * entry if inverse else exposure / entry) * (1 if long else -1)
    needed = float(maintenance(np.array([exposure]), table=np.zeros(1, int), tiers=tiers)[0])
    margin = needed + cover * exposure
    held = some(is_inverse=inverse, lots=amount, entry=entry, mark=entry, margin=margin)

    price = float(liquidation_price(held, tiers)[0])

    def left(at: Fraction) -> Fraction:
        return oracle.spare(
            at,
            inverse=inverse,
            amount=Fraction(amount),
            entry=Fraction(entry),
            margin=Fraction(margin),
            tiers=as_fractions(tiers),
        )

    far = Fraction(entry) * (Fraction(1, 10**6) if long else 10**6)
    if left(far) >= 0:
        assert not far < price < entry if long else not entry < price < far
        return
    expected = float(oracle.halved(left, *sorted((far, Fraction(entry)))))
    assert price == pytest.approx(expected, rel=1e-9)


@given(st.floats(1.0, 1e4), st.floats(0.0, 1e3), st.booleans())
def test_more_margin_moves_the_end_away(margin, more, long):
    held = some(lots=[100.0 if long else -100.0] * 2, margin=[margin, margin + more])

    less, further = liquidation_price(held, BINANCE)

    assert further <= less if long else further >= less


@given(st.integers(-50, 50), st.integers(1, 1000))
def test_a_position_as_large_again_with_as_much_margin_again_ends_at_the_same_price(lots, times):
    assume(lots != 0)
    held = some(lots=[lots, lots * times], margin=[7.0 * abs(lots), 7.0 * abs(lots) * times])

    once, again = liquidation_price(held, FLAT_RATE)

    assert again == pytest.approx(once, rel=1e-12)


@given(st.permutations(range(5)))
def test_rows_do_not_see_each_other(order):
    held = some(
        lots=[3, -4, 0, 900, -7000],
        margin=[10.0, 100.0, 1.0, 5e3, 1e5],
        is_inverse=[False, True, False, False, True],
    )
    mixed = replace(
        held, **{each.name: getattr(held, each.name)[list(order)] for each in fields(held)}
    )

    got, again = standing(held, BINANCE), standing(mixed, BINANCE)

    for each in fields(got):
        np.testing.assert_array_equal(
            getattr(again, each.name), getattr(got, each.name)[list(order)]
        )
