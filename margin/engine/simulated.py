"""Whole books by historical simulation: every series re-priced in every scenario, options in full.

Gains are rounded once and hashed; positions times them are exact integer sums, so accounts may come
in any chunks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from margin.engine import exact, historical, revaluation
from margin.engine.exact import Exact
from margin.engine.historical import Scenarios
from margin.engine.revaluation import Drivers, Revaluation
from margin.engine.shapes import Floats, Ints
from margin.engine.simulation import Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """What each account must hold; amounts are of A accounts, in units.

    required   after every guard, never negative
    quantile   of the current scenarios, before any guard; so is the shortfall
    shortfall
    binding    (A,) row of the scenario that an account lost most in, the oldest of equals
    unit       what one unit is worth, money
    digest     SHA-256 of the rounded gains in the current scenarios, in hexadecimal
    """

    required: Exact
    quantile: Exact
    shortfall: Exact
    binding: Ints
    unit: float
    digest: str


def margin(
    positions: csr_array,
    held: Revaluation,
    daily: Floats,
    method: Simulation,
    *,
    drivers: Drivers,
    before: Exact | None = None,
    accounts_at_once: int = 1024,
) -> Margin:
    """Margin of every account on the returns so far, (T, F), oldest first, in the method's own kind.

    positions         (A, N) whole lots, canonical CSR
    before            (A,) what was required last, for a method with a buffer; else the buffer is whole
    accounts_at_once  bounds memory; any number gives the same bits

    Raises HistoryRefused where the history is too short or cannot be scaled, ArrayRefused where it
    moves prices further than was prepared for, SumOverflow for an account too large.
    """
    assert accounts_at_once > 0
    scaled = revaluation.scaled_positions(positions, held)
    now = _Moved.of(historical.current(daily, method), held, drivers)
    floor = stressed = None
    if method.floor_window:
        floor = _Moved.of(_past(daily, method, window=method.floor_window), held, drivers)
    if method.stress:
        stressed = _Moved.of(_past(daily, method, window=len(daily)), held, drivers)
    parts = []
    for first in range(0, max(scaled.shape[0], 1), accounts_at_once):
        some = slice(first, min(first + accounts_at_once, scaled.shape[0]))
        last = None if before is None else exact.part(before, some)
        parts.append(_some(scaled[some], method, now, stressed, floor, before=last))
    return Margin(
        required=exact.joined([it[0] for it in parts]),
        quantile=exact.joined([it[1] for it in parts]),
        shortfall=exact.joined([it[2] for it in parts]),
        binding=np.concatenate([it[3] for it in parts]),
        unit=held.smallest_unit,
        digest=now.digest(held),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """Scenarios, and what a lot of each series gains in them, (N, S) units of its underlying."""

    scenarios: Scenarios
    gains: Ints

    @classmethod
    def of(cls, scenarios: Scenarios, held: Revaluation, drivers: Drivers) -> _Moved:
        spot, vol = drivers.of(scenarios.factors.T)
        return cls(scenarios=scenarios, gains=revaluation.gains(held, spot=spot, vol=vol))

    def digest(self, held: Revaluation) -> str:
        """Over lengths (series, scenarios, underlyings) as little-endian int64, units as IEEE doubles,
        gains series by series as little-endian int64."""
        lengths = np.array([*self.gains.shape, len(held.unit)], "<i8")
        seal = hashlib.sha256(b"surety.simulation.v1\n" + lengths.tobytes())
        seal.update(held.unit.astype("<f8").tobytes())
        seal.update(self.gains.astype("<i8", copy=False).tobytes())
        return seal.hexdigest()


def _past(daily: Floats, method: Simulation, *, window: int) -> Scenarios:
    """The past as it was, each scenario weighing the same: what guards look at."""
    found = historical.long_run(daily, method, window=window)
    return Scenarios(factors=found.factors, weight=None, sample=found.sample)


def _some(
    positions: csr_array,
    method: Simulation,
    now: _Moved,
    stressed: _Moved | None,
    floor: _Moved | None,
    *,
    before: Exact | None,
) -> tuple[Exact, Exact, Exact, Ints]:
    """Required, quantile, shortfall and binding scenario of a few accounts."""
    measure = method.measure
    pnl = positions @ now.gains
    quantile, shortfall = (
        historical.measured(pnl, now.scenarios, measure, of=of) for of in ("quantile", "shortfall")
    )
    required = historical.requirement(
        {"quantile": quantile, "shortfall": shortfall}[measure.margin],
        method,
        stressed=historical.worst_stretch(positions @ stressed.gains, stressed.scenarios, method)
        if stressed
        else None,
        long_run=historical.measured(
            positions @ floor.gains, floor.scenarios, measure, of=measure.margin
        )
        if floor
        else None,
        held=before,
    )
    binding: Ints = pnl.argmin(axis=1).astype(np.int64)
    return required, quantile, shortfall, binding
