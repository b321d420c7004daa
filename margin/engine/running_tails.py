"""The worst outcomes so far, account by account, while scenarios come in blocks.

A measure looks at the worst few alone, so only they are kept: memory grows with the tail and not
with the scenarios, and as a set of whole numbers the worst do not depend on who came first.
"""

from __future__ import annotations

import numpy as np

from margin.engine import quantiles
from margin.engine.exact import Exact
from margin.engine.quantiles import Ranks
from margin.engine.shapes import Ints

_NOTHING_YET = np.iinfo(np.int64).max  # better than any outcome, so anything takes its place


class RunningTail:
    """What `quantiles.combine` needs of outcomes that are never all there at once."""

    def __init__(self, *, accounts: int, scenarios: int, ranks: Ranks) -> None:
        """scenarios  how many there will be; ranks are of all of them"""
        self._ranks = ranks
        kept = max(1, ranks.first + (ranks.edge > 0) + (ranks.beyond > 0))
        assert kept <= scenarios
        self._kept: Ints = np.full((accounts, kept), _NOTHING_YET, np.int64)
        self._missing = np.full(accounts, scenarios, np.int64)

    def add(self, pnl: Ints, *, accounts: slice) -> None:
        """Outcomes (a, S) of some accounts in scenarios that they have not been in."""
        self._missing[accounts] -= pnl.shape[1]
        kept = self._kept[accounts]
        # What is no worse than the least bad one kept can change nothing, and that is nearly all.
        row, column = np.nonzero(pnl < kept.max(axis=1)[:, None])
        count = np.bincount(row, minlength=len(pnl))
        moved = np.flatnonzero(count)
        if not len(moved):
            return
        width = kept.shape[1]
        every = np.full((len(moved), width + int(count.max())), _NOTHING_YET, np.int64)
        every[:, :width] = kept[moved]
        place = np.arange(len(row)) - np.repeat(count.cumsum() - count, count)
        every[np.repeat(np.arange(len(moved)), count[moved]), width + place] = pnl[row, column]
        kept[moved] = np.partition(every, width - 1, axis=1)[:, :width]

    def measured(self) -> Exact:
        """(A,) losses, once every account has been in every scenario."""
        assert not self._missing.any()
        return quantiles.combine(self._kept, self._ranks)
