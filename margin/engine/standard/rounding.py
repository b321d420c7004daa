"""How far the integer path can be from the unrounded one."""

from __future__ import annotations

import numpy as np

from margin.engine import addons
from margin.engine.risk_array import RiskArray
from margin.engine.shapes import Book, Floats, Kind, Market
from margin.engine.standard.parameters import StandardParameters


def rounding_bound(
    book: Book, market: Market, parameters: StandardParameters, array: RiskArray
) -> tuple[Floats, Floats]:
    """(A,) the most that rounding can move the initial and the maintenance balance, money.

    Each value of the array is at most half a unit off, and a lot brings in at most: its short
    charge, or its payoff and the forward of a call; its mark as profit and its size at each rate.
    """
    half = 0.5 * array.unit[market.series.underlying]
    option = market.series.kind == Kind.OPTION
    known = parameters.confidence.scale
    peg = addons.peg_factor(market.underlyings.stable, parameters.peg)[market.series.underlying]
    call = np.where(market.series.is_call, 1.0, 0.0)
    unpaired, charge = parameters.unpaired_calls, parameters.linear_charge
    initial = np.where(option, 1.0 + unpaired.initial * call, 1.0 + charge.initial) + known + peg
    maintenance = np.where(option, 1.0 + unpaired.maintenance * call, 1.0 + charge.maintenance)
    lots = abs(book.positions.astype(np.float64))
    return lots @ (half * initial), lots @ (half * maintenance)
