"""The arithmetic of the sensitivity method, without a name in it: net, weigh, correlate.

Rows of one segment lie together. Nothing here depends on which other segments there are, so a
portfolio has the same bits alone and among a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from margin.engine.shapes import Flags, Floats, Ints

_COARSE, _FINE = 2.0**10, 2.0**50  # units of the two halves of an amount, per unit of currency
_FINE_BITS = 40
_CELLS_AT_ONCE = 2**20  # of the pairs of a segment: temporaries stay near the cache
LARGEST_SUM = 2.0**52

Correlation = Callable[[Ints, Ints], Floats]


class SumTooLarge(OverflowError):
    """Amounts whose sum cannot be exact; says one of the rows."""

    def __init__(self, row: int) -> None:
        super().__init__(f"row {row}: the amounts of its factor sum to more than 2**52")
        self.row = row


def net(keys: Ints, amounts: Floats) -> tuple[Ints, Floats]:
    """Exact sums by key, sorted by key: a row of each and its sum; sums of zero are left out.

    Each amount is rounded once to 2**-50 and summed as integers, so that order and opposite
    amounts leave no trace. Raises SumTooLarge.

    keys     (rows,)
    amounts  (rows,)  below 2**50 in size
    return   (sums,) the first row that holds the key, (sums,)
    """
    if keys.size == 0:
        return np.zeros(0, np.int64), np.zeros(0)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[0]] - 1))
    amounts = amounts[order]
    sizes = np.add.reduceat(np.abs(amounts), starts)
    if (sizes >= LARGEST_SUM).any():
        raise SumTooLarge(int(order[starts[np.argmax(sizes >= LARGEST_SUM)]]))
    coarse = np.floor(amounts * _COARSE)
    fine = np.rint((amounts - coarse / _COARSE) * _FINE)
    high = np.add.reduceat(coarse.astype(np.int64), starts)
    low = np.add.reduceat(fine.astype(np.int64), starts)
    high += low >> _FINE_BITS
    low &= (1 << _FINE_BITS) - 1
    sums = high / _COARSE + low / _FINE
    left = sums != 0.0
    return order[starts][left], sums[left]


def starts_of(keys: Ints) -> Ints:
    """Where a new key begins in rows sorted by key; (segments,)."""
    if keys.size == 0:
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))


def numbered(starts: Ints, rows: int) -> Ints:
    """The segment of each row; (rows,)."""
    return np.repeat(np.arange(starts.size), np.diff(starts, append=rows))


def summed(values: Floats, segment: Ints, segments: int) -> Floats:
    """Sums by segment, one row after another; (segments,)."""
    sums = np.bincount(segment, weights=values, minlength=segments)
    return sums.astype(np.float64)  # of no rows it is integers


def concentration(totals: Floats, thresholds: Floats) -> Floats:
    """Square root of how far past its threshold a total is, at least 1; any shape."""
    ratio: Floats = np.maximum(1.0, np.sqrt(np.abs(totals) / thresholds))
    return ratio


def likeness(one: Floats, other: Floats) -> Floats:
    """The smaller over the larger, for positive numbers; any shape."""
    ratio: Floats = np.minimum(one, other) / np.maximum(one, other)
    return ratio


def cross_terms(values: Floats, starts: Ints, correlation: Correlation) -> Floats:
    """Sum over ordered pairs of different rows of a segment of correlation x value x value.

    Segments are padded to a power of two, so cost is the square of the largest segment, and the
    order of every sum follows from the segment alone.

    values       (rows,)
    starts       (segments,)
    correlation  of rows by rows, arrays that broadcast against each other; its diagonal is ignored
    return       (segments,)
    """
    sizes = np.diff(starts, append=values.size)
    sums = np.zeros(starts.size)
    width = 2
    while width < 2 * int(sizes.max(initial=1)):
        chosen = np.flatnonzero((sizes > width // 2) & (sizes <= width))
        chosen = chosen[sizes[chosen] > 1]
        at_once = max(1, _CELLS_AT_ONCE // (width * width))
        for begin in range(0, chosen.size, at_once):
            some = chosen[begin : begin + at_once]
            sums[some] = _padded(values, starts[some], sizes[some], width, correlation)
        width *= 2
    return sums


def _padded(
    values: Floats, starts: Ints, sizes: Ints, width: int, correlation: Correlation
) -> Floats:
    places = np.arange(width)
    held: Flags = places < sizes[:, None]
    rows = np.where(held, starts[:, None] + places, starts[:, None])
    inside = np.where(held, values[rows], 0.0)
    slab = max(1, min(width, _CELLS_AT_ONCE // width))
    total = np.zeros(starts.size)
    for begin in range(0, width, slab):
        part = slice(begin, begin + slab)
        cells = correlation(rows[:, part, None], rows[:, None, :])
        cells = cells * (inside[:, part, None] * inside[:, None, :])
        cells[:, np.arange(min(slab, width - begin)), places[part]] = 0.0
        total += cells.reshape(starts.size, -1).sum(axis=1)
    return total


def curvature_spread(net_sum: Floats, gross_sum: Floats, quantile: float) -> Floats:
    """How many roots of the variance a curvature margin holds beside the sum itself; (units,).

    It is largest for a sum that is all positive and 1 for one that is all negative.

    quantile   the standard normal's, at the probability of the method
    """
    share = np.divide(net_sum, gross_sum, out=np.zeros_like(net_sum), where=gross_sum > 0.0)
    theta = np.minimum(share, 0.0)
    spread: Floats = (quantile**2 - 1.0) * (1.0 + theta) - theta
    return spread
