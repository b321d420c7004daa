"""Positions that answer for themselves alone: their equity, margin and the price that ends them.

A position is liquidated where its equity has fallen to its maintenance. Equity is a line in the
price, and maintenance in tiers the largest of several lines, so each tier gives one candidate and
the first that a falling equity meets is the answer: no search, no iteration.

Amounts of a linear contract are money; those of an inverse one are coin, and its equity is a line
in one over the price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.engine.shapes import Flags, Floats, Ints
from margin.engine.tiers import Tiers, initial, inverse_exposure, linear_exposure, maintenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """One row per position, whoever's it is; every array is (P,).

    is_inverse  paid in coin, `size` in money; otherwise paid in money, `size` in units
    lots        signed; whole numbers where contracts are whole
    entry, mark price per unit of underlying, positive
    margin      posted for it: money, or coin for an inverse position
    elsewhere   maintenance that the same margin owes to other positions; 0 if it is isolated
    leverage    that it was opened with
    table       row of the tiers
    """

    is_inverse: Flags
    lots: Floats
    size: Floats
    entry: Floats
    mark: Floats
    margin: Floats
    elsewhere: Floats
    leverage: Floats
    table: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What each position has and needs, in its own currency; every array is (P,).

    liquidation_price  a long position is liquidated at it and below, a short one at it and above:
                       0 and infinity mean never or always, as the side says; not a number if flat
    """

    equity: Floats
    maintenance: Floats
    initial: Floats
    is_liquidated: Flags
    liquidation_price: Floats


def standing(positions: Positions, tiers: Tiers) -> Standing:
    """Margin each position by itself. Rows do not see each other."""
    held, price = positions, positions.mark
    amount = held.lots * held.size
    gain = np.where(
        held.is_inverse, amount * (1.0 / held.entry - 1.0 / price), amount * (price - held.entry)
    )
    exposure = np.where(
        held.is_inverse,
        inverse_exposure(lots=held.lots, size=held.size, price=price),
        linear_exposure(lots=held.lots, size=held.size, price=price),
    )
    equity = held.margin + gain
    needed = maintenance(exposure, table=held.table, tiers=tiers)
    return Standing(
        equity=equity,
        maintenance=needed,
        initial=initial(exposure, leverage=held.leverage, table=held.table, tiers=tiers),
        is_liquidated=(held.lots != 0) & (equity - held.elsewhere <= needed),
        liquidation_price=liquidation_price(positions, tiers),
    )


def liquidation_price(positions: Positions, tiers: Tiers) -> Floats:
    """(P,) the price at which equity less what is owed elsewhere is the position's maintenance.

    With x the price (one over it for an inverse position) and n the signed amount that moves with
    it, equity is free + n * (x - x_entry) and tier k asks |n| * x * rate_k - deduction_k. Their
    meeting is x_k = (n * x_entry - free - deduction_k) / (n - |n| * rate_k).
    """
    held = positions
    amount = np.where(held.is_inverse, -1.0, 1.0) * held.lots * held.size
    at_entry = np.where(held.is_inverse, 1.0 / held.entry, held.entry)
    free = held.margin - held.elsewhere
    rising = amount > 0.0
    meeting = np.where(rising, -np.inf, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        for place in range(tiers.rates.shape[1]):
            rate, deduction = tiers.rates[held.table, place], tiers.deductions[held.table, place]
            owed = amount * at_entry - free - deduction
            candidate = owed / (amount - np.abs(amount) * rate)
            # Equity less the largest charge is the lowest of the lines: it is spent where the
            # first of them is, seen from the side on which the position is safe.
            meeting = np.where(
                rising, np.maximum(meeting, candidate), np.minimum(meeting, candidate)
            )
        reached = np.maximum(meeting, 0.0)
        price: Floats = np.where(held.is_inverse, 1.0 / reached, reached)
    return np.where(amount == 0.0, np.nan, price)
