"""Risk arrays and what is read off them: the worst scenario, its price risk, the delta of a month.

An array holds what one long lot loses in each scenario: a loss is positive, a gain negative (CME
SPAN risk arrays). A position's losses are lots times the array, and those of a commodity are their
sum, exact in whole currency units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.engine.array_parameters import DeltaWeight, ScanScenario, VolMove
from margin.engine.shapes import Floats, Ints

_DIRECTION = {VolMove.UP: 1.0, VolMove.NONE: 0.0, VolMove.DOWN: -1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The worst of the scenarios for each account and commodity.

    risk        (A, C) the largest loss, never negative
    active      (A, C) the scenario it comes from, the first of equals; the first of all if none loses
    price_risk  (A, C) what of it comes from the price having moved; 0 if none loses
    """

    risk: Floats
    active: Ints
    price_risk: Floats


def moved_prices(price: Floats, scan_range: Floats, scenarios: tuple[ScanScenario, ...]) -> Floats:
    """(N, K) the price in each scenario; ranges are in price."""
    moves = np.array([each.price for each in scenarios])
    moved: Floats = price[:, None] + scan_range[:, None] * moves
    return moved


def moved_vols(vol: Floats, vol_range: Floats, scenarios: tuple[ScanScenario, ...]) -> Floats:
    """(N, K) the volatility in each scenario, never negative; ranges are in volatility."""
    directions = np.array([_DIRECTION[each.vol] for each in scenarios])
    moved: Floats = np.maximum(vol[:, None] + vol_range[:, None] * directions, 0.0)
    return moved


def covered_losses(base: Floats, values: Floats, scenarios: tuple[ScanScenario, ...]) -> Floats:
    """(N, K) an array from values: what a long lot loses, of extreme moves only the covered share.

    base    (N,) value of a lot now, money
    values  (N, K) its value in each scenario
    """
    cover = np.array([each.cover for each in scenarios])
    losses: Floats = (base[:, None] - values) * cover
    return losses


def linear_losses(scan_range: Floats, scenarios: tuple[ScanScenario, ...]) -> Floats:
    """(N, K) the array of a future whose lot gains `scan_range` money with one range of price."""
    share = np.array([each.price * each.cover for each in scenarios])
    losses: Floats = -scan_range[:, None] * share
    return losses


def composite_delta(deltas: Floats, weights: tuple[DeltaWeight, ...]) -> Floats:
    """(N,) the mean of a contract's deltas at the price points, by their weights.

    deltas  (N, points) in the order of the weights

    Published weights are rounded and add up to 0.998; they are taken as shares of their sum, so
    that the delta of a future stays one.
    """
    share = np.array([each.weight for each in weights])
    mean: Floats = (deltas * share).sum(axis=1) / share.sum()
    return mean


def scan(losses: Floats, scenarios: tuple[ScanScenario, ...]) -> Scan:
    """The worst scenario of each account and commodity.

    losses  (A, C, K) money, a loss is positive

    The volatility-adjusted loss is the mean of the active scenario's and its pair's; what it
    exceeds the mean loss at an unmoved price by, the time risk, is the price risk.
    """
    active = losses.argmax(axis=2)
    largest = np.take_along_axis(losses, active[..., None], axis=2)[..., 0]
    loses = largest > 0.0
    active = np.where(loses, active, 0)
    pair = np.array([each.pair for each in scenarios])[active]
    other = np.take_along_axis(losses, pair[..., None], axis=2)[..., 0]
    unmoved = np.flatnonzero([each.price == 0.0 for each in scenarios])
    time_risk = losses[..., unmoved[0]].copy()
    for place in unmoved[1:]:
        time_risk += losses[..., place]
    time_risk /= len(unmoved)
    return Scan(
        risk=np.maximum(largest, 0.0),
        active=active.astype(np.int64),
        price_risk=np.where(loses, (largest + other) / 2.0 - time_risk, 0.0),
    )
