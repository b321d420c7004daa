"""Positions times the risk array: exact sums per account and bucket, one sparse product.

A bucket is an expiry's options, or the futures and perpetuals of one underlying, which nothing
discounts. Only buckets that an account holds have a row here. Rows go by account, then underlying,
then expiry, the linear bucket last; whatever is summed over them later is summed in that order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from margin.engine.risk_array import EXPOSURE
from margin.engine.shapes import Flags, Floats, Ints, Kind, Market

SUM_LIMIT = 2.0**53


class SumOverflow(ValueError):
    """An account so large that its sums would no longer be exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """How series fall into buckets and strikes; pure arithmetic on a market.

    of_series         (N,) bucket of each series
    underlying        (B,)
    expiry            (B,) row of Expiries, -1 for the linear bucket
    strike_of_series  (N,) number of its (expiry, strike); the last number for what has none
    strike_underlying (strikes,)
    """

    of_series: Ints
    underlying: Ints
    expiry: Ints
    strike_of_series: Ints
    strike_underlying: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Some accounts' sums; rows are buckets held (G), in the order the module promises.

    account, bucket (G,)
    values  (G, columns) money, columns as in the risk array; its exposure comes out net
    gross   (G,) exposure at spot of every position, none offsetting another, money
    naked   (A, U) exposure at spot of options short at their expiry and strike, money
    """

    account: Ints
    bucket: Ints
    values: Floats
    gross: Floats
    naked: Floats


def buckets(market: Market) -> Buckets:
    """Number the buckets by underlying, then expiry row, the linear bucket last."""
    count, expiry_of = len(market.underlyings.spot), market.expiries.underlying
    owner = np.concatenate([expiry_of, np.arange(count)])
    expiry = np.concatenate([np.arange(len(expiry_of)), np.full(count, -1)])
    order = np.lexsort((expiry, expiry < 0, owner))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))

    series = market.series
    is_option = series.kind == Kind.OPTION
    candidate = np.where(is_option, series.expiry, len(expiry_of) + series.underlying)
    # The underlying first, so that an account's strikes come group by group like its buckets.
    places = (series.underlying[is_option], series.expiry[is_option], series.strike[is_option])
    unique, number = np.unique(np.stack(places, axis=1), axis=0, return_inverse=True)
    strike_of_series = np.full(len(series.kind), len(unique))
    strike_of_series[is_option] = number.ravel()
    return Buckets(
        of_series=place[candidate],
        underlying=owner[order],
        expiry=expiry[order],
        strike_of_series=strike_of_series,
        strike_underlying=np.append(unique[:, 0].astype(np.int64), count - 1),
    )


def check_exact(positions: csr_array, values: Ints) -> None:
    """Refuse accounts whose sums could leave the integers that a double holds exactly.

    Raises SumOverflow naming the first such account by its row.
    """
    # Floats, because the very product that is tested could overflow int64; their rounding is far
    # smaller than the margin left by the last factor.
    largest = np.abs(values).max(axis=1, initial=0).astype(np.float64)
    reach = abs(positions.astype(np.float64)) @ largest
    over = reach >= SUM_LIMIT * (1.0 - 2.0**-20)
    if over.any():
        raise SumOverflow(
            f"account {int(over.argmax())}: lots times value reach 2^53 units; "
            "split it or use the reference path"
        )


def aggregate(
    positions: csr_array, values: Ints | Floats, *, unit: Floats, market: Market, into: Buckets
) -> Sums:
    """Sum positions over each bucket that they touch.

    positions  (A, N) whole lots, canonical CSR
    values     (N, columns) per lot, in units; integers give exact sums in any order
    unit       (U,) what one unit is worth; powers of two, so that nothing is rounded here either
    """
    assert positions.has_canonical_format
    held, account, bucket = grouped(positions, into.of_series, count=len(into.underlying))
    in_money = unit[into.underlying[bucket]]
    exposure = values[:, EXPOSURE]
    return Sums(
        account=account,
        bucket=bucket,
        values=(held @ values) * in_money[:, None],
        gross=(abs(held) @ exposure) * in_money,
        naked=_naked(positions, exposure, market=market, into=into) * unit,
    )


def total(
    rows: Floats, *, account: Ints, underlying: Ints, accounts: int, underlyings: int
) -> Floats:
    """Add rows of buckets up to (A, U, ...), in the order they come.

    The sparse product adds a row's entries one after the other, so an account's sum has the same
    bits alone or among others.
    """
    key = account * underlyings + underlying
    start = np.searchsorted(key, np.arange(accounts * underlyings + 1))
    every = np.arange(len(rows))
    adder = csr_array(
        (np.ones(len(rows), rows.dtype), every, start), shape=(accounts * underlyings, len(rows))
    )
    summed = np.asarray(adder @ rows)
    return np.reshape(summed, (accounts, underlyings, *rows.shape[1:]))


def grouped(
    positions: csr_array, group_of_series: Ints, *, count: int
) -> tuple[csr_array, Ints, Ints]:
    """Positions with one row per (account, group) held, and the account and group of each row."""
    accounts = np.repeat(np.arange(positions.shape[0]), np.diff(positions.indptr))
    key = accounts * count + group_of_series[positions.indices]
    order: NDArray[np.intp] | slice = slice(None)
    if (np.diff(key) < 0).any():
        order = np.argsort(key, kind="stable")
        key = key[order]
    start = np.flatnonzero(np.diff(key, prepend=-1))
    rows = csr_array(
        (positions.data[order], positions.indices[order], np.append(start, len(key))),
        shape=(len(start), positions.shape[1]),
    )
    return rows, key[start] // count, key[start] % count


def _naked(
    positions: csr_array, exposure: Ints | Floats, *, market: Market, into: Buckets
) -> Floats:
    """(A, U) units of options short, strike by strike.

    At one expiry and strike a long and a short leg of either type offset each other; two short legs
    are both naked.
    """
    series = market.series
    is_option: Flags = series.kind == Kind.OPTION
    calls = np.where(is_option & series.is_call, exposure, 0)
    puts = np.where(is_option & ~series.is_call, exposure, 0)
    held, account, strike = grouped(
        positions, into.strike_of_series, count=len(into.strike_underlying)
    )
    both = held @ np.stack([calls, puts], axis=1)
    call, put = both[:, 0], both[:, 1]
    opposite = ((call > 0) & (put < 0)) | ((call < 0) & (put > 0))
    short = np.where(
        opposite, np.maximum(-(call + put), 0), np.maximum(-call, 0) + np.maximum(-put, 0)
    )
    return total(
        short,
        account=account,
        underlying=into.strike_underlying[strike],
        accounts=positions.shape[0],
        underlyings=len(market.underlyings.spot),
    )
