"""Every series priced once in every scenario, per lot, and rounded once to integers.

Columns, in this order: `base`, each scenario by its name, `basis up`, `basis down`, `exposure`.
The last is the lot's size at spot, in money, never negative: static charges are sums of it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from margin.engine import pricing, scenarios
from margin.engine.checks import check_market, check_values
from margin.engine.parameters import RESERVED_COLUMNS, Parameters, Vol
from margin.engine.shapes import Floats, Ints, Kind, Market

BASE = 0
BASIS_UP, BASIS_DOWN, EXPOSURE = -3, -2, -1

SMALLEST_UNIT = 2.0**-20
VALUE_BITS = 30  # the largest value of an underlying takes this many; 31 is the limit
VALUE_LIMIT = 2**31
_ROWS_AT_ONCE = 512  # temporaries of this many series x 34 columns stay in a second-level cache


class ArrayRefused(ValueError):
    """Values that cannot become, or are not, the risk array of this market and method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskArray:
    """What one lot of each series is worth in each column, in units of its underlying.

    values   (N, columns) int64; times the unit: money per lot, signed
    unit     (U,) powers of two, money
    columns  their names
    digest   SHA-256 of `canonical_bytes`, in hexadecimal
    """

    values: Ints
    unit: Floats
    columns: tuple[str, ...]
    digest: str


def column_names(parameters: Parameters) -> tuple[str, ...]:
    base, up, down, exposure = RESERVED_COLUMNS
    return (base, *(each.name for each in parameters.scenarios), up, down, exposure)


def price(market: Market, parameters: Parameters) -> Floats:
    """Value of one lot of each series in each column, in money; (N, columns), not rounded.

    Raises MarketRefused if a price is missing or cannot be shocked, and ArrayRefused if a value is
    too large to exist; both name the row.
    """
    check_market(market)
    check_values(market)
    series, spot = market.series, market.underlyings.spot
    moves = _column_moves(parameters)
    values = np.empty((len(series.kind), len(moves) + 1))
    for first in range(0, len(values), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        values[rows, :EXPOSURE] = _block(market, parameters, rows, moves)
    held = np.where(series.kind == Kind.INVERSE, series.mark, 1.0)
    values[:, EXPOSURE] = series.size / held * spot[series.underlying]
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        raise ArrayRefused(f"series {int(broken.argmax())} has no finite value in some scenario")
    return values


def build(market: Market, parameters: Parameters) -> RiskArray:
    """Price everything and round it once. Raises what `price` raises."""
    values = price(market, parameters)
    underlying = market.series.underlying
    unit = units(values, underlying=underlying, count=len(market.underlyings.spot))
    whole: Ints = np.rint(values / unit[underlying, None]).astype(np.int64)
    return seal(whole, unit=unit, columns=column_names(parameters))


def units(values: Floats, *, underlying: Ints, count: int) -> Floats:
    """(U,) the smallest power of two at which the largest value still fits, but not below 2^-20."""
    largest = np.zeros(count)
    np.maximum.at(largest, underlying, np.abs(values).max(axis=1, initial=0.0))
    # frexp is exact where log2 may round across a power of two: largest = mantissa * 2^exponent.
    mantissa, exponent = np.frexp(largest)
    ceiling = np.where(mantissa == 0.5, exponent - 1, exponent)
    unit: Floats = np.where(
        largest > 0.0, np.maximum(SMALLEST_UNIT, np.ldexp(1.0, ceiling - VALUE_BITS)), SMALLEST_UNIT
    )
    return unit


def seal(values: Ints, *, unit: Floats, columns: tuple[str, ...]) -> RiskArray:
    """A risk array from its parts. Raises ArrayRefused if they cannot be one.

    Read-only from here on: a changed value would no longer be what the digest says.
    """
    values, unit = np.array(values, np.int64, order="C"), np.array(unit, np.float64)
    if values.ndim != 2 or values.shape[1] != len(columns):
        raise ArrayRefused(f"{len(columns)} columns named, values are {values.shape}")
    if values.size and max(int(values.max()), -int(values.min())) >= VALUE_LIMIT:
        raise ArrayRefused("a value needs more than 31 bits of its unit")
    if not (np.isfinite(unit) & (unit > 0.0) & (np.frexp(unit)[0] == 0.5)).all():
        raise ArrayRefused("a unit is not a power of two")
    values.flags.writeable = unit.flags.writeable = False
    digest = hashlib.sha256(canonical_bytes(values, unit=unit, columns=columns)).hexdigest()
    return RiskArray(values=values, unit=unit, columns=columns, digest=digest)


def canonical_bytes(values: Ints, *, unit: Floats, columns: tuple[str, ...]) -> bytes:
    """The array as anyone can write it: lengths, names as JSON, units, values row by row.

    Lengths (rows, columns, underlyings, bytes of names) and values are little-endian int64, units
    are little-endian IEEE doubles.
    """
    names = json.dumps(columns, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    lengths = np.array([*values.shape, len(unit), len(names)], "<i8")
    return b"".join(
        (
            b"surety.risk-array.v1\n",
            lengths.tobytes(),
            names,
            unit.astype("<f8").tobytes(),
            values.astype("<i8").tobytes(),
        )
    )


def _column_moves(parameters: Parameters) -> list[tuple[float, Vol]]:
    """Spot multiplier and vol direction of every column that is a price."""
    return [
        (1.0, Vol.NONE),
        *((each.spot, each.vol) for each in parameters.scenarios),
        (parameters.basis.up, Vol.NONE),
        (parameters.basis.down, Vol.NONE),
    ]


def _block(
    market: Market, parameters: Parameters, rows: slice, moves: list[tuple[float, Vol]]
) -> Floats:
    """Values of some series in every price column."""
    series = market.series
    kind, spot = series.kind[rows], market.underlyings.spot[series.underlying[rows]]
    size, mark = series.size[rows], series.mark[rows]
    multiplier = np.array([move for move, _ in moves])
    values = np.zeros((len(kind), len(moves)))

    linear = kind == Kind.LINEAR
    values[linear] = (size[linear] * mark[linear])[:, None] * multiplier
    inverse = kind == Kind.INVERSE
    # Worth -size/(mark*k) coin of spot*k money each: what it owes in money never moves.
    coin = pricing.inverse_coin(size=size[inverse], price=mark[inverse])
    values[inverse] = (coin * spot[inverse])[:, None]
    options = np.flatnonzero(kind == Kind.OPTION) + rows.start
    values[kind == Kind.OPTION] = _options(market, parameters, options, moves)
    return values


def _options(
    market: Market, parameters: Parameters, chosen: Ints, moves: list[tuple[float, Vol]]
) -> Floats:
    """Values of the option series in rows `chosen`, in every price column."""
    series, expiries = market.series, market.expiries
    expiry, strike = series.expiry[chosen], series.strike[chosen]
    forward, seconds = expiries.forward[expiry], expiries.seconds[expiry]
    vols = {
        direction: scenarios.shocked_vol(
            direction,
            vol=series.vol[chosen],
            strike=strike,
            forward=forward,
            seconds=seconds,
            parameters=parameters,
        )
        for direction in {move for _, move in moves}
    }
    fixed, variable = pricing.averaged_forward(
        forward=forward, seconds=seconds, window_seconds=parameters.settlement_window_seconds
    )
    shocked = fixed[:, None] + variable[:, None] * np.array([move for move, _ in moves])
    worth = pricing.black_76(
        forward=shocked,
        strike=strike[:, None],
        vol=np.stack([vols[direction] for _, direction in moves], axis=1),
        years=scenarios.years_left(seconds)[:, None],
        is_call=series.is_call[chosen][:, None],
        discount=scenarios.discount_to_expiry(seconds, expiries.rate[expiry])[:, None],
    )
    values: Floats = worth * series.size[chosen][:, None]
    return values
