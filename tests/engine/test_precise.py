"""Values that keep their own digits, beside the fast ones that keep those of the price."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.engine.precise import black_value, log_moneyness
from margin.engine.pricing import black_76
from tests.oracle.greeks import MP


def value(forward: float, strike: float, deviation: float, *, call: bool = True) -> float:
    f, k = np.array(forward), np.array(strike)
    return float(
        black_value(
            forward=f,
            strike=k,
            log=log_moneyness(f, k),
            gap=f - k,
            deviation=np.array(deviation),
            is_call=call,
        )
    )


def exact(forward: float, strike: float, deviation: float) -> float:
    """Of the out-of-the-money side."""
    f, k, s = MP.mpf(forward), MP.mpf(strike), MP.mpf(deviation)
    d1 = MP.log(f / k) / s + s / 2
    if strike >= forward:
        return float(f * MP.ncdf(d1) - k * MP.ncdf(d1 - s))
    return float(k * MP.ncdf(s - d1) - f * MP.ncdf(-d1))


@pytest.mark.parametrize("deviation", [1e-12, 1e-7, 1e-3, 0.1, 0.499, 0.999, 1.001, 2.0, 9.0, 80.0])
@pytest.mark.parametrize("deviations", [0.0, 0.3, 2.0, 6.0, 12.9, 13.1, 20.0, 37.0])
@pytest.mark.parametrize("side", [1, -1])
def test_a_value_is_right_to_a_part_in_a_trillion_of_itself(deviation, deviations, side):
    strike = 100.0 * np.exp(side * min(deviation * deviations, 300.0))

    got = value(100.0, strike, deviation, call=strike >= 100.0)

    expected = exact(100.0, strike, deviation)
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-290)


@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6), st.floats(0, 20), st.booleans())
def test_it_is_the_fast_value_to_the_last_digits_of_the_price(forward, strike, deviation, call):
    fast = black_76(forward=forward, strike=strike, vol=deviation, years=1.0, is_call=call)

    assert value(forward, strike, deviation, call=call) == pytest.approx(
        float(fast), rel=1e-12, abs=4e-16 * max(forward, strike) * 4
    )


@given(st.floats(1.0, 1e4), st.floats(0.0, 1e-9))
def test_the_log_of_neighbours_has_all_its_digits(strike, apart):
    forward = strike * (1.0 + apart)

    got = float(log_moneyness(np.array(forward), np.array(strike)))

    assert got == pytest.approx(float(MP.log(MP.mpf(forward) / MP.mpf(strike))), rel=4e-16)


@pytest.mark.parametrize(
    ("forward", "strike", "log"),
    [(0.0, 7.0, -np.inf), (7.0, 0.0, np.inf), (5.0, -7.0, np.inf), (0.0, 0.0, 0.0)],
)
def test_without_a_strike_or_a_forward_the_sign_says_who_is_paid(forward, strike, log):
    assert log_moneyness(np.array(forward), np.array(strike)) == log
