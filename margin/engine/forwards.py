"""The forward of one expiry from the chain itself, by put-call parity.

With D the discount factor, call - put = D * (F - K). Quoted in coin both sides are divided by the
forward, so call - put = 1 - K/F, and no rate enters. Every strike with both sides quoted says
something of F; they are weighed by how tight they are, and a strike that is off by itself is
weighed down (Huber, Robust Estimation of a Location Parameter, 1964).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.engine.shapes import Floats

HUBER = 1.345  # 95 % as efficient as least squares where the errors are normal
ROUNDS = 30
FEWEST_PAIRS = 1
FEWEST_FOR_DISCOUNT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Strikes with a call and a put, both with both sides; all (P,). Prices as quoted: coin, or
    money per unit."""

    strike: Floats
    call_bid: Floats
    call_ask: Floats
    put_bid: Floats
    put_ask: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """value is 0 where no strike says anything.

    low, high  what can be bought and sold at, all strikes together: with low above high there is
               free money in the quotes, by `gap_bp`
    error_bp   median distance of what one strike says from the value, in basis points of it
    """

    value: float
    discount: float
    low: float
    high: float
    pairs: int
    error_bp: float

    @property
    def gap_bp(self) -> float:
        """How far what can be sold at lies above what can be bought at; 0 where it does not."""
        return max(0.0, (self.low - self.high) / self.value * 1e4) if self.value else 0.0


NONE = Forward(value=0.0, discount=1.0, low=0.0, high=0.0, pairs=0, error_bp=0.0)


def in_coin(pairs: Pairs) -> Forward:
    """Of options quoted and paid in the underlying coin."""
    middle, spread = _synthetic(pairs)
    usable = (middle < 1.0) & np.isfinite(spread)
    if usable.sum() < FEWEST_PAIRS:
        return NONE
    strike, middle, spread = pairs.strike[usable], middle[usable], spread[usable]
    said = strike / (1.0 - middle)
    error = said * said / strike * spread  # of one strike's forward, from half its spread
    value = _location(said, error)
    with np.errstate(divide="ignore"):
        low = strike / (1.0 - (pairs.call_bid - pairs.put_ask)[usable])
        high = strike / np.maximum(1.0 - (pairs.call_ask - pairs.put_bid)[usable], 0.0)
    return _forward(value, 1.0, said, low=low, high=high)


def linear(pairs: Pairs, *, discount: float = 1.0) -> Forward:
    """Of options quoted and paid in money, at a known discount factor."""
    middle, spread = _synthetic(pairs)
    if len(middle) < FEWEST_PAIRS:
        return NONE
    said = pairs.strike + middle / discount
    value = _location(said, spread / discount)
    low = pairs.strike + (pairs.call_bid - pairs.put_ask) / discount
    high = pairs.strike + (pairs.call_ask - pairs.put_bid) / discount
    return _forward(value, discount, said, low=low, high=high)


def linear_with_discount(pairs: Pairs) -> Forward:
    """The same where the discount factor is not known: both from one robust line through
    (strike, call - put), whose slope is minus the factor. Needs four strikes."""
    middle, spread = _synthetic(pairs)
    if len(middle) < FEWEST_FOR_DISCOUNT:
        return NONE
    design = np.column_stack([np.ones_like(pairs.strike), -pairs.strike])
    weight = np.ones_like(middle)
    found: Floats = np.zeros(2)
    for _ in range(ROUNDS):
        root = np.sqrt(weight) / spread
        solved = np.linalg.lstsq(design * root[:, None], middle * root, rcond=None)
        found = np.asarray(solved[0], dtype=np.float64)
        weight = _huber(np.abs(middle - design @ found) / spread)
    worth, discount = float(found[0]), float(found[1])
    if not (worth > 0.0 and 0.0 < discount < 2.0):
        return NONE
    known = linear(pairs, discount=discount)
    return Forward(
        value=worth / discount,
        discount=discount,
        low=known.low,
        high=known.high,
        pairs=known.pairs,
        error_bp=known.error_bp,
    )


def _synthetic(pairs: Pairs) -> tuple[Floats, Floats]:
    """Call minus put at the middle, and half of what it costs to trade it."""
    middle = 0.5 * (pairs.call_bid + pairs.call_ask) - 0.5 * (pairs.put_bid + pairs.put_ask)
    width = (pairs.call_ask - pairs.call_bid) + (pairs.put_ask - pairs.put_bid)
    spread: Floats = np.maximum(0.5 * width, 1e-9)
    return middle, spread


def _location(said: Floats, error: Floats) -> float:
    """Where most of the weight agrees: a weighted median, then Huber's estimate around it."""
    order = np.argsort(said, kind="stable")
    cumulated = np.cumsum(1.0 / error[order])
    value = float(said[order][np.searchsorted(cumulated, 0.5 * cumulated[-1])])
    for _ in range(ROUNDS):
        weight = _huber(np.abs(said - value) / error) / error**2
        value = float((weight * said).sum() / weight.sum())
    return value


def _huber(residual: Floats) -> Floats:
    weight: Floats = np.minimum(1.0, HUBER / np.maximum(residual, 1e-12))
    return weight


def _forward(value: float, discount: float, said: Floats, *, low: Floats, high: Floats) -> Forward:
    return Forward(
        value=value,
        discount=discount,
        low=float(low.max()),
        high=float(high.min()),
        pairs=len(said),
        error_bp=float(np.median(np.abs(said - value)) / value * 1e4),
    )
