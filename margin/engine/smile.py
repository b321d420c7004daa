"""One expiry's smile: total variance over log-moneyness, by five numbers.

The raw SVI form w(k) = a + b * (rho * (k - m) + sqrt((k - m)^2 + sigma^2)) of Gatheral (2004), with
w = vol^2 * years and k = ln(strike / forward). It is fitted in volatility, each quote weighed by its
spread and outliers weighed down. Its wings stay within Lee's bound (The Moment Formula for Implied
Volatility at Extreme Strikes, 2004: a slope of at most 2), and where the density it implies would be
negative the fit is pushed back (Durrleman's condition g >= 0, in Gatheral and Jacquier,
Arbitrage-free SVI Volatility Surfaces, Quantitative Finance 14, 2014). What is left of it is
reported by `surface`, never hidden.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from margin.engine.shapes import Floats

Number = float | Floats

FEWEST = 5  # quotes for five numbers; with fewer a flat line is drawn, and said to be one
TIGHTEST = 0.0025  # half a spread in volatility below which no quote counts for more
STEEPEST = 2.0
GRID = 61
BEYOND = 0.5  # of the quoted width, on each side, where the density must stay positive too
PUSH = 500.0  # how strongly a negative density is pushed back, in half spreads
WIDTHS = (0.3, 0.05)  # of the quoted width: first guesses of sigma
CLOSE = 0.5  # cost a quote at which the first guess was good enough to stop
STEP = 1e-6  # of the numbers that are free, for slopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Smile:
    """The five numbers, for one time to expiry, and where quotes stood behind them.

    low, high  log-moneyness of the lowest and highest strike used
    error      root mean square distance from the middle quotes, in volatility
    """

    years: float
    forward: float
    a: float
    b: float
    rho: float
    m: float
    sigma: float
    low: float
    high: float
    error: float
    used: int

    @property
    def is_flat(self) -> bool:
        return self.b == 0.0

    def variance(self, k: Floats) -> Floats:
        """Total variance at log-moneyness k."""
        return raw(self.a, self.b, self.rho, self.m, self.sigma, k)

    def vol(self, k: Floats) -> Floats:
        found: Floats = np.sqrt(np.maximum(self.variance(k), 0.0) / self.years)
        return found


def raw(a: Number, b: Number, rho: Number, m: Number, sigma: Number, k: Floats) -> Floats:
    gap = k - m
    variance: Floats = a + b * (rho * gap + np.sqrt(gap * gap + sigma * sigma))
    return variance


def density_factor(it: Smile, k: Floats) -> Floats:
    """Durrleman's g: the implied density is a positive number times it."""
    return _factor(it.a, it.b, it.rho, it.m, it.sigma, k)


def _factor(a: Number, b: Number, rho: Number, m: Number, sigma: Number, k: Floats) -> Floats:
    """g = (1 - k w'/2w)^2 - (w'^2/4)(1/w + 1/4) + w''/2."""
    gap = k - m
    root = np.sqrt(gap * gap + sigma * sigma)
    w = a + b * (rho * gap + root)
    slope = b * (rho + gap / root)
    bend = b * sigma * sigma / root**3
    factor: Floats = (
        (1.0 - 0.5 * k * slope / w) ** 2 - 0.25 * slope**2 * (1.0 / w + 0.25) + 0.5 * bend
    )
    return factor


def grid(low: float, high: float, *, beyond: float = 0.0, points: int = GRID) -> Floats:
    width = max(high - low, 0.02)
    found: Floats = np.linspace(low - beyond * width, high + beyond * width, points)
    return found


def fit(*, k: Floats, vol: Floats, half_spread: Floats, years: float, forward: float) -> Smile:
    """The smile through volatilities at log-moneyness k; all (Q,), at least one.

    half_spread is that of each quote in volatility; the fit is not asked to be nearer than TIGHTEST.
    """
    assert len(k) and years > 0.0
    tolerance = np.maximum(half_spread, TIGHTEST)
    low, high = float(k.min()), float(k.max())
    if len(k) < FEWEST or high - low < 1e-6:
        weight = 1.0 / tolerance**2
        level = float((weight * vol).sum() / weight.sum())
        flat = Smile(
            years=years, forward=forward, a=level * level * years, b=0.0, rho=0.0, m=0.0,
            sigma=1.0, low=low, high=high, error=_rms(vol - level), used=len(k),
        )  # fmt: skip
        return flat
    best = _best(k, vol, tolerance, years)
    a, b, rho, m, sigma = (float(it[0, 0]) for it in _numbers(best[:, None]))
    error = _rms(np.sqrt(raw(a, b, rho, m, sigma, k) / years) - vol)
    return Smile(
        years=years, forward=forward, a=a, b=b, rho=rho, m=m, sigma=sigma,
        low=low, high=high, error=error, used=len(k),
    )  # fmt: skip


def _best(k: Floats, vol: Floats, tolerance: Floats, years: float) -> Floats:
    """The free numbers of the nearest smile; the second guess is tried where the first ends far."""
    everywhere = grid(float(k.min()), float(k.max()), beyond=BEYOND)

    def residuals(columns: Floats) -> Floats:
        """(5, R) free numbers -> (R, Q + grid)."""
        a, b, rho, m, sigma = _numbers(columns)
        modelled = np.sqrt(np.maximum(raw(a, b, rho, m, sigma, k), 0.0) / years)
        torn = PUSH * np.minimum(_factor(a, b, rho, m, sigma, everywhere), 0.0)
        return np.hstack([(modelled - vol) / tolerance, torn])

    def slopes(x: Floats) -> Floats:
        moved = residuals(np.column_stack([x, x[:, None] + STEP * np.eye(5)]))
        found: Floats = (moved[1:] - moved[0]).T / STEP
        return found

    def once(x: Floats) -> Floats:
        found: Floats = residuals(x[:, None])[0]
        return found

    best = None
    for start in _starts(k, vol, years):
        found = least_squares(
            once,
            start,
            jac=slopes,
            loss="soft_l1",
            x_scale="jac",
            max_nfev=100,
            ftol=1e-7,
            xtol=1e-7,
            gtol=1e-7,
        )
        if best is None or found.cost < best.cost:
            best = found
        if best.cost < CLOSE * len(k):
            break
    assert best is not None
    free: Floats = best.x
    return free


def _numbers(columns: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """a, b, rho, m, sigma, each (R, 1), from (5, R) free numbers: ln of the least variance, both
    wings' slopes by a logistic between 0 and the steepest, the place of the bend, ln of its width."""
    least = np.exp(np.clip(columns[0], -40.0, 10.0))[:, None]
    left, right = (
        STEEPEST / (1.0 + np.exp(-np.clip(it, -40.0, 40.0)))[:, None] for it in columns[1:3]
    )
    m, sigma = columns[3][:, None], np.exp(np.clip(columns[4], -12.0, 6.0))[:, None]
    b = 0.5 * (left + right)
    rho = (right - left) / (left + right)
    return least - b * sigma * np.sqrt(np.maximum(1.0 - rho * rho, 0.0)), b, rho, m, sigma


def _starts(k: Floats, vol: Floats, years: float) -> list[Floats]:
    """From the data: the least variance, the slopes of its two halves, and two widths of the bend."""
    variance = vol * vol * years
    at = int(variance.argmin())
    width = float(k.max() - k.min())
    left = _slope(k[: at + 1], variance[: at + 1], fallback=0.1 * float(variance.max()) / width)
    right = _slope(k[at:], variance[at:], fallback=0.1 * float(variance.max()) / width)
    head = [np.log(max(float(variance[at]), 1e-10)), _logit(abs(left)), _logit(abs(right))]
    return [
        np.array([*head, float(k[at]), np.log(share * width)], dtype=np.float64) for share in WIDTHS
    ]


def _slope(k: Floats, variance: Floats, *, fallback: float) -> float:
    span = float(k.max() - k.min())
    if span < 1e-6:
        return fallback
    return float(variance[0] - variance[-1]) / span or fallback


def _logit(slope: float) -> float:
    share = min(max(slope / STEEPEST, 1e-6), 1.0 - 1e-6)
    return float(np.log(share / (1.0 - share)))


def _rms(residual: Floats) -> float:
    return float(np.sqrt(np.mean(residual**2)))
