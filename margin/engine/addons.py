"""Charges beside the scenario loss: named amounts that grow with the position, never negative.

Exposures are money at spot. Everything is elementwise, so an account's charge does not depend on
who else is in the array.
"""

from __future__ import annotations

import numpy as np

from margin.engine.parameters import Threshold
from margin.engine.shapes import Floats


def linear_charge(gross: Floats, *, rate: float) -> Floats:
    """A share of the size of futures and perpetuals at spot.

    gross   (A, U) sum over series of abs(lots) * units per lot * spot

    A published rule that knows one perpetual charges the absolute position. With several delta-one
    series in a group we charge the sum of their absolute positions: a calendar or basis spread
    still has two legs to trade out of, and is not free.
    """
    return gross * rate


def short_option_charge(naked: Floats, *, rate: float) -> Floats:
    """A share of the options short at their expiry and strike, at spot; (A, U)."""
    return naked * rate


def haircut(value: Floats, *, share: Floats) -> Floats:
    """Charged on the size of a collateral balance, so that a debit never lowers a requirement.

    value   (A, C) money, negative for a debit
    share   (C,)
    """
    charge: Floats = np.abs(value) * share
    return charge


def confidence_charge(confidence: Floats, exposure: Floats, terms: Threshold) -> Floats:
    """Below the threshold an exposure is charged for what its prices lack in confidence.

    Feeds the initial level only: an oracle outage must not liquidate a healthy account.
    """
    lacking = np.where(confidence < terms.level, (1.0 - confidence) * terms.scale, 0.0)
    charge: Floats = lacking * exposure
    return charge


def peg_factor(stable: Floats, terms: Threshold) -> Floats:
    """(U,) added to the initial loss factor while the settlement coin is below its threshold."""
    added: Floats = np.maximum(0.0, terms.level - stable) * terms.scale
    return added
