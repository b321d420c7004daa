"""Margin at valuation points for one account, by name and in fractions: shares no engine code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any


def requirement(
    method: Mapping[str, Any], series: Sequence[Mapping[str, Any]], lots: Mapping[int, int]
) -> dict[str, tuple[Fraction, Fraction]]:
    """Worst loss and minimum of each portfolio group."""
    points = 2 * method["steps_each_side"]
    found = {}
    for portfolio, terms in method["portfolios"].items():
        worst = Fraction(0)
        for point in range(points):
            outcomes = [
                _product(method, series, lots, product, point)
                for product, own in method["products"].items()
                if own["portfolio"] == portfolio
            ]
            worst = min(worst, _netted(outcomes, Fraction(terms["offset"])))
        minimum = Fraction(0)
        for row, held in lots.items():
            each = series[row]
            product = method["classes"][each["class"]]["product"]
            if method["products"][product]["portfolio"] == portfolio and each["contract"]:
                per_unit = Fraction(method["minimum_per_multiplier"])
                minimum += abs(held) * each["multiplier"] * per_unit
        found[portfolio] = (-worst, minimum)
    return found


def _product(
    method: Mapping[str, Any],
    series: Sequence[Mapping[str, Any]],
    lots: Mapping[int, int],
    product: str,
    point: int,
) -> Fraction:
    outcomes = []
    for name, own in method["classes"].items():
        if own["product"] == product:
            gains = [
                held * Fraction(series[row]["gains"][point])
                for row, held in lots.items()
                if series[row]["class"] == name
            ]
            outcomes.append(sum(gains, Fraction(0)))
    return _netted(outcomes, Fraction(method["products"][product]["offset"]))


def _netted(outcomes: Sequence[Fraction], offset: Fraction) -> Fraction:
    losses = sum((each for each in outcomes if each < 0), Fraction(0))
    gains = sum((each for each in outcomes if each > 0), Fraction(0))
    return losses + offset * gains
