"""One account and its market from what a case says: plain rows into the engine's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from margin.engine.shapes import (
    Book,
    Collateral,
    Expiries,
    Floats,
    Ints,
    Kind,
    Market,
    Series,
    Underlyings,
)

MOST_LOTS = 2.0**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    quantity: float
    strike: float
    is_call: bool
    vol: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    seconds: float
    forward: float
    options: tuple[Option, ...]
    rate: float = 0.0
    forward_confidence: float = 1.0
    rate_confidence: float = 1.0
    vol_confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A future or perpetual; `unrealised` is what it has earned and nobody has paid."""

    quantity: float
    mark: float
    unrealised: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One collateral asset."""

    quantity: float
    price: float
    confidence: float
    initial_haircut: float
    maintenance_haircut: float
    risk_cancelling: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All that the account holds on one underlying."""

    spot: float
    stable: float
    spot_confidence: float = 1.0
    perpetual_confidence: float = 1.0
    expiries: tuple[Expiry, ...] = ()
    linear: tuple[Linear, ...] = ()
    collateral: tuple[Held, ...] = field(default=())


def one_account(groups: Sequence[Group], *, cash: float) -> tuple[Book, Market]:
    """Book and market of one account that holds all there is in its market.

    A whole number of units is that many lots of one unit; any other quantity is one lot of its
    size, because no smaller lot divides it.
    """
    options: list[tuple[int, int, Option]] = []  # underlying, expiry, what is held
    linear: list[tuple[int, Linear]] = []
    expiries = 0
    for owner, group in enumerate(groups):
        for expiry in group.expiries:
            options += [(owner, expiries, each) for each in expiry.options]
            expiries += 1
        linear += [(owner, each) for each in group.linear]
    quantities = [each.quantity for _, _, each in options] + [each.quantity for _, each in linear]
    split = [_lots(quantity) for quantity in quantities]
    flat = np.zeros(len(linear))
    market = Market(
        underlyings=_underlyings(groups),
        expiries=_expiries(groups),
        series=Series(
            kind=_ints([Kind.OPTION] * len(options) + [Kind.LINEAR] * len(linear)),
            underlying=_ints([each[0] for each in options] + [each[0] for each in linear]),
            expiry=_ints([expiry for _, expiry, _ in options] + [-1] * len(linear)),
            strike=np.append(_floats([each.strike for _, _, each in options]), flat),
            is_call=np.array(
                [each.is_call for _, _, each in options] + [False] * len(linear), dtype=bool
            ),
            vol=np.append(_floats([each.vol for _, _, each in options]), flat),
            mark=_floats([0.0] * len(options) + [each.mark for _, each in linear]),
            size=_floats([size for _, size in split]),
        ),
        collateral=_collateral(groups),
    )
    cost = np.zeros((1, len(groups)))
    for owner, position in linear:
        cost[0, owner] += position.quantity * position.mark - position.unrealised
    positions = csr_array(_ints([lots for lots, _ in split]).reshape(1, len(split)))
    positions.sum_duplicates()
    units = [each.quantity for group in groups for each in group.collateral]
    book = Book(
        positions=positions,
        collateral=_floats(units).reshape(1, len(units)),
        cash=_floats([cash]),
        cost=cost,
        coin_cost=np.zeros((1, len(groups))),
    )
    return book, market


def _lots(quantity: float) -> tuple[int, float]:
    if abs(quantity) < MOST_LOTS and quantity == round(quantity):
        return round(quantity), 1.0
    return (1 if quantity > 0.0 else -1), abs(quantity)


def _underlyings(groups: Sequence[Group]) -> Underlyings:
    return Underlyings(
        spot=_floats([each.spot for each in groups]),
        spot_confidence=_floats([each.spot_confidence for each in groups]),
        perpetual_confidence=_floats([each.perpetual_confidence for each in groups]),
        stable=_floats([each.stable for each in groups]),
    )


def _expiries(groups: Sequence[Group]) -> Expiries:
    rows = [(owner, each) for owner, group in enumerate(groups) for each in group.expiries]
    return Expiries(
        underlying=_ints([owner for owner, _ in rows]),
        seconds=_floats([each.seconds for _, each in rows]),
        forward=_floats([each.forward for _, each in rows]),
        forward_confidence=_floats([each.forward_confidence for _, each in rows]),
        rate=_floats([each.rate for _, each in rows]),
        rate_confidence=_floats([each.rate_confidence for _, each in rows]),
        vol_confidence=_floats([each.vol_confidence for _, each in rows]),
    )


def _collateral(groups: Sequence[Group]) -> Collateral:
    rows = [(owner, each) for owner, group in enumerate(groups) for each in group.collateral]
    return Collateral(
        underlying=_ints([owner for owner, _ in rows]),
        price=_floats([each.price for _, each in rows]),
        confidence=_floats([each.confidence for _, each in rows]),
        initial_haircut=_floats([each.initial_haircut for _, each in rows]),
        maintenance_haircut=_floats([each.maintenance_haircut for _, each in rows]),
        risk_cancelling=np.array([each.risk_cancelling for _, each in rows], dtype=bool),
    )


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)
