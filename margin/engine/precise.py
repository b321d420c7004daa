"""Option values to their own last digits, however little they are worth.

`pricing.black_76` is right to 1e-15 of forward and strike, which is what money needs, and fast. An
option whose strike is far or whose time is short is worth far less than either, and there the
difference of two almost equal terms has few digits of the value itself. Here it is written as

    sqrt(forward * strike) * density * (Y(z + h) - Y(z - h))

with Mills' ratio Y(a) = N(a) / n(a), h half of vol * sqrt(years), z minus the distance to the strike
in deviations: the common factor is taken out before anything is subtracted (the idea is that of
Jaeckel, Let's Be Rational, 2015). Over a short interval the difference is the integral of Y', which
is positive throughout, so nothing cancels.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erfcx, ndtr

from margin.engine.shapes import Flags, Floats

_DENSITY = 1.0 / np.sqrt(2.0 * np.pi)
_SHORT = 0.5  # half an interval that eight nodes integrate to the last digit
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_FAR = -13.0  # below it the asymptotic series of Y' has all digits with fourteen terms
_TERMS = 14


def log_moneyness(forward: Floats, strike: Floats) -> Floats:
    """log(forward / strike) to its last digits however close they are; infinite if none is left.

    Where one is not positive nothing is left to chance, and the sign says which side is paid.
    """
    with np.errstate(all="ignore"):
        apart = (forward - strike) / strike
        near = np.abs(apart) < 0.5
        log = np.where(near, np.log1p(np.where(near, apart, 0.0)), np.log(forward / strike))
    settled = (forward <= 0.0) | (strike <= 0.0)
    step = np.where(forward == strike, 0.0, np.where(forward > strike, np.inf, -np.inf))
    result: Floats = np.where(settled, step, log)
    return result


def black_value(
    *,
    forward: Floats,
    strike: Floats,
    log: Floats,
    gap: Floats,
    deviation: Floats,
    is_call: bool | Flags,
) -> Floats:
    """Undiscounted value of a European option, right to about 1e-12 of itself.

    log, gap   of forward over strike and between them; whoever has them more exactly than the two
               prices say passes them so
    deviation  vol * sqrt(years), not negative
    """
    payoff = np.maximum(np.where(is_call, gap, -gap), 0.0)
    value: Floats = payoff + _out_of_the_money(forward, strike, log, deviation)
    return value


def _out_of_the_money(forward: Floats, strike: Floats, log: Floats, deviation: Floats) -> Floats:
    """Value of the side that pays nothing at the forward."""
    near, far = np.minimum(forward, strike), np.maximum(forward, strike)
    with np.errstate(all="ignore"):
        distance, half = -np.abs(log) / deviation, 0.5 * deviation
        scale = np.sqrt(near) * np.sqrt(far) * _DENSITY
        scale = scale * np.exp(-0.5 * distance * distance) * np.exp(-0.5 * half * half)
        wide = near * ndtr(distance + half) - far * ndtr(distance - half)
        # Beyond one the deviation is so large that nothing cancels, and Y would overflow.
        value = np.where(distance + half > 1.0, wide, scale * _rise(distance, half))
    settled = (deviation <= 0.0) | (forward <= 0.0) | (strike <= 0.0)
    alive: Floats = np.where(settled | (distance < -39.0), 0.0, np.maximum(value, 0.0))
    return alive


def _rise(middle: Floats, half: Floats) -> Floats:
    """Y(middle + half) - Y(middle - half)."""
    short = half < _SHORT
    reach = np.where(short, half, 0.0)
    integral = np.zeros(np.shape(middle))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        integral = integral + weight * _slope(middle + reach * node)
    return np.where(short, reach * integral, _mills(middle + half) - _mills(middle - half))


def _mills(at: Floats) -> Floats:
    """Y(a) = N(a) / n(a)."""
    ratio: Floats = np.sqrt(0.5 * np.pi) * erfcx(-at / np.sqrt(2.0))
    return ratio


def _slope(at: Floats) -> Floats:
    """Y'(a) = 1 + a * Y(a), of which little is left far below zero: there its series is summed."""
    far = at < _FAR
    squared = np.where(far, at * at, 1.0)
    term = np.ones(np.shape(at)) / squared
    series = term
    for order in range(1, _TERMS):
        term = term * (-(2 * order + 1) / squared)
        series = series + term
    return np.where(far, series, 1.0 + at * _mills(at))
