"""Greeks of every series of a market, per lot and in money, ready to be added up by positions.

An option moves with the forward of its expiry, a future or perpetual with its own price. They tell
how values move here and now; margin is computed from whole repricings, never from them.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from scipy.sparse import csr_array

from margin.engine.greeks import Greeks, averaged_greeks, linear_greeks
from margin.engine.shapes import Floats, Ints, Kind, Market


def series_greeks(market: Market, *, window_seconds: float) -> Greeks:
    """Of one lot of each series, money; every array is (N,).

    Options are discounted at their rate where it is positive, as their values are. An inverse lot is
    worth -size / mark coin at its own mark: in money that never moves. What moves is the coin that
    was paid for it, and that belongs to the account: minus its coin cost per unit of spot.
    """
    series, expiries = market.series, market.expiries
    found = {each.name: np.zeros(len(series.kind)) for each in fields(Greeks)}
    option = np.flatnonzero(series.kind == Kind.OPTION)
    expiry, size = series.expiry[option], series.size[option]
    rate = expiries.rate[expiry]
    live = averaged_greeks(
        forward=expiries.forward[expiry],
        strike=series.strike[option],
        vol=series.vol[option],
        seconds=expiries.seconds[expiry],
        is_call=series.is_call[option],
        window_seconds=window_seconds,
        rate=np.maximum(rate, 0.0),
    ).times(size)
    linear = np.flatnonzero(series.kind == Kind.LINEAR)
    straight = linear_greeks(size=series.size[linear], price=series.mark[linear])
    inverse = np.flatnonzero(series.kind == Kind.INVERSE)
    owed = -series.size[inverse] / series.mark[inverse]
    for name, column in found.items():
        column[option] = getattr(live, name)
        column[linear] = getattr(straight, name)
    found["value"][inverse] = owed * market.underlyings.spot[series.underlying[inverse]]
    found["rho"][option] = np.where(rate < 0.0, 0.0, found["rho"][option])
    return Greeks(**found)


def held_greeks(positions: csr_array, each: Greeks, *, group: Ints, groups: int) -> Greeks:
    """Of each account and group of series, for example the expiries; every array is (A, groups).

    positions  (A, N) signed lots
    each       (N,) of one lot
    group      (N,) where a series is added up
    """
    rows = np.arange(len(group) + 1)

    def added(amounts: Floats) -> Floats:
        adder = csr_array((amounts, group, rows), shape=(len(group), groups))
        summed: Floats = (positions @ adder).toarray()
        return summed

    return Greeks(**{name.name: added(getattr(each, name.name)) for name in fields(Greeks)})
