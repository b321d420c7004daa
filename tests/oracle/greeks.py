"""Option values and derivatives in sixty digits, from the textbook formulas, and by differences.

The formulas and the differences are two answers to one question; a test holds them to each other,
so that either may judge the engine. Shares nothing with it.
"""

from __future__ import annotations

from typing import Any

from mpmath.ctx_mp import MPContext

MP = MPContext()
MP.dps = 60

Number = Any
NAMES = ("value", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga")


def value(f: Number, k: Number, vol: Number, t: Number, r: Number, *, call: bool) -> Number:
    """Black-76; everything positive."""
    s = vol * MP.sqrt(t)
    d1 = MP.log(f / k) / s + s / 2
    d2 = d1 - s
    discount = MP.exp(-r * t)
    if call:
        return discount * (f * MP.ncdf(d1) - k * MP.ncdf(d2))
    return discount * (k * MP.ncdf(-d2) - f * MP.ncdf(-d1))


def spot_value(
    s: Number, k: Number, vol: Number, t: Number, r: Number, q: Number, *, call: bool
) -> Number:
    return value(s * MP.exp((r - q) * t), k, vol, t, r, call=call)


def by_forward(
    f: float, k: float, vol: float, t: float, r: float, *, call: bool
) -> tuple[dict[str, Number], dict[str, Number]]:
    """Each of NAMES, and the size of the terms that it is the sum of."""
    f, k, vol, t, r = (MP.mpf(each) for each in (f, k, vol, t, r))
    root = MP.sqrt(t)
    s = vol * root
    d1 = MP.log(f / k) / s + s / 2
    d2 = d1 - s
    discount, density = MP.exp(-r * t), MP.npdf(d1)
    worth = value(f, k, vol, t, r, call=call)
    sign = 1 if call else -1
    decay = -discount * f * density * vol / (2 * root)
    exact = {
        "value": worth,
        "delta": sign * discount * MP.ncdf(sign * d1),
        "gamma": discount * density / (f * s),
        "vega": discount * f * density * root,
        "theta": decay + r * worth,
        "rho": -t * worth,
        "vanna": -discount * density * d2 / vol,
        "volga": discount * f * density * root * d1 * d2 / vol,
    }
    distance = abs(MP.log(f / k)) / s
    sizes = {name: abs(each) for name, each in exact.items()}
    sizes["value"] = discount * (f * MP.ncdf(sign * d1) + k * MP.ncdf(sign * d2))
    sizes["theta"] = abs(decay) + abs(r) * sizes["value"]
    sizes["rho"] = t * sizes["value"]
    sizes["vanna"] = discount * density * (distance + s) / vol
    sizes["volga"] = discount * f * density * root * (distance**2 + s**2) / vol
    return exact, sizes


def by_spot(
    spot: float, k: float, vol: float, t: float, r: float, q: float, *, call: bool
) -> tuple[dict[str, Number], dict[str, Number]]:
    """The same by a spot with a yield, from the textbook's own formulas."""
    spot, k, vol, t, r, q = (MP.mpf(each) for each in (spot, k, vol, t, r, q))
    root = MP.sqrt(t)
    s = vol * root
    d1 = (MP.log(spot / k) + (r - q) * t) / s + s / 2
    d2 = d1 - s
    sign = 1 if call else -1
    density, fade, discount = MP.npdf(d1), MP.exp(-q * t), MP.exp(-r * t)
    asset = sign * spot * fade * MP.ncdf(sign * d1)
    cash = sign * k * discount * MP.ncdf(sign * d2)
    decay = -spot * fade * density * vol / (2 * root)
    exact = {
        "value": asset - cash,
        "delta": sign * fade * MP.ncdf(sign * d1),
        "gamma": fade * density / (spot * s),
        "vega": spot * fade * density * root,
        "theta": decay - r * cash + q * asset,
        "rho": t * cash,
        "vanna": -fade * density * d2 / vol,
        "volga": spot * fade * density * root * d1 * d2 / vol,
    }
    # The distance is rounded before it is divided: its terms are what the digits are lost from.
    distance = (abs(MP.log(spot / k)) + abs(r - q) * t) / s
    sizes = {name: abs(each) for name, each in exact.items()}
    sizes["value"] = abs(asset) + abs(cash)
    sizes["theta"] = abs(decay) + abs(r * cash) + abs(q * asset)
    sizes["vanna"] = fade * density * (distance + s) / vol
    sizes["volga"] = spot * fade * density * root * (distance**2 + s**2) / vol
    return exact, sizes


def by_differences(of: Any, point: dict[str, Number], *, by: str, vol: str, time: str, rate: str):
    """The same of any function of named numbers, by central differences in sixty digits."""

    def at(**moved: Number) -> Number:
        return of(**(point | moved))

    def slope(name: str, function: Any) -> Number:
        step = MP.mpf(10) ** -15 * max(abs(point[name]), MP.mpf(10) ** -6)
        up, down = point[name] + step, point[name] - step
        return (function(**{name: up}) - function(**{name: down})) / (2 * step)

    def twice(one: str, other: str) -> Number:
        def inner(**moved: Number) -> Number:
            step = MP.mpf(10) ** -15 * max(abs(point[other]), MP.mpf(10) ** -6)
            centre = (point | moved)[other]
            return (
                at(**(moved | {other: centre + step})) - at(**(moved | {other: centre - step}))
            ) / (2 * step)

        return slope(one, inner)

    return {
        "value": at(),
        "delta": slope(by, at),
        "gamma": twice(by, by),
        "vega": slope(vol, at),
        "theta": -slope(time, at),
        "rho": slope(rate, at),
        "vanna": twice(vol, by),
        "volga": twice(vol, vol),
    }
