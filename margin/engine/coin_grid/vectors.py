"""What one lot of every contract gains or loses in each scenario, in coin.

Columns: the grid from its lowest price to its highest, at each price vol down, unchanged and up;
then the tails with vol up, normalised; then the lot's delta. Everything is per lot and in coin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.engine import pricing, scenarios
from margin.engine.checks import MarketRefused
from margin.engine.coin_grid.parameters import CoinGridParameters
from margin.engine.risk_array import VALUE_BITS, ArrayRefused, RiskArray, seal
from margin.engine.shapes import Flags, Floats, Ints

DELTA = -1
VOLS = 3  # down, unchanged, up


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """Contracts of one currency, paid in it; every array is (N,).

    expiry     a number that contracts of one expiry share; perpetuals have one of their own
    seconds    to expiry; 0 for a perpetual
    is_option, is_call
    strike, vol, forward  options: money, fraction a year, money; 0 for the rest
    size       coin per lot at the index
    """

    expiry: Ints
    seconds: Floats
    is_option: Flags
    is_call: Flags
    strike: Floats
    vol: Floats
    forward: Floats
    size: Floats


def grid_moves(parameters: CoinGridParameters) -> Floats:
    """(2 * buckets + 1,) shares of the index, lowest first."""
    steps = np.arange(-parameters.buckets, parameters.buckets + 1)
    moves: Floats = parameters.price_range * steps / parameters.buckets
    return moves


def tail_moves(parameters: CoinGridParameters) -> Floats:
    return np.array(parameters.tails, dtype=np.float64)


def column_names(parameters: CoinGridParameters) -> tuple[str, ...]:
    grid = [
        f"{move:+.12g}/{vol}" for move in grid_moves(parameters) for vol in ("down", "none", "up")
    ]
    return (*grid, *(f"tail {move:+.12g}/up" for move in parameters.tails), "delta")


def normaliser(parameters: CoinGridParameters) -> Floats:
    """(T,) brings a tail's outcome back to the edge of the grid.

    A contract that is worth its price in money, paid in coin, comes out with its loss at the edge.
    Source: Deribit portfolio margin; confirmed on the vectors of its published response.
    """
    moves, edge = tail_moves(parameters), parameters.price_range
    sign = np.where(moves > 0.0, 1.0, -1.0)
    factor: Floats = (edge / np.abs(moves)) * (1.0 + moves) / (1.0 + sign * edge)
    return factor


def dampened(tails: Floats, *, index: float, parameters: CoinGridParameters) -> Floats:
    """Outcomes of the tails, moved towards nothing by what the dampener takes off.

    tails  (..., T) normalised, coin
    """
    moves, edge = tail_moves(parameters), parameters.price_range
    sign = np.where(moves > 0.0, 1.0, -1.0)
    further = np.maximum(np.abs(moves) / edge, 1.0) - 1.0
    taken = further * parameters.dampener / ((1.0 + sign * edge) * index)
    left: Floats = np.sign(tails) * np.maximum(np.abs(tails) - taken, 0.0)
    return left


def price(instruments: Instruments, index: float, parameters: CoinGridParameters) -> Floats:
    """(N, columns) per lot, in coin, not rounded. Raises MarketRefused naming what cannot be."""
    _check(instruments, index)
    grid, tails = grid_moves(parameters), tail_moves(parameters)
    moves = np.concatenate([np.repeat(grid, VOLS), tails])
    values = np.empty((len(instruments.size), len(moves) + 1))
    # One coin's worth of money at the index buys 1 / (1 + move) coin afterwards.
    values[:, :DELTA] = instruments.size[:, None] * (1.0 - 1.0 / (1.0 + moves))
    values[:, DELTA] = instruments.size
    if instruments.is_option.any():
        values[instruments.is_option] = _options(instruments, index, parameters, moves)
    values[:, len(moves) - len(tails) : DELTA] *= normaliser(parameters)
    if not np.isfinite(values).all():
        raise ArrayRefused("a contract has no finite value in some scenario")
    return values


def build(instruments: Instruments, index: float, parameters: CoinGridParameters) -> RiskArray:
    """Price everything and round it once, the largest value to 30 bits of its unit."""
    values = price(instruments, index, parameters)
    largest = float(np.abs(values).max(initial=0.0))
    unit = float(np.ldexp(1.0, int(np.ceil(np.log2(largest))) - VALUE_BITS)) if largest else 1.0
    whole: Ints = np.rint(values / unit).astype(np.int64)
    return seal(whole, unit=np.array([unit]), columns=column_names(parameters))


def _options(
    instruments: Instruments, index: float, parameters: CoinGridParameters, moves: Floats
) -> Floats:
    """(options, columns) per lot, in coin, not yet normalised.

    An option is worth its money value over the index. Its delta is in coin, and what it is worth
    in coin is taken off, because that much is held in coin already.
    """
    chosen = instruments.is_option
    strike, vol = instruments.strike[chosen], instruments.vol[chosen]
    forward, seconds = instruments.forward[chosen], instruments.seconds[chosen]
    years, is_call = scenarios.years_left(seconds), instruments.is_call[chosen]
    shock = parameters.vol_shock
    down = vol * scenarios.vol_down_multiplier(seconds, shock)
    up = np.maximum(shock.minimum_up, vol * scenarios.vol_up_multiplier(seconds, shock))
    count = (len(moves) - len(parameters.tails)) // VOLS
    shocked = np.concatenate(
        [
            np.tile(np.stack([down, vol, up], axis=1), (1, count)),
            np.repeat(up[:, None], len(parameters.tails), axis=1),
        ],
        axis=1,
    )
    after = pricing.black_76(
        forward=forward[:, None] * (1.0 + moves),
        strike=strike[:, None],
        vol=shocked,
        years=years[:, None],
        is_call=is_call[:, None],
    )
    mark = (
        pricing.black_76(forward=forward, strike=strike, vol=vol, years=years, is_call=is_call)
        / index
    )
    slope = pricing.delta(forward=forward, strike=strike, vol=vol, years=years, is_call=is_call)
    size = instruments.size[chosen, None]
    gains = after / (index * (1.0 + moves)) - mark[:, None]
    values: Floats = np.concatenate([gains, (slope - mark)[:, None]], axis=1) * size
    return values


def _check(instruments: Instruments, index: float) -> None:
    option = instruments.is_option
    if not (np.isfinite(index) and index > 0.0):
        raise MarketRefused("index is not positive")
    for name, unusable in {
        "size": ~(instruments.size > 0.0) | ~np.isfinite(instruments.size),
        "seconds": ~np.isfinite(instruments.seconds),
        "strike": option & ~(instruments.strike > 0.0),
        "forward": option & ~(instruments.forward > 0.0),
        "vol": option & ~(instruments.vol >= 0.0),
    }.items():
        if unusable.any():
            raise MarketRefused(f"instruments.{name}[{int(unusable.argmax())}] is unusable")
