"""What each account must hold by its profit and loss at a few points of each underlying's range.

At every point by itself: all of a class adds up; a product group is the losses of its classes and
a share of the gains; a portfolio group is the losses of its products and a share of their gains,
and never better than nothing. The worst point of a portfolio group is its requirement, if that is
not below a minimum for its contracts (OCC customer portfolio margin, SEC Release 34-46576).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.sparse import csr_array

from margin.engine.aggregate import check_exact
from margin.engine.point_parameters import PointParameters
from margin.engine.shapes import Flags, Floats, Ints

ACCOUNTS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class PointContracts:
    """One row per series.

    owner       (N,) row of the classes
    gains       (N, points) of one long lot, money, a gain is positive; int64 for exact sums
    multiplier  (N,) units of underlying a lot
    is_contract (N,) an option or future, which the minimum is for; a share is not
    """

    owner: Ints
    gains: Ints | Floats
    multiplier: Floats
    is_contract: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class PointMargin:
    """Requirements of each account, positive, and where they come from; all money.

    required  (A,)
    loss      (A, G) of each portfolio group at its worst point, never negative
    point     (A, G) that point, the first of equals
    floor     (A, G) the minimum for its contracts
    alone     (A, C) each class's own worst loss, as if it were all; never negative
    """

    required: Floats
    loss: Floats
    point: Ints
    floor: Floats
    alone: Floats


def point_margin(
    positions: csr_array,
    contracts: PointContracts,
    parameters: PointParameters,
    *,
    accounts_at_once: int = ACCOUNTS_AT_ONCE,
) -> PointMargin:
    """Margin accounts by their outcomes at the points.

    positions         (A, N) whole lots, signed, canonical CSR of int64
    accounts_at_once  bounds memory; any number gives the same bits

    Raises SumOverflow if an account is too large for exact sums of whole gains.
    """
    assert accounts_at_once > 0
    assert positions.dtype == np.int64
    assert positions.has_canonical_format
    _check(contracts, parameters, series=positions.shape[1])
    if contracts.gains.dtype == np.int64:
        check_exact(positions, contracts.gains.astype(np.int64, copy=False))
    parts = [
        _some(csr_array(positions[first : first + accounts_at_once]), contracts, parameters)
        for first in range(0, max(positions.shape[0], 1), accounts_at_once)
    ]
    return PointMargin(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(PointMargin)
        }
    )


def price_gains(price: Floats, *, owner: Ints, parameters: PointParameters) -> Floats:
    """(N, points) what one unit of the underlying itself gains at each point of its class.

    Options are valued at price + gain, by whoever values them, and lose what they are worth now.
    """
    gains: Floats = price[:, None] * parameters.moves[owner]
    return gains


def offset(outcomes: Floats, *, into: Sequence[int], share: Floats) -> Floats:
    """(A, groups, points) each point by itself: losses, and a share of gains, of a group's members.

    outcomes  (A, members, points) profit is positive
    into      (members) their group
    share     (groups,) between 0 and 1
    """
    netted = np.zeros((outcomes.shape[0], len(share), outcomes.shape[2]))
    for member, group in enumerate(into):
        outcome = outcomes[:, member]
        netted[:, group] += np.where(outcome < 0.0, outcome, outcome * share[group])
    return netted


def _some(
    positions: csr_array, contracts: PointContracts, parameters: PointParameters
) -> PointMargin:
    """Some accounts; the steps and their order are the method."""
    accounts, count = positions.shape[0], len(parameters.classes)
    by_class = np.zeros((accounts, count, parameters.moves.shape[1]))
    floor = np.zeros((accounts, len(parameters.portfolios)))
    by_series, sizes = positions.tocsc(), np.where(contracts.is_contract, contracts.multiplier, 0.0)
    for row, product in enumerate(parameters.product_of_class):
        series = np.flatnonzero(contracts.owner == row)
        held = by_series[:, series].tocsr()
        by_class[:, row] = held @ contracts.gains[series]
        portfolio = parameters.portfolio_of_product[product]
        floor[:, portfolio] += (abs(held) @ sizes[series]) * parameters.minimum

    by_product = offset(by_class, into=parameters.product_of_class, share=parameters.product_offset)
    by_portfolio = offset(
        by_product, into=parameters.portfolio_of_product, share=parameters.portfolio_offset
    )
    point = by_portfolio.argmin(axis=2)
    worst = np.take_along_axis(by_portfolio, point[..., None], axis=2)[..., 0]
    loss = np.maximum(-worst, 0.0)
    required = np.zeros(accounts)
    for portfolio in range(loss.shape[1]):
        required += np.maximum(loss[:, portfolio], floor[:, portfolio])
    return PointMargin(
        required=required,
        loss=loss,
        point=point.astype(np.int64),
        floor=floor,
        alone=np.maximum(-by_class.min(axis=2), 0.0),
    )


def _check(contracts: PointContracts, parameters: PointParameters, *, series: int) -> None:
    """Shapes and rows are ours to get right."""
    assert contracts.gains.shape == (series, parameters.moves.shape[1])
    for name in ("owner", "multiplier", "is_contract"):
        assert getattr(contracts, name).shape == (series,)
    assert np.isfinite(contracts.gains).all()
    assert (contracts.multiplier > 0.0).all()
    assert ((contracts.owner >= 0) & (contracts.owner < len(parameters.classes))).all()
