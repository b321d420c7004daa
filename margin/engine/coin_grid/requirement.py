"""What each account must hold of one currency, in that coin; a requirement is positive.

Source: Deribit portfolio margin, its documentation and the response that it publishes. Two steps
are not published and follow an open reading that the response does not contradict: the dampener
of the tails and the shock of large deltas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from margin.engine.aggregate import check_exact
from margin.engine.coin_grid import vectors
from margin.engine.coin_grid.parameters import CoinGridParameters
from margin.engine.coin_grid.vectors import DELTA, Instruments
from margin.engine.risk_array import ArrayRefused, RiskArray
from margin.engine.scenarios import years_left
from margin.engine.shapes import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """positions (A, N) whole lots, canonical CSR; other (A,) coin that open orders and the like ask
    for on top of the initial level."""

    positions: csr_array
    other: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinRequirement:
    """All in coin; initial and maintenance are what must be held.

    initial, maintenance, risk (A,) risk is what both levels share
    outcomes     (A, S) each scenario as it competes: tails dampened, gains cut to their share
    binding      (A,) index of the worst, the first of equals
    worst        (A,) its loss, rounded as the method says; not negative
    roll, delta_shock  (A,)
    delta        (A,) of all contracts
    """

    initial: Floats
    maintenance: Floats
    risk: Floats
    outcomes: Floats
    binding: Ints
    worst: Floats
    roll: Floats
    delta_shock: Floats
    delta: Floats


def requirement(
    holdings: Holdings,
    instruments: Instruments,
    index: float,
    parameters: CoinGridParameters,
    array: RiskArray | None = None,
) -> CoinRequirement:
    """What each account must hold, from exact integer sums.

    Raises MarketRefused if a price is unusable, ArrayRefused if the array is of another method or
    market, and SumOverflow if an account is too large for exact sums.
    """
    if array is None:
        array = vectors.build(instruments, index, parameters)
    if array.columns != vectors.column_names(parameters):
        raise ArrayRefused("the risk array has the columns of another parameter set")
    if len(array.values) != len(instruments.size):
        raise ArrayRefused("the risk array has another number of contracts")
    check_exact(holdings.positions, array.values)
    unit = float(array.unit[0])
    return _some(holdings, instruments, index, parameters, array.values, unit=unit)


def reference_requirement(
    holdings: Holdings, instruments: Instruments, index: float, parameters: CoinGridParameters
) -> CoinRequirement:
    """The same in floating point throughout. Raises MarketRefused if a price is unusable."""
    values = vectors.price(instruments, index, parameters)
    return _some(holdings, instruments, index, parameters, values, unit=1.0)


def rounding_bound(
    holdings: Holdings,
    instruments: Instruments,
    index: float,
    parameters: CoinGridParameters,
    array: RiskArray,
) -> tuple[Floats, Floats]:
    """(A,) the most that rounding can move the initial and the maintenance level, coin.

    Half a unit a lot in the worst outcome and in the delta, what the roll and the liquidity shock
    make of the latter, and one last decimal where the worst outcome rounds the other way.
    """
    liquid = parameters.liquidity
    steepest = 2.0 * liquid.most + liquid.per_coin * liquid.threshold / index
    rates = _roll_rates(instruments, parameters)
    each = 1.0 + float(rates.max(initial=0.0)) + steepest
    lots: Floats = abs(holdings.positions.astype(np.float64)) @ np.ones(len(instruments.size))
    initial = 0.5 * float(array.unit[0]) * lots * each + 10.0**-parameters.decimals
    return initial, initial * parameters.maintenance_factor


def _some(
    holdings: Holdings,
    instruments: Instruments,
    index: float,
    parameters: CoinGridParameters,
    values: Ints | Floats,
    *,
    unit: float,
) -> CoinRequirement:
    positions = holdings.positions
    assert positions.has_canonical_format
    assert positions.shape == (len(holdings.other), len(instruments.size))
    sums = np.asarray(positions @ values) * unit
    outcomes, delta = sums[:, :DELTA], sums[:, DELTA]

    tails = len(parameters.tails)
    grid = outcomes.shape[1] - tails
    left = vectors.dampened(outcomes[:, grid:], index=index, parameters=parameters)
    competing = np.concatenate([outcomes[:, :grid], left], axis=1)
    competing = np.where(competing > 0.0, competing * parameters.gain_share, competing)
    binding = competing.argmin(axis=1)
    loss = -np.take_along_axis(competing, binding[:, None], axis=1)[:, 0]
    worst: Floats = np.round(np.maximum(loss, 0.0), parameters.decimals)

    rates = _roll_rates(instruments, parameters)
    roll = np.zeros(len(delta))
    each = np.abs(_by_expiry(positions, instruments, values[:, DELTA]) * unit)
    for expiry, rate in enumerate(rates):  # one after the other: a library picks its own order
        roll += each[:, expiry] * rate
    beyond = np.abs(delta) - parameters.liquidity.threshold / index
    share = np.clip(parameters.liquidity.per_coin * beyond, 0.0, parameters.liquidity.most)
    delta_shock: Floats = np.abs(delta) * share
    risk = worst + roll + delta_shock
    return CoinRequirement(
        initial=risk + holdings.other,
        maintenance=risk * parameters.maintenance_factor,
        risk=risk,
        outcomes=competing,
        binding=binding.astype(np.int64),
        worst=worst,
        roll=roll,
        delta_shock=delta_shock,
        delta=delta,
    )


def _roll_rates(instruments: Instruments, parameters: CoinGridParameters) -> Floats:
    """(X,) charge per coin of delta of each expiry; a perpetual never rolls, and is charged least."""
    count = int(instruments.expiry.max(initial=-1)) + 1
    years = np.zeros(count)
    years[instruments.expiry] = years_left(instruments.seconds)
    rates: Floats = np.maximum(parameters.roll.annual * years, parameters.roll.least)
    return rates


def _by_expiry(positions: csr_array, instruments: Instruments, delta: Ints | Floats) -> Floats:
    """(A, X) delta of each expiry, in units."""
    count = int(instruments.expiry.max(initial=-1)) + 1
    rows = np.arange(len(instruments.size))
    into = csr_array((delta, (rows, instruments.expiry)), shape=(len(rows), count))
    summed: Floats = (positions @ into).toarray().astype(np.float64)
    return summed
