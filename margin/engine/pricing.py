"""What one unit of a contract is worth; European options and contracts paid in coin.

Every argument is a float64 array or a number and broadcasts against the others. Prices are in money
per unit of underlying, time is in years of 365 days, volatility and rates are fractions per year.
The limits are exact: no time, no volatility, a strike or a forward of zero.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from margin.engine.shapes import Flags, Floats

YEAR_SECONDS = 365.0 * 86_400.0

Number = float | Floats


def black_76(
    *,
    forward: Number,
    strike: Number,
    vol: Number,
    years: Number,
    is_call: bool | Flags,
    discount: Number = 1.0,
) -> Floats:
    """Present value of a European option on a forward, in money per unit; never negative.

    The out-of-the-money side is computed and the payoff at the forward added to it. So a deep
    in-the-money option keeps its last digits, and call minus put is discount * (forward - strike).
    """
    forward, strike = np.asarray(forward, float), np.asarray(strike, float)
    deviation = np.asarray(vol, float) * np.sqrt(np.maximum(years, 0.0))
    gap = forward - strike
    payoff = np.maximum(np.where(is_call, gap, -gap), 0.0)
    value: Floats = discount * (payoff + _out_of_the_money(forward, strike, deviation))
    return value


def black_scholes_merton(
    *,
    spot: Number,
    strike: Number,
    vol: Number,
    years: Number,
    rate: Number,
    carry: Number,
    is_call: bool | Flags,
) -> Floats:
    """Present value of a European option on a spot that yields `carry` per year."""
    return black_76(
        forward=spot * np.exp((np.asarray(rate, float) - carry) * years),
        strike=strike,
        vol=vol,
        years=years,
        is_call=is_call,
        discount=np.exp(-np.asarray(rate, float) * years),
    )


def delta(
    *,
    forward: Number,
    strike: Number,
    vol: Number,
    years: Number,
    is_call: bool | Flags,
    discount: Number = 1.0,
) -> Floats:
    """Change of `black_76` per unit of forward; positive for calls, negative for puts.

    With no time or no volatility left it is a step, and one half of it exactly at the strike.
    """
    forward, strike = np.asarray(forward, float), np.asarray(strike, float)
    deviation = np.asarray(vol, float) * np.sqrt(np.maximum(years, 0.0))
    with np.errstate(all="ignore"):
        live = np.log(forward / strike) / deviation + 0.5 * deviation
    step = np.where(forward == strike, 0.0, np.where(forward > strike, np.inf, -np.inf))
    upper = np.where(_settled(forward, strike, deviation), step, live)
    slope: Floats = discount * np.where(is_call, ndtr(upper), -ndtr(-upper))
    return slope


def averaged_forward(
    *, forward: Floats, seconds: Floats, window_seconds: float
) -> tuple[Floats, Floats]:
    """The part of a forward that is already averaged into settlement, and the part that can move.

    Settlement is the mean of the index over the last `window_seconds`: with s seconds left,
    s/window of the mean is still to come. Before the window everything can move, after it nothing.
    """
    assert window_seconds > 0.0
    open_share = np.clip(seconds / window_seconds, 0.0, 1.0)
    variable: Floats = forward * open_share
    # The subtraction makes the two parts add up to the forward outside a window, to the last bit.
    fixed: Floats = np.where(open_share == 1.0, 0.0, forward * (1.0 - open_share))
    return fixed, variable


def inverse_coin(*, size: Number, price: Number) -> Floats:
    """Coin that one lot of an inverse contract of `size` money is worth at `price`; negative.

    Bought at p and marked at P it has earned size/p - size/P coin: the value grows with the price.
    """
    value: Floats = -np.asarray(size, float) / price
    return value


def _out_of_the_money(forward: Floats, strike: Floats, deviation: Floats) -> Floats:
    """Undiscounted value of the call where strike >= forward, of the put elsewhere."""
    side = np.where(forward > strike, -1.0, 1.0)
    with np.errstate(all="ignore"):
        middle = np.log(forward / strike) / deviation
        half = 0.5 * deviation
        value = side * (
            forward * ndtr(side * (middle + half)) - strike * ndtr(side * (middle - half))
        )
    # The difference of two nearly equal terms may fall a rounding below zero; an option never does.
    floored: Floats = np.where(_settled(forward, strike, deviation), 0.0, np.maximum(value, 0.0))
    return floored


def _settled(forward: Floats, strike: Floats, deviation: Floats) -> Flags:
    """Where nothing is left to chance. Not-a-number is not settled: it comes out as it went in."""
    settled: Flags = (deviation <= 0.0) | (forward <= 0.0) | (strike <= 0.0)
    return settled
