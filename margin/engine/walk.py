"""A simulation walked through its own history: what was required each day, and what came of it.

A day's requirement sees the days before it and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.engine import exact, historical, histories
from margin.engine.exact import Exact
from margin.engine.historical import Scenarios
from margin.engine.shapes import Floats, Ints
from margin.engine.simulation import Simulation

UNIT = 2.0**-20


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Rows are tests, one after the other, sharing no day; columns are books. Money in units.

    day        (D,) row of the history at which the margin period begins
    scenarios  (D,) how many the requirement rests on
    required   (D, A) after every guard, rounded up
    quantile   (D, A) before any guard, rounded up, like the shortfall
    shortfall  (D, A)
    loss       (D, A) over the margin period, negative for a gain
    """

    day: Ints
    scenarios: Ints
    required: Ints
    quantile: Ints
    shortfall: Ints
    loss: Ints


def walk(daily: Floats, *, lots: Ints, price: Floats, method: Simulation, first: int = 0) -> Walk:
    """Require, then look, from the day `first` or the first that has enough history before it.

    daily  (T, F) returns, oldest first
    lots   (A, F) whole, short negative; the same book is set up anew for every test
    price  (F,) money for one lot of each factor, every day

    A test takes as many days as the margin period, and the next begins where it ends: overlapping
    ones would exceed together, which no count of exceedances allows for.
    """
    terms = method.history
    known = historical.known_variance(daily, method)
    seed_days = method.filter.seed_days if method.filter else 0
    enough = seed_days + terms.least + terms.days - 1
    ahead = histories.over_days(daily, days=terms.days, kind=terms.returns)
    guards = _Guards(daily, lots=lots, price=price, method=method)
    rows: list[tuple[int, int, Ints, Ints, Ints, Ints]] = []
    held: Exact | None = None
    for day in range(max(first, enough), len(ahead), terms.days):
        scenarios = historical.current(
            daily[:day],
            method,
            known=None if known is None else known[: day - seed_days + 1],
        )
        pnl = _outcomes(scenarios.factors, lots=lots, price=price)
        both = {
            of: historical.measured(pnl, scenarios, method.measure, of=of)
            for of in ("quantile", "shortfall")
        }
        held = guards.required(both[method.measure.margin], day=day, held=held)
        came = histories.price_factors(ahead[day : day + 1], kind=terms.returns)
        loss = -_outcomes(came, lots=lots, price=price)[:, 0]
        up = [_whole(it) for it in (held, both["quantile"], both["shortfall"])]
        rows.append((day, pnl.shape[1], up[0], up[1], up[2], loss))
    if not rows:
        raise histories.HistoryRefused(f"{len(daily)} days leave none to test")
    columns = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    return Walk(
        day=columns[0],
        scenarios=columns[1],
        required=columns[2],
        quantile=columns[3],
        shortfall=columns[4],
        loss=columns[5],
    )


class _Guards:
    """What a requirement is held to besides its own measure; looks back once for each day."""

    def __init__(self, daily: Floats, *, lots: Ints, price: Floats, method: Simulation) -> None:
        self._daily, self._lots, self._price, self._method = daily, lots, price, method
        self._worst: Exact | None = None
        self._stretched = 0  # stretches of the past that have been looked at end before this day

    def required(self, measured: Exact, *, day: int, held: Exact | None) -> Exact:
        floor = self._method.floor_window
        return historical.requirement(
            measured,
            self._method,
            stressed=self._stressed(day) if self._method.stress else None,
            long_run=self._measure(day, window=floor) if floor else None,
            held=held,
        )

    def _stressed(self, day: int) -> Exact:
        """The worst stretch that ended by now; one that has been looked at stays as it was."""
        assert self._method.stress
        window, days = self._method.stress.window, self._method.history.days
        full = window + days - 1
        for end in range(max(self._stretched, min(full, day)), day + 1):
            one = self._measure(end, window=window)
            # While no stretch is full, all there is stands for one and is replaced, not kept.
            keep = self._worst is not None and self._stretched > full
            self._worst = exact.larger(self._worst, one) if keep and self._worst else one
            self._stretched = end + 1
        assert self._worst is not None
        return self._worst

    def _measure(self, day: int, *, window: int) -> Exact:
        scenarios = historical.long_run(self._daily[:day], self._method, window=window)
        plain = Scenarios(factors=scenarios.factors, weight=None, sample=scenarios.sample)
        pnl = _outcomes(plain.factors, lots=self._lots, price=self._price)
        measure = self._method.measure
        return historical.measured(pnl, plain, measure, of=measure.margin)


def _outcomes(factors: Floats, *, lots: Ints, price: Floats) -> Ints:
    return historical.outcomes(lots, price=price, factors=factors, unit=UNIT)


def _whole(amount: Exact) -> Ints:
    whole: Ints = amount.rounded_up().astype(np.int64)
    return whole
