"""Deltas set against each other by priority: charged inside a commodity, credited between them.

A spread takes delta from each of its legs, as many times as its scarcest leg allows, and what is
taken is gone for the spreads after it. Loops go over the definitions, never over accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from margin.engine.array_parameters import Leg, Side, Spread, Tier
from margin.engine.shapes import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """Inside commodities; (A, C) money, never negative.

    spread    for months that offset each other
    delivery  for delta in tiers near delivery, used in spreads or left
    """

    spread: Floats
    delivery: Floats


def charges(
    deltas: Floats,
    *,
    tier_of_month: Ints,
    tiers: Sequence[Tier],
    spreads: Sequence[Spread],
    commodities: int,
) -> Charges:
    """Charge spreads between months, and what stands near delivery.

    deltas         (A, M) net composite delta of each contract month
    tier_of_month  (M,)

    Long months of a tier are kept apart from its short ones, so a tier can be spread with itself.
    """
    long, short = (_by_tier(side, tier_of_month, len(tiers)) for side in (deltas, -deltas))
    before = long + short
    spread_charge = np.zeros((len(deltas), commodities))
    delivery = np.zeros((len(deltas), commodities))
    for spread in spreads:
        for pools in ({Side.A: long, Side.B: short}, {Side.A: short, Side.B: long}):
            count = _taken([(pools[leg.side], leg) for leg in spread.legs])
            spread_charge[:, spread.commodity] += count * spread.amount
    left = long + short
    for row, tier in enumerate(tiers):
        used = before[:, row] - left[:, row]
        charge = used * tier.delivery_spread + left[:, row] * tier.delivery_outright
        delivery[:, tier.commodity] += charge
    return Charges(spread=spread_charge, delivery=delivery)


def credit(deltas: Floats, price_risk: Floats, *, credits: Sequence[Spread]) -> Floats:
    """(A, C) what offsetting commodities save; never negative.

    deltas      (A, C) net composite delta of each commodity
    price_risk  (A, C) money; a leg whose price risk is not positive saves nothing

    Each leg saves its price risk per unit of delta times the delta that is taken, times the credit.
    """
    left, held = np.abs(deltas), deltas != 0.0
    per_delta = np.zeros(deltas.shape)
    np.divide(np.maximum(price_risk, 0.0), left, out=per_delta, where=held)
    saved = np.zeros(deltas.shape)
    for each in credits:
        for sign in (1.0, -1.0):
            # Each commodity has one sign, so at most one way round finds delta on every leg.
            pools = {Side.A: sign * deltas > 0.0, Side.B: sign * deltas < 0.0}
            fits = np.logical_and.reduce([pools[leg.side][:, leg.row] for leg in each.legs])
            count = _taken([(left, leg) for leg in each.legs], where=fits)
            for leg in each.legs:
                saved[:, leg.row] += per_delta[:, leg.row] * count * leg.ratio * each.amount
    return saved


def _taken(legs: Sequence[tuple[Floats, Leg]], *, where: Floats | bool = True) -> Floats:
    """(A,) how many spreads the legs allow, after taking them out of their pools."""
    possible = np.minimum.reduce([pool[:, leg.row] / leg.ratio for pool, leg in legs])
    count: Floats = np.where(where, possible, 0.0)
    for pool, leg in legs:
        # The scarcest leg is used up; rounding must not leave it below nothing.
        pool[:, leg.row] = np.maximum(pool[:, leg.row] - count * leg.ratio, 0.0)
    return count


def _by_tier(deltas: Floats, tier_of_month: Ints, count: int) -> Floats:
    """(A, T) the positive part of each month, added up by tier in the order of the months."""
    pool = np.zeros((len(deltas), count))
    for month, tier in enumerate(tier_of_month):
        pool[:, tier] += np.maximum(deltas[:, month], 0.0)
    return pool
