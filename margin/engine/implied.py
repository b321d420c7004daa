"""Volatility from a price: the inverse of `pricing.black_76`.

Prices are normalised: money per unit of underlying over the discounted forward. That is what an
option paid in coin is quoted in as it stands, so linear and coin-quoted chains meet here.
"""

from __future__ import annotations

import numpy as np

from margin.engine.pricing import black_76
from margin.engine.shapes import Flags, Floats

LARGEST_DEVIATION = 12.0  # total volatility, vol * sqrt(years); beyond it a price says nothing
HALVINGS = 64


def bounds(*, moneyness: Floats, is_call: Flags) -> tuple[Floats, Floats]:
    """Lowest and highest price that leaves no free money, for strike/forward `moneyness`.

    A call is worth between what it would pay at the forward and the forward itself, a put between
    what it would pay and its strike (Merton, Theory of Rational Option Pricing, 1973).
    """
    low: Floats = np.maximum(np.where(is_call, 1.0 - moneyness, moneyness - 1.0), 0.0)
    high: Floats = np.where(is_call, 1.0, moneyness)
    return low, high


def deviation(*, price: Floats, moneyness: Floats, is_call: Flags) -> Floats:
    """Total volatility, vol * sqrt(years), at which the model gives the price; (N,).

    By halving an interval, on the out-of-the-money side of the same strike, where nothing cancels:
    it cannot diverge and needs no first guess. Not-a-number where the price is outside its bounds,
    or on the lower one, where every small volatility gives it.
    """
    low_price, high_price = bounds(moneyness=moneyness, is_call=is_call)
    target = price - low_price  # of the out-of-the-money option at that strike, by parity
    calls_out = moneyness >= 1.0
    low = np.zeros_like(price)
    high = np.full_like(price, LARGEST_DEVIATION)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        value = black_76(forward=1.0, strike=moneyness, vol=middle, years=1.0, is_call=calls_out)
        over = value > target
        high = np.where(over, middle, high)
        low = np.where(over, low, middle)
    inside = (price > low_price) & (price < high_price)
    found: Floats = np.where(inside, 0.5 * (low + high), np.nan)
    return found
