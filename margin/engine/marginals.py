"""How one risk factor is distributed: as it was in the middle, generalised Pareto in both tails.

Standardised returns z, one a day, without a unit. Probabilities are given by the smaller side, so
that a tail keeps its digits where its probability is next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.engine.histories import HistoryRefused
from margin.engine.shapes import Flags, Floats

FEWEST_IN_TAIL = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """P(Z > threshold + y | Z > threshold) = (1 + shape y / scale)^(-1 / shape)."""

    threshold: float
    shape: float  # heavier the larger; below 1, so that it has a mean; below 0 it ends
    scale: float

    def quantile(self, share: Floats) -> Floats:
        """The loss that this share of the tail exceeds; all in (0, 1]."""
        if self.shape == 0.0:
            beyond: Floats = -self.scale * np.log(share)
        else:
            beyond = self.scale / self.shape * np.expm1(-self.shape * np.log(share))
        return self.threshold + beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginal:
    """One factor's distribution.

    low, high  tails; the low one is of -z
    share      of outcomes in each tail
    sorted     (n,) what was seen, ascending; the i-th has probability (i - 0.5) / n
    """

    low: Tail
    high: Tail
    share: float
    sorted: Floats

    def quantile(self, probability: Floats, *, upper: Flags) -> Floats:
        """z that is exceeded with this probability (`upper`) or undercut with it; at most a half."""
        found = np.interp(
            np.where(upper, 1.0 - probability, probability), _places(len(self.sorted)), self.sorted
        )
        out = probability < self.share
        far_up, far_down = out & upper, out & ~upper
        found[far_up] = self.high.quantile(probability[far_up] / self.share)
        found[far_down] = -self.low.quantile(probability[far_down] / self.share)
        return found


def fit(z: Floats, *, share: float) -> Marginal:
    """The distribution of what was seen, (n,), with `share` of it in each tail.

    Raises HistoryRefused where a tail has too few to be fitted.
    """
    ordered = np.sort(z)
    return Marginal(
        low=_fit_tail(np.sort(-z), share=share),
        high=_fit_tail(ordered, share=share),
        share=share,
        sorted=ordered,
    )


def _fit_tail(ordered: Floats, *, share: float) -> Tail:
    threshold = float(np.interp(1.0 - share, _places(len(ordered)), ordered))
    shape, scale = pareto(ordered[ordered > threshold] - threshold)
    return Tail(threshold=threshold, shape=shape, scale=scale)


def pareto(excess: Floats) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto, by probability-weighted moments.

    excess  (n,) positive, ascending

    With a0 the mean and a1 the mean of (1 - (i - 0.35) / n) excess[i]: shape 2 - a0 / (a0 - 2 a1),
    scale 2 a0 a1 / (a0 - 2 a1) (Hosking and Wallis 1987). Formulas rather than a search, so that
    everybody who fits the same returns has the same tail.
    """
    count = len(excess)
    if count < FEWEST_IN_TAIL:
        raise HistoryRefused(f"{count} returns are too few for a tail")
    weight = 1.0 - (np.arange(1, count + 1) - 0.35) / count
    mean, weighed = float(excess.mean()), float((weight * excess).mean())
    apart = mean - 2.0 * weighed
    if not (mean > 0.0 and apart > 0.0):
        raise HistoryRefused("the tail's returns are all but the same")
    return 2.0 - mean / apart, 2.0 * mean * weighed / apart


def _places(count: int) -> Floats:
    places: Floats = (np.arange(1, count + 1) - 0.5) / count
    return places
