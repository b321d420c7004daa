"""What one lot of every series asks for and pays, rounded once to integers.

Columns, in this order: `mark`, `short initial` and `short maintenance` (what one lot short asks
for, its mark included), `forward of calls`, `exposure` (size at spot), `notional` (size of futures
and perpetuals at their own price), and a ladder: what an option pays if its expiry settles at zero
(`rung 0`) and at each strike listed there, lowest first. Shorter ladders end in zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.engine import pricing, risk_array
from margin.engine.checks import check_market, check_values
from margin.engine.risk_array import ArrayRefused, RiskArray
from margin.engine.scenarios import years_left
from margin.engine.shapes import Flags, Floats, Ints, Kind, Market
from margin.engine.standard.parameters import ShortOption, StandardParameters

MARK, SHORT_INITIAL, SHORT_MAINTENANCE, FORWARD_OF_CALLS, EXPOSURE, NOTIONAL = range(6)
RUNGS = 6
_NAMES = (
    "mark",
    "short initial",
    "short maintenance",
    "forward of calls",
    "exposure",
    "notional",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Prices at which each expiry is settled in thought, and where each series stands on it.

    price      (E, R) zero, then the strikes listed, lowest first; short ladders repeat the last
    own        (N,)   rung of an option's own strike, at least 1; 0 for what has none
    """

    price: Floats
    own: Ints


def ladder(market: Market) -> Ladder:
    """Every expiry's listed strikes; R is one more than the most that any of them has."""
    series = market.series
    options = np.flatnonzero(series.kind == Kind.OPTION)
    pairs = np.stack([series.expiry[options].astype(float), series.strike[options]], axis=1)
    unique, place = np.unique(pairs, axis=0, return_inverse=True)
    expiry = unique[:, 0].astype(np.int64)
    rung = np.arange(len(unique)) - np.searchsorted(expiry, expiry) + 1
    count = int(rung.max(initial=0)) + 1
    price = np.zeros((len(market.expiries.seconds), count))
    price[expiry, rung] = unique[:, 1]
    own = np.zeros(len(series.kind), np.int64)
    own[options] = rung[place.ravel()]
    return Ladder(price=np.maximum.accumulate(price, axis=1), own=own)


def column_names(rungs: int) -> tuple[str, ...]:
    return (*_NAMES, *(f"rung {rung}" for rung in range(rungs)))


def price(market: Market, parameters: StandardParameters) -> Floats:
    """One lot of each series in each column, in money; (N, columns), not rounded.

    Raises MarketRefused if a price is missing, and ArrayRefused if a value is too large to exist;
    both name the row.
    """
    check_market(market)
    check_values(market)
    series, spot = market.series, market.underlyings.spot[market.series.underlying]
    rungs = ladder(market)
    values = np.zeros((len(series.kind), RUNGS + rungs.price.shape[1]))

    is_option, inverse = series.kind == Kind.OPTION, series.kind == Kind.INVERSE
    linear = series.kind == Kind.LINEAR
    units = np.where(inverse, series.size / np.where(inverse, series.mark, 1.0), series.size)
    values[:, EXPOSURE] = units * spot
    values[:, NOTIONAL] = np.where(is_option, 0.0, units * series.mark)
    values[linear, MARK] = series.size[linear] * series.mark[linear]
    coin = pricing.inverse_coin(size=series.size[inverse], price=series.mark[inverse])
    values[inverse, MARK] = coin * spot[inverse]
    _price_options(values, is_option, market=market, parameters=parameters, rungs=rungs)

    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        raise ArrayRefused(f"series {int(broken.argmax())} has no finite value in some column")
    return values


def build(market: Market, parameters: StandardParameters) -> RiskArray:
    """Price everything and round it once. Raises what `price` raises."""
    values = price(market, parameters)
    underlying = market.series.underlying
    unit = risk_array.units(values, underlying=underlying, count=len(market.underlyings.spot))
    whole: Ints = np.rint(values / unit[underlying, None]).astype(np.int64)
    return risk_array.seal(whole, unit=unit, columns=column_names(values.shape[1] - RUNGS))


def _price_options(
    values: Floats,
    is_option: Flags,
    *,
    market: Market,
    parameters: StandardParameters,
    rungs: Ladder,
) -> None:
    """Fill the rows of options."""
    series, expiries = market.series, market.expiries
    expiry, strike = series.expiry[is_option], series.strike[is_option]
    is_call, size = series.is_call[is_option], series.size[is_option]
    forward = expiries.forward[expiry]
    # The published rule values at the forward and does not discount.
    mark = pricing.black_76(
        forward=forward,
        strike=strike,
        vol=series.vol[is_option],
        years=years_left(expiries.seconds[expiry]),
        is_call=is_call,
    )
    spot = market.underlyings.spot[series.underlying[is_option]]
    initial, maintenance = short_option(
        mark=mark, spot=spot, strike=strike, is_call=is_call, terms=parameters.short_option
    )
    gap = rungs.price[expiry] - strike[:, None]
    pays = np.maximum(np.where(is_call[:, None], gap, -gap), 0.0)
    # Rungs past the end of a ladder are nobody's; nothing may come of them.
    beyond = np.arange(rungs.price.shape[1]) > _last_rung(rungs, expiry, series.expiry)[:, None]
    values[is_option, MARK] = mark * size
    values[is_option, SHORT_INITIAL] = initial * size
    values[is_option, SHORT_MAINTENANCE] = maintenance * size
    values[is_option, FORWARD_OF_CALLS] = np.where(is_call, forward * size, 0.0)
    values[is_option, RUNGS:] = np.where(beyond, 0.0, pays * size[:, None])


def _last_rung(rungs: Ladder, expiry: Ints, of_series: Ints) -> Ints:
    """Number of strikes listed at each of these expiries."""
    last = np.zeros(len(rungs.price), np.int64)
    listed = of_series >= 0
    np.maximum.at(last, of_series[listed], rungs.own[listed])
    found: Ints = last[expiry]
    return found


def short_option(
    *, mark: Floats, spot: Floats, strike: Floats, is_call: Flags, terms: ShortOption
) -> tuple[Floats, Floats]:
    """(N,) what one unit short asks for at the initial and the maintenance level, money, positive.

    Source: Derive Protocol v2-core, standard manager; Deribit's standard margin is the same form.
    """
    share = np.where(is_call, terms.call_maintenance, terms.put_maintenance) * spot
    of_mark = np.where(is_call, 0.0, terms.put_maintenance_of_mark) * mark
    maintenance: Floats = np.maximum(share, of_mark) + mark

    out_of_the_money = np.maximum(np.where(is_call, strike - spot, spot - strike), 0.0) / spot
    fallen = np.maximum(terms.initial_at_the_money - out_of_the_money, terms.initial_least)
    least = np.where(is_call, 0.0, terms.put_initial_of_maintenance) * maintenance
    initial: Floats = np.maximum(fallen * spot + mark, least)
    return initial, maintenance
