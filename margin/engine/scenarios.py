"""What a scenario does to volatility and to the value of an expiry.

Time to expiry arrives in seconds. Arrays are (E,) for expiries or (N,) for series, as said.
"""

from __future__ import annotations

import numpy as np

from margin.engine.parameters import Basis, Discount, Parameters, Skew, SkewCap, Vol, VolShock
from margin.engine.pricing import YEAR_SECONDS
from margin.engine.shapes import Floats

DAY_SECONDS = 86_400.0


def years_left(seconds: Floats) -> Floats:
    """Years of 365 days to expiry; zero once past."""
    years: Floats = np.maximum(seconds, 0.0) / YEAR_SECONDS
    return years


def term_structure(seconds: Floats, shock: VolShock) -> Floats:
    """How much harder a relative vol move hits short expiries: (pivot / time left) ** power.

    The power changes at the pivot, where the factor is 1 either way. Past expiry, where no vol is
    left to move, the factor is 1 as well.
    """
    days = seconds / DAY_SECONDS
    taken = np.maximum(days, shock.floor_days)
    power = np.where(days <= shock.pivot_days, shock.short_power, shock.long_power)
    alive = (days > 0.0) & (taken > 0.0)
    factor: Floats = np.where(
        alive, (shock.pivot_days / np.where(alive, taken, shock.pivot_days)) ** power, 1.0
    )
    return factor


def vol_up_multiplier(seconds: Floats, shock: VolShock) -> Floats:
    """At least 1; the floor on the shocked vol itself is applied in `shocked_vol`."""
    multiplier: Floats = 1.0 + shock.range_up * term_structure(seconds, shock)
    return multiplier


def vol_down_multiplier(seconds: Floats, shock: VolShock) -> Floats:
    """Between 0 and 1."""
    multiplier: Floats = np.maximum(0.0, 1.0 - shock.range_down * term_structure(seconds, shock))
    return multiplier


def skew_cap(years: Floats, cap: SkewCap) -> Floats:
    """Largest twist of each expiry. May be negative where the file lets the slope win."""
    largest: Floats = cap.slope * np.sqrt(years) + cap.base
    return largest


def skew_width(years: Floats, skew: Skew) -> Floats:
    """Log-moneyness at which the twist reaches its cap; positive."""
    root = np.sqrt(years)
    width: Floats = np.maximum(
        skew.minimum_width, root * skew.width * (skew.vol_static + root * skew.vol_slope)
    )
    return width


def skew_multiplier(
    *, strike: Floats, forward: Floats, years: Floats, vol: Vol, skew: Skew
) -> Floats:
    """Multiple of each series' vol in a skew scenario, never negative.

    The linear twist lifts strikes above the forward and lowers those below; the absolute one lifts
    both wings. It measures from the forward of the market, not from a shocked one.
    """
    assert vol.is_skew
    moneyness = np.log(strike / forward)
    if vol is Vol.ABS:
        moneyness = np.abs(moneyness)
    cap = skew_cap(years, skew.linear if vol is Vol.LINEAR else skew.absolute)
    twist = moneyness * cap / skew_width(years, skew)
    bounded = np.where(moneyness >= 0.0, np.minimum(cap, twist), np.maximum(-cap, twist))
    multiplier: Floats = np.maximum(0.0, 1.0 + bounded)
    return multiplier


def shocked_vol(
    direction: Vol,
    *,
    vol: Floats,
    strike: Floats,
    forward: Floats,
    seconds: Floats,
    parameters: Parameters,
) -> Floats:
    """Volatility of each option series when the scenario moves it in `direction`; all (N,)."""
    shock = parameters.vol_shock
    match direction:
        case Vol.NONE:
            return vol
        case Vol.UP:
            up: Floats = np.maximum(shock.minimum_up, vol * vol_up_multiplier(seconds, shock))
            return up
        case Vol.DOWN:
            return vol * vol_down_multiplier(seconds, shock)
        case Vol.LINEAR | Vol.ABS:
            return vol * skew_multiplier(
                strike=strike,
                forward=forward,
                years=years_left(seconds),
                vol=direction,
                skew=parameters.skew,
            )


def discount_to_expiry(seconds: Floats, rate: Floats) -> Floats:
    """Present value of one unit paid at each expiry; a negative rate counts as zero."""
    discount: Floats = np.exp(-np.maximum(rate, 0.0) * years_left(seconds))
    return discount


def static_discount_long(seconds: Floats, rate: Floats, terms: Discount) -> Floats:
    """What each unit of a shocked expiry that is worth something counts for."""
    growth = np.maximum(rate, 0.0) * terms.rate_multiple + terms.addition
    factor: Floats = terms.base * np.exp(-years_left(seconds) * growth)
    return factor


def static_discount_short(seconds: Floats, rate: Floats, terms: Discount) -> Floats:
    """What each unit of a shocked expiry that is owed counts for.

    Never more than the undiscounted debt: that is the most that waiting for expiry can cost.
    """
    growth = np.maximum(rate, 0.0) * terms.rate_multiple + terms.addition
    prudent = terms.base * np.exp(years_left(seconds) * growth)
    factor: Floats = np.minimum(1.0 / discount_to_expiry(seconds, rate), prudent)
    return factor


def basis_weight(seconds: Floats, basis: Basis) -> Floats:
    """Share of each expiry's own loss that the basis contingency counts; grows with time left."""
    weight: Floats = basis.addition + basis.multiple * years_left(seconds)
    return weight
