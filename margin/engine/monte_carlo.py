"""Monte Carlo margin: drawn moves, re-priced in full, in blocks that know nothing of each other.

A block is drawn from its number and the seed alone. So it does not matter who draws it, when, or
how many draw at once: the rounded gains are the same bytes, and so is their hash. Everything after
them is exact.

Axes: F factors, U underlyings, N series, A accounts, S scenarios of one block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import log

import numpy as np
from scipy.sparse import csr_array

from margin.engine import copulas, histories, marginals, quantiles, revaluation
from margin.engine.copulas import Copula
from margin.engine.exact import Exact
from margin.engine.histories import HistoryRefused
from margin.engine.marginals import Marginal
from margin.engine.revaluation import Drivers, Revaluation
from margin.engine.running_tails import RunningTail
from margin.engine.shapes import Floats, Ints
from margin.engine.simulation import MonteCarlo


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What moves are drawn from.

    sigma  (F,) volatility of tomorrow, of one day
    """

    marginals: tuple[Marginal, ...]
    copula: Copula
    sigma: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """
    margin  (A,) losses in units, before anything is done to a gain
    unit    what one unit is worth, money
    digest  SHA-256 of the rounded gains of every series in every scenario, in hexadecimal
    """

    margin: Exact
    unit: float
    digest: str


def fit(daily: Floats, method: MonteCarlo) -> Model:
    """A model of logarithmic returns (T, F), oldest first.

    Volatility is taken out of each return by what was known before it; marginals and dependence are
    those of what is left. Raises HistoryRefused where there is too little of it.
    """
    seed = method.filter.seed_days
    if len(daily) < seed + method.window:
        raise HistoryRefused(f"{len(daily)} days are too few: {seed + method.window} are wanted")
    known = histories.ewma_variance(
        daily[seed:], decay=method.filter.decay, seed=(daily[:seed] ** 2).mean(axis=0)
    )
    if (known <= 0.0).any():
        raise HistoryRefused(f"factor {int((known <= 0.0).any(axis=0).argmax())} never moved")
    z = (daily[seed:] / np.sqrt(known[:-1]))[-method.window :]
    return Model(
        marginals=tuple(marginals.fit(column, share=method.tail_share) for column in z.T),
        copula=copulas.fit(z, freedoms=method.freedoms),
        sigma=np.sqrt(known[-1]),
    )


def moves(model: Model, method: MonteCarlo, *, block: int) -> Floats:
    """(F, S) what a block's scenarios multiply each factor by.

    Days are drawn one after the other at tomorrow's volatility and added up; what is beyond
    `largest_factor` is that, because a heavy tail of logarithms has no mean as a price.
    """
    assert 0 <= block < method.scenarios // method.block
    # The block is the highest word of a counter of 256 bits: no two blocks' bits can meet.
    bits = np.random.Philox(key=method.seed, counter=block << 192)
    total = np.zeros((len(model.sigma), method.block))
    for _ in range(method.days):
        smaller, upper = copulas.draw(model.copula, bits, count=method.block)
        for row, marginal in enumerate(model.marginals):
            total[row] += model.sigma[row] * marginal.quantile(smaller[row], upper=upper[row])
    limit = log(method.largest_factor)
    found: Floats = np.exp(np.clip(total, -limit, limit))
    return found


def simulate(
    positions: csr_array,
    held: Revaluation,
    model: Model,
    method: MonteCarlo,
    *,
    drivers: Drivers,
    workers: int = 1,
    accounts_at_once: int = 4096,
) -> Simulated:
    """Each account's measure over all scenarios, and the hash of the gains it rests on.

    positions         (A, N) whole lots, canonical CSR
    workers           threads that draw and re-price blocks; any number gives the same bits
    accounts_at_once  bounds memory, as blocks do; any number gives the same bits

    At any time there are `workers` blocks of gains, some accounts' outcomes in one, and the kept
    tails: never all scenarios. Raises SumOverflow for an account too large for exact sums.
    """
    assert workers > 0
    assert accounts_at_once > 0
    scaled = revaluation.scaled_positions(positions, held)
    convention = {"quantile": method.measure.quantile, "shortfall": method.measure.shortfall}[
        method.measure.margin
    ]
    accounts = positions.shape[0]
    tail = RunningTail(
        accounts=accounts,
        scenarios=method.scenarios,
        ranks=quantiles.ranks(convention, method.scenarios, method.measure.level),
    )
    parts = [
        slice(first, min(first + accounts_at_once, accounts))
        for first in range(0, accounts, accounts_at_once)
    ]
    rows = [scaled[part] for part in parts]
    seal = hashlib.sha256(_header(held, method))
    for gained, digest in _blocks(held, model, method, drivers=drivers, workers=workers):
        seal.update(digest)
        for part, some in zip(parts, rows, strict=True):
            tail.add(some @ gained, accounts=part)
    return Simulated(margin=tail.measured(), unit=held.smallest_unit, digest=seal.hexdigest())


def block_gains(
    held: Revaluation, model: Model, method: MonteCarlo, *, drivers: Drivers, block: int
) -> Ints:
    """(N, S) units that a lot of each series gains in the scenarios of a block."""
    spot, vol = drivers.of(moves(model, method, block=block))
    return revaluation.gains(held, spot=spot, vol=vol)


def _blocks(
    held: Revaluation, model: Model, method: MonteCarlo, *, drivers: Drivers, workers: int
) -> Iterator[tuple[Ints, bytes]]:
    """Every block in its order, never more than `workers` of them at once."""

    def made(block: int) -> tuple[Ints, bytes]:
        gained = block_gains(held, model, method, drivers=drivers, block=block)
        return gained, hashlib.sha256(gained.astype("<i8", copy=False).tobytes()).digest()

    count = method.scenarios // method.block
    if workers == 1:
        yield from map(made, range(count))
        return
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, count, workers):
            yield from pool.map(made, range(first, min(first + workers, count)))


def _header(held: Revaluation, method: MonteCarlo) -> bytes:
    """What the digests of blocks, in their order, are prefixed with to be hashed as one.

    Lengths (series, scenarios, scenarios of a block, underlyings) are little-endian int64, units
    little-endian IEEE doubles. A block's digest is of its gains, series by series, as little-endian
    int64.
    """
    lengths = np.array([len(held.base), method.scenarios, method.block, len(held.unit)], "<i8")
    return b"surety.monte-carlo.v1\n" + lengths.tobytes() + held.unit.astype("<f8").tobytes()
