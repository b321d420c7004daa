"""Option values against published numbers, against fifty digits, and at their limits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.engine.pricing import (
    averaged_forward,
    black_76,
    black_scholes_merton,
    delta,
    inverse_coin,
)

# Haug, The Complete Guide to Option Pricing Formulas (1998), printed to four decimals.
HAUG = [
    # call, strike, spot, carry, rate, years, vol, value
    (True, 65, 60, 0.00, 0.08, 0.25, 0.30, 2.1334),
    (False, 95, 100, 0.05, 0.10, 0.50, 0.20, 2.4648),
    (True, 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011),
    (False, 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011),
    (True, 100, 90, 0.10, 0.10, 0.10, 0.15, 0.0205),
    (True, 100, 100, 0.10, 0.10, 0.50, 0.25, 6.6997),
    (False, 100, 110, 0.10, 0.10, 0.50, 0.35, 5.7963),
]


@pytest.mark.parametrize("row", HAUG)
def test_published_option_values(row):
    call, strike, spot, carry, rate, years, vol, value = row

    got = black_scholes_merton(
        spot=spot, strike=strike, vol=vol, years=years, rate=rate, carry=carry, is_call=call
    )

    assert got == pytest.approx(value, abs=1e-4)
    if carry == rate:
        future = black_76(
            forward=spot,
            strike=strike,
            vol=vol,
            years=years,
            is_call=call,
            discount=np.exp(-rate * years),
        )
        assert got == pytest.approx(future, rel=1e-14)


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize("vol", [1e-9, 0.01, 0.5, 3.0, 40.0])
@pytest.mark.parametrize("years", [1e-9, 1 / 365, 1.0, 10.0])
@pytest.mark.parametrize("moneyness", [1e-6, 0.02, 0.9, 1 - 1e-12, 1.0, 1.1, 50.0, 1e6])
def test_values_agree_with_fifty_digits(call, vol, years, moneyness):
    forward, strike = 2_682.99974360167, 2_682.99974360167 * moneyness

    got = black_76(forward=forward, strike=strike, vol=vol, years=years, is_call=call)
    slope = delta(forward=forward, strike=strike, vol=vol, years=years, is_call=call)

    value, exact_slope = in_fifty_digits(forward, strike, vol, years, call)
    assert abs(got - float(value)) <= 1e-15 * max(forward, strike)
    # Rounding log(F/K) moves delta by that rounding over the deviation: seven digits at the worst.
    assert slope == pytest.approx(float(exact_slope), abs=1e-15 + 1e-16 / (vol * years**0.5))


def test_a_far_strike_keeps_its_digits_although_it_is_worth_almost_nothing():
    got = black_76(forward=100.0, strike=400.0, vol=0.4, years=0.1, is_call=True)

    value, _ = in_fifty_digits(100.0, 400.0, 0.4, 0.1, True)
    assert 0 < got < 1e-25
    assert got == pytest.approx(float(value), rel=1e-11)


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize("strike", [0.0, 80.0, 100.0, 130.0])
@pytest.mark.parametrize(("vol", "years"), [(0.5, 0.0), (0.0, 1.0), (0.0, 0.0), (0.5, -1.0)])
def test_without_time_or_vol_an_option_is_its_payoff_exactly(call, strike, vol, years):
    payoff = max(100.0 - strike, 0.0) if call else max(strike - 100.0, 0.0)

    got = black_76(forward=100.0, strike=strike, vol=vol, years=years, is_call=call)

    assert got == payoff


@pytest.mark.parametrize(("call", "forward", "strike"), [(True, 100.0, 80.0), (False, 80.0, 100.0)])
def test_the_largest_vol_is_worth_the_whole_of_the_forward_or_the_strike(call, forward, strike):
    got = black_76(forward=forward, strike=strike, vol=1e6, years=1.0, is_call=call)

    assert got == 100.0


def test_a_forward_or_a_strike_of_zero_is_no_special_case():
    assert black_76(forward=0.0, strike=7.0, vol=0.5, years=1.0, is_call=False) == 7.0
    assert black_76(forward=0.0, strike=7.0, vol=0.5, years=1.0, is_call=True) == 0.0
    assert black_76(forward=7.0, strike=0.0, vol=0.5, years=1.0, is_call=True) == 7.0
    assert delta(forward=7.0, strike=0.0, vol=0.5, years=1.0, is_call=True) == 1.0


@pytest.mark.parametrize("broken", ["forward", "strike", "vol", "years"])
def test_what_is_not_a_number_never_becomes_one(broken):
    terms = {"forward": 100.0, "strike": 90.0, "vol": 0.5, "years": 1.0} | {broken: np.nan}

    assert np.isnan(black_76(is_call=True, **terms))
    assert np.isnan(delta(is_call=True, **terms))


def test_delta_is_a_step_at_expiry():
    strikes = np.array([90.0, 100.0, 110.0])

    calls = delta(forward=100.0, strike=strikes, vol=0.5, years=0.0, is_call=True)
    puts = delta(forward=100.0, strike=strikes, vol=0.5, years=0.0, is_call=False)

    assert calls.tolist() == [1.0, 0.5, 0.0]
    assert puts.tolist() == [0.0, -0.5, -1.0]


PRICES = st.floats(1e-3, 1e6)


@given(PRICES, PRICES, st.floats(0, 5), st.floats(0, 3), st.floats(0.1, 1))
def test_a_call_less_a_put_is_a_forward(forward, strike, vol, years, discount):
    call, put = (
        black_76(
            forward=forward, strike=strike, vol=vol, years=years, is_call=side, discount=discount
        )
        for side in (True, False)
    )

    assert call >= 0 and put >= 0
    assert call - put == pytest.approx(
        discount * (forward - strike), rel=1e-12, abs=4e-16 * (call + put)
    )


@given(PRICES, PRICES, st.floats(0.05, 2), st.floats(0.01, 2), st.booleans())
def test_an_option_is_worth_at_least_its_payoff_and_at_most_its_bound(f, k, vol, years, call):
    got = black_76(forward=f, strike=k, vol=vol, years=years, is_call=call)

    payoff, bound = (max(f - k, 0.0), f) if call else (max(k - f, 0.0), k)
    assert payoff <= got <= bound * (1 + 1e-15)


def test_inside_the_settlement_window_only_what_is_not_yet_averaged_can_move():
    forward = np.full(6, 1000.0)
    seconds = np.array([3600.0, 1800.0, 900.0, 1.0, 0.0, -60.0])

    fixed, variable = averaged_forward(forward=forward, seconds=seconds, window_seconds=1800.0)

    assert fixed.tolist() == pytest.approx([0, 0, 500, 1000 * 1799 / 1800, 1000, 1000])
    assert variable.tolist() == pytest.approx([1000, 1000, 500, 1000 / 1800, 0, 0])
    assert (variable[:2] == forward[:2]).all()
    assert (fixed[-2:] == forward[-2:]).all()


def test_an_inverse_contract_gains_coin_as_the_price_rises():
    bought, marked = (
        inverse_coin(size=10.0, price=50_000.0),
        inverse_coin(size=10.0, price=60_000.0),
    )

    assert marked - bought == pytest.approx(10.0 / 50_000.0 - 10.0 / 60_000.0, rel=1e-12)


def in_fifty_digits(
    forward: float, strike: float, vol: float, years: float, call: bool
) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Undiscounted value and delta from the textbook formula."""
    with mpmath.workdps(50):
        f, k = mpmath.mpf(forward), mpmath.mpf(strike)
        deviation = mpmath.mpf(vol) * mpmath.sqrt(mpmath.mpf(years))
        upper = mpmath.log(f / k) / deviation + deviation / 2
        side = 1 if call else -1
        slope = side * mpmath.ncdf(side * upper)
        return f * slope - side * k * mpmath.ncdf(side * (upper - deviation)), slope
