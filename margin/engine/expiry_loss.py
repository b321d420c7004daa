"""The most that an option book can lose at each expiry, whatever the underlying does.

What the options of one expiry pay is piecewise linear in the settlement price, with a kink at each
strike. Its lowest value over all prices from zero up is therefore at zero, at a strike, or without
end above the last of them; looking there is exact. Without end happens when more calls are short
than long, and is not a number: such unpaired calls are counted and charged beside the loss, at a
multiple of the forward (Derive standard manager: maximum loss of an expiry, unpaired calls).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from margin.engine.parameters import Levels
from margin.engine.reading import Source, root_of
from margin.engine.shapes import Floats, Ints, Kind, Series

ACCOUNTS_AT_ONCE = 4096  # times the strikes of an expiry: what is in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpairedCalls:
    """Charged per net short call, in multiples of the forward."""

    name: str
    source: str
    multiple: Levels


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryLoss:
    """Accounts by expiries, as in the market's own rows.

    loss      (A, E) money, at zero or at a strike; never negative: a sure gain is not a credit
    price     (A, E) the settlement price it happens at, the lowest of equals
    unpaired  (A, E) units of underlying of calls short beyond the long ones; never negative
    """

    loss: Floats
    price: Floats
    unpaired: Floats


def load_unpaired_calls(source: Source) -> UnpairedCalls:
    """Read the charge of unpaired calls. Raises ParameterError naming the field."""
    root = root_of(source)
    section = root.section("unpaired_call")
    read = UnpairedCalls(
        name=root.text("name"),
        source=root.text("source"),
        multiple=Levels(
            initial=section.number("initial", least=0.0),
            maintenance=section.number("maintenance", least=0.0),
        ),
    )
    section.finish()
    root.finish()
    return read


def expiry_loss(positions: csr_array, series: Series, *, expiries: int) -> ExpiryLoss:
    """The worst payoff of each account at each expiry.

    positions  (A, N) signed lots; futures and perpetuals are left out, they have no payoff here
    expiries   how many rows the market's expiries have

    Sums are exact where lots, sizes and strikes are whole or have few binary digits, and then the
    order of series cannot matter either.
    """
    accounts = positions.shape[0]
    found = ExpiryLoss(
        loss=np.zeros((accounts, expiries)),
        price=np.zeros((accounts, expiries)),
        unpaired=np.zeros((accounts, expiries)),
    )
    by_series = positions.tocsc()
    for expiry in range(expiries):
        chosen = np.flatnonzero((series.kind == Kind.OPTION) & (series.expiry == expiry))
        kinks = np.concatenate([[0.0], np.unique(series.strike[chosen])])
        pays = _payoffs(series, chosen, kinks)
        slope = np.where(series.is_call[chosen], series.size[chosen], 0.0)
        held = by_series[:, chosen].tocsr()
        holders = np.flatnonzero(np.diff(held.indptr))
        for first in range(0, len(holders), ACCOUNTS_AT_ONCE):
            some = holders[first : first + ACCOUNTS_AT_ONCE]
            lots = held[some]
            outcome = lots @ pays
            worst = outcome.argmin(axis=1)
            lowest = np.take_along_axis(outcome, worst[:, None], axis=1)[:, 0]
            found.loss[some, expiry] = np.maximum(-lowest, 0.0)
            found.price[some, expiry] = kinks[worst]
            found.unpaired[some, expiry] = np.maximum(-(lots @ slope), 0.0)
    return found


def expiry_charge(found: ExpiryLoss, *, forward: Floats, multiple: float) -> Floats:
    """(A, E) money: the loss, and `multiple` forwards for each unit of unpaired calls.

    forward  (E,) positive
    """
    charge: Floats = found.loss + found.unpaired * (forward * multiple)
    return charge


def _payoffs(series: Series, chosen: Ints, kinks: Floats) -> Floats:
    """(chosen, kinks) what one lot of each series pays at each price."""
    gap = kinks - series.strike[chosen][:, None]
    gap = np.where(series.is_call[chosen][:, None], gap, -gap)
    pays: Floats = np.maximum(gap, 0.0) * series.size[chosen][:, None]
    return pays
