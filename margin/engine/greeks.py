"""How values move: first and second derivatives of what `pricing` prices, and of their coin twins.

Every argument is a float64 array or a number and broadcasts against the others. Units: delta and
gamma per unit of the price they are taken by, vega per 1.00 of volatility, rho per 1.00 of rate,
theta per year as time passes with all else unmoved, vanna is d delta / d vol, volga d vega / d vol.
Formulas: Black (1976), Black and Scholes (1973) with Merton's yield; Haug, The Complete Guide to
Option Pricing Formulas.

Nothing is lost at the money or at far strikes (see `precise`, whose values these are); limits
without time or without volatility are exact and come from the right. Exactly
at the strike gamma has no limit and is infinite, and theta is minus infinity without time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from margin.engine.precise import black_value, log_moneyness
from margin.engine.pricing import YEAR_SECONDS, Number, averaged_forward, inverse_coin
from margin.engine.shapes import Flags, Floats

_DENSITY = 1.0 / np.sqrt(2.0 * np.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """All of one shape, in the currency of `value`."""

    value: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats
    vanna: Floats
    volga: Floats

    def times(self, lots: Number) -> Greeks:
        """Of so many, negative if short."""
        return Greeks(**{each.name: getattr(self, each.name) * lots for each in fields(Greeks)})


def black_76_greeks(
    *,
    forward: Number,
    strike: Number,
    vol: Number,
    years: Number,
    is_call: bool | Flags,
    rate: Number = 0.0,
) -> Greeks:
    """Of a European option by its forward, which stays when the rate moves.

    An option past its expiry is one at its expiry.
    """
    forward, strike = np.asarray(forward, float), np.asarray(strike, float)
    terms = _terms(
        _Option(
            forward=forward,
            strike=strike,
            log=log_moneyness(forward, strike),
            gap=forward - strike,
            vol=np.asarray(vol, float),
            years=np.maximum(np.asarray(years, float), 0.0),
            is_call=is_call,
            rate=rate,
        )
    )
    value = terms.value
    return Greeks(
        value=value,
        delta=terms.discount * terms.first,
        gamma=terms.gamma,
        vega=terms.vega,
        theta=terms.decay + rate * value,
        rho=-terms.years * value,
        vanna=terms.vanna,
        volga=terms.volga,
    )


def black_scholes_merton_greeks(
    *,
    spot: Number,
    strike: Number,
    vol: Number,
    years: Number,
    rate: Number,
    carry: Number,
    is_call: bool | Flags,
) -> Greeks:
    """Of a European option by a spot that yields `carry` per year, and whose forward moves with rho.

    The asset's and the strike's part of the value enter theta and rho by themselves, so that deep
    in the money nothing is lost between them.
    """
    spot, strike = np.asarray(spot, float), np.asarray(strike, float)
    left = np.maximum(np.asarray(years, float), 0.0)
    drift = (np.asarray(rate, float) - carry) * left
    growth = np.exp(drift)
    forward = spot * growth
    # Two logs that are exact rather than one of a forward that was rounded.
    log = log_moneyness(spot, strike) + drift
    terms = _terms(
        _Option(
            forward=forward,
            strike=strike,
            log=log,
            gap=np.where(np.abs(log) < 0.5, strike * np.expm1(log), forward - strike),
            vol=np.asarray(vol, float),
            years=left,
            is_call=is_call,
            rate=rate,
        )
    )
    asset = terms.discount * forward * terms.first
    cash = terms.discount * strike * terms.second
    return Greeks(
        value=terms.value,
        delta=terms.discount * terms.first * growth,
        gamma=terms.gamma * growth * growth,
        vega=terms.vega,
        theta=terms.decay - rate * cash + carry * asset,
        rho=terms.years * cash,
        vanna=terms.vanna * growth,
        volga=terms.volga,
    )


def averaged_greeks(
    *,
    forward: Floats,
    strike: Number,
    vol: Number,
    seconds: Floats,
    is_call: bool | Flags,
    window_seconds: float,
    rate: Number = 0.0,
) -> Greeks:
    """Of an option that settles on the mean of the last `window_seconds`, by a move of spot.

    Its value is that of its whole forward, of which inside the window only the open share can still
    move: one unit of spot moves the forward by that share, and delta, gamma and vanna follow.
    Everything that does not move the price is as outside the window.
    """
    of = black_76_greeks(
        forward=forward,
        strike=strike,
        vol=vol,
        years=np.asarray(seconds, float) / YEAR_SECONDS,
        is_call=is_call,
        rate=rate,
    )
    _, variable = averaged_forward(
        forward=np.ones(np.shape(seconds)), seconds=seconds, window_seconds=window_seconds
    )
    return replace(
        of,
        delta=of.delta * variable,
        gamma=of.gamma * variable * variable,
        vanna=of.vanna * variable,
    )


def linear_greeks(*, size: Number, price: Number) -> Greeks:
    """Of one lot of a future or perpetual on `size` units, by its own price."""
    value = np.asarray(size, float) * price
    flat = np.zeros_like(value)
    return _moved_by_price(value=value, delta=size + flat, gamma=flat)


def inverse_greeks(*, size: Number, price: Number) -> Greeks:
    """Of one lot of a future or perpetual of `size` money, in coin, by its own price.

    In money a lot by itself owes `size` whatever the price: what moves is the coin it was bought
    for. See `in_money`, whose value may have that cost taken off.
    """
    value = inverse_coin(size=size, price=price)
    return _moved_by_price(value=value, delta=-value / price, gamma=2.0 * value / price / price)


def in_coin(of: Greeks, *, price: Number) -> Greeks:
    """What is worth V money, as V / price coin: quotients of all derivatives by that very price.

    For an option its delta in coin times the price is the delta less the value in coin, the total
    delta of coin-settled options.
    """
    price = np.asarray(price, float)
    value, delta = of.value / price, (of.delta - of.value / price) / price
    return Greeks(
        value=value,
        delta=delta,
        gamma=(of.gamma - 2.0 * delta) / price,
        vega=of.vega / price,
        theta=of.theta / price,
        rho=of.rho / price,
        vanna=(of.vanna - of.vega / price) / price,
        volga=of.volga / price,
    )


def in_money(of: Greeks, *, price: Number) -> Greeks:
    """What is worth W coin, as W * price money, by that very price; undoes `in_coin`."""
    price = np.asarray(price, float)
    return Greeks(
        value=of.value * price,
        delta=of.value + of.delta * price,
        gamma=2.0 * of.delta + of.gamma * price,
        vega=of.vega * price,
        theta=of.theta * price,
        rho=of.rho * price,
        vanna=of.vega + of.vanna * price,
        volga=of.volga * price,
    )


class _Option(NamedTuple):
    """Log and gap are of forward and strike, as exactly as the caller knows them."""

    forward: Floats
    strike: Floats
    log: Floats
    gap: Floats
    vol: Floats
    years: Floats
    is_call: bool | Flags
    rate: Number


class _Terms(NamedTuple):
    """What the formulas share; everything but `first` and `second` is discounted.

    first, second  d value / d forward, and minus d value / d strike, signed by the side
    decay          theta without what the discount earns
    """

    years: Floats
    discount: Floats
    value: Floats
    first: Floats
    second: Floats
    gamma: Floats
    vega: Floats
    decay: Floats
    vanna: Floats
    volga: Floats


def _terms(of: _Option) -> _Terms:
    forward, strike, log, vol, years = of.forward, of.strike, of.log, of.vol, of.years
    discount = np.exp(-np.asarray(of.rate, float) * years)
    root = np.sqrt(years)
    deviation = vol * root
    side = np.where(of.is_call, 1.0, -1.0)
    with np.errstate(all="ignore"):
        # At the money the limit is that of equal forward and strike: no distance at all.
        distance = np.where(log == 0.0, 0.0, log / deviation)
        upper = distance + 0.5 * deviation
        density = _DENSITY * np.exp(-0.5 * upper * upper)
        gone = density == 0.0  # nothing is left to chance, or so little that no double holds it
        per_vol = np.where(log == 0.0, 0.0, distance / vol)
        weight = discount * forward * density
        gamma = np.where(gone, 0.0, discount * density / (forward * deviation))
        decay = np.where(gone | (vol == 0.0), 0.0, -0.5 * weight * vol / root)
        vanna = np.where(gone, 0.0, discount * density * (0.5 * root - per_vol))
        twice = distance * per_vol - 0.25 * deviation * root
        volga = np.where(gone, 0.0, weight * root * twice)
        vega = np.where(gone, 0.0, weight * root)
    return _Terms(
        years=years,
        discount=discount,
        value=discount
        * black_value(
            forward=forward,
            strike=strike,
            log=log,
            gap=of.gap,
            deviation=deviation,
            is_call=of.is_call,
        ),
        first=side * ndtr(side * upper),
        second=side * ndtr(side * (distance - 0.5 * deviation)),
        gamma=gamma,
        vega=vega,
        decay=decay,
        vanna=vanna,
        volga=volga,
    )


def _moved_by_price(*, value: Floats, delta: Floats, gamma: Floats) -> Greeks:
    """Of what only its own price moves."""
    flat = np.zeros_like(value)
    return Greeks(
        value=value,
        delta=delta,
        gamma=gamma,
        vega=flat,
        theta=flat,
        rho=flat,
        vanna=flat,
        volga=flat,
    )
