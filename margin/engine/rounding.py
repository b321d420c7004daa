"""How far the integer path can be from the unrounded one, account by account."""

from __future__ import annotations

import numpy as np

from margin.engine import addons, scenarios
from margin.engine.parameters import Parameters
from margin.engine.risk_array import RiskArray
from margin.engine.shapes import Book, Floats, Market


def rounding_bound(
    book: Book, market: Market, parameters: Parameters, array: RiskArray
) -> tuple[Floats, Floats]:
    """(A,) the most that rounding can move the initial and the maintenance balance, money.

    Each value of the array is at most half a unit off. A level adds a lot's mark, its outcome in
    the binding scenario times the loss factor, and charges on its size; of an outcome the mark is
    taken off again, which is why a factor of 1 leaves little more than half a unit per lot. The
    binding scenario may change by rounding, but no further than the scenario that moves most.
    """
    each, factor = market.expiries, parameters.loss_factor
    seconds, rate = each.seconds, each.rate
    long = scenarios.static_discount_long(seconds, rate, parameters.discount_long)
    short = scenarios.static_discount_short(seconds, rate, parameters.discount_short)
    largest = max(1.0, float(np.maximum(long, short).max(initial=1.0)))
    basis = float(scenarios.basis_weight(seconds, parameters.basis).max(initial=0.0))
    peg = float(addons.peg_factor(market.underlyings.stable, parameters.peg).max(initial=0.0))

    # A skew takes the size of each expiry's change, so its mark may come in with either sign.
    worst = [(each.dampening, each.vol.is_skew) for each in parameters.scenarios]

    def reach(level: float) -> float:
        outcomes = [
            level * damped * largest + (1.0 + level * damped if skew else abs(1.0 - level * damped))
            for damped, skew in worst
        ]
        return max([1.0, level * basis + abs(1.0 - level * basis), *outcomes])

    charge, option = parameters.linear_charge, parameters.short_option_charge
    maintained = max(charge.maintenance, option.maintenance)
    initial = reach(factor.initial + peg) + maintained + max(charge.initial, option.initial)
    initial += parameters.confidence.scale
    maintenance = reach(factor.maintenance) + maintained

    half = 0.5 * array.unit[market.series.underlying]
    lots: Floats = abs(book.positions.astype(np.float64)) @ half
    return lots * initial, lots * maintenance
