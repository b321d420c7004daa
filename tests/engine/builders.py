"""Markets and books for the engine's tests, from plain descriptions of a portfolio."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from margin.engine.shapes import (
    Book,
    Collateral,
    Expiries,
    Kind,
    Market,
    Series,
    Underlyings,
)

SPOT = 95_663.5


def a_described_portfolio(of: dict[str, Any]) -> tuple[Book, Market]:
    """One account in one group. Quantities may be fractions, so a lot is the whole position."""
    linear, expiries = of.get("linear"), of.get("expiries", [])
    rows: list[tuple[float, ...]] = []  # lots, kind, expiry, strike, is call, vol, mark, size
    for place, expiry in enumerate(expiries):
        for each in expiry["options"]:
            lots, size = np.sign(each["quantity"]), abs(each["quantity"])
            call = each["type"] == "call"
            rows.append(
                (lots, Kind.OPTION, place, each["strike"], call, each["vol"], 0.0, size or 1.0)
            )
    cost = 0.0
    if linear:
        lots, size = np.sign(linear["quantity"]), abs(linear["quantity"])
        rows.append((lots, Kind.LINEAR, -1, 0.0, False, 0.0, linear["mark"], size))
        cost = linear["quantity"] * linear["mark"] - linear["unrealised"]
    table = np.array(rows, float).reshape(len(rows), 8).T
    held = of.get("collateral", [])
    market = a_market(
        underlyings=an_underlying(
            spot=of["spot"],
            spot_confidence=of["spot_confidence"],
            perpetual_confidence=linear["confidence"] if linear else 1.0,
            stable=of["stable"],
        ),
        expiries=Expiries(**columns_of(Expiries, expiries)),
        series=Series(
            kind=table[1].astype(np.int64),
            underlying=np.zeros(len(rows), np.int64),
            expiry=table[2].astype(np.int64),
            strike=table[3],
            is_call=table[4].astype(bool),
            vol=table[5],
            mark=table[6],
            size=table[7],
        ),
        collateral=Collateral(**columns_of(Collateral, held)),
    )
    book = a_book(
        lots=table[:1].astype(np.int64),
        market=market,
        collateral=np.array([[each["quantity"] for each in held]], float).reshape(1, len(held)),
        cash=np.array([of["cash"] + (linear["funding"] if linear else 0.0)]),
        cost=np.array([[cost]]),
    )
    return book, market


def columns_of(table: type, rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """What the rows say of each column; all of them belong to the first underlying."""
    columns: dict[str, np.ndarray] = {"underlying": np.zeros(len(rows), np.int64)}
    for name in table.__slots__:
        if name != "underlying":
            kind = bool if name == "risk_cancelling" else float
            columns[name] = np.array([each[name] for each in rows], kind)
    return columns


def an_underlying(**but: float) -> Underlyings:
    usual = {"spot": SPOT, "spot_confidence": 1.0, "perpetual_confidence": 1.0, "stable": 1.0}
    return Underlyings(**{name: np.array([value]) for name, value in (usual | but).items()})


def a_market(
    *,
    underlyings: Underlyings | None = None,
    expiries: Expiries | None = None,
    series: Series,
    collateral: Collateral | None = None,
) -> Market:
    return Market(
        underlyings=underlyings or an_underlying(),
        expiries=expiries or no_expiries(),
        series=series,
        collateral=collateral or no_collateral(),
    )


def no_expiries() -> Expiries:
    return Expiries(
        underlying=np.zeros(0, np.int64),
        **{name: np.zeros(0) for name in Expiries.__slots__ if name != "underlying"},
    )


def no_collateral() -> Collateral:
    return Collateral(
        underlying=np.zeros(0, np.int64),
        risk_cancelling=np.zeros(0, bool),
        **{name: np.zeros(0) for name in ("price", "confidence")},
        **{name: np.zeros(0) for name in ("initial_haircut", "maintenance_haircut")},
    )


def a_book(*, lots: np.ndarray, market: Market, **but: np.ndarray) -> Book:
    """Positions from a dense (A, N) table of whole lots; money is zero unless given."""
    accounts, groups = len(lots), len(market.underlyings.spot)
    usual = {
        "collateral": np.zeros((accounts, len(market.collateral.price))),
        "cash": np.zeros(accounts),
        "cost": np.zeros((accounts, groups)),
        "coin_cost": np.zeros((accounts, groups)),
    }
    positions = csr_array(np.asarray(lots, np.int64).reshape(accounts, len(market.series.kind)))
    positions.sum_duplicates()
    return Book(positions=positions, **(usual | but))


def a_random_market(rng: np.random.Generator, *, underlyings: int = 3, strikes: int = 6) -> Market:
    """Several groups, each with four expiries (one about to settle), linear, inverse."""
    spot = np.array([95_663.5, 2_681.6, 0.5, 150.0, 7.0])[:underlyings]
    seconds = np.array([900.0, 86_400.0, 30 * 86_400.0, 200 * 86_400.0])
    count = underlyings * len(seconds)
    owner = np.repeat(np.arange(underlyings), len(seconds))
    forward = spot[owner] * rng.uniform(0.99, 1.05, count)
    expiry = np.repeat(np.arange(count), strikes * 2)
    moneyness = np.tile(np.repeat(np.linspace(0.6, 1.6, strikes), 2), count)
    options = len(expiry)
    flat = np.repeat(np.arange(underlyings), 3)  # two linear and one inverse in each group
    kinds = np.tile([Kind.LINEAR, Kind.LINEAR, Kind.INVERSE], underlyings)
    return a_market(
        underlyings=Underlyings(
            spot=spot,
            spot_confidence=rng.uniform(0.4, 1.0, underlyings),
            perpetual_confidence=rng.uniform(0.4, 1.0, underlyings),
            stable=rng.uniform(0.95, 1.01, underlyings),
        ),
        expiries=Expiries(
            underlying=owner,
            seconds=np.tile(seconds, underlyings),
            forward=forward,
            rate=rng.uniform(-0.02, 0.2, count),
            forward_confidence=rng.uniform(0.4, 1.0, count),
            rate_confidence=np.ones(count),
            vol_confidence=rng.uniform(0.4, 1.0, count),
        ),
        series=Series(
            kind=np.concatenate([np.full(options, Kind.OPTION), kinds]),
            underlying=np.concatenate([owner[expiry], flat]),
            expiry=np.concatenate([expiry, np.full(len(flat), -1)]),
            strike=np.concatenate([forward[expiry] * moneyness, np.zeros(len(flat))]),
            is_call=np.concatenate([np.arange(options) % 2 == 0, np.zeros(len(flat), bool)]),
            vol=np.concatenate([rng.uniform(0.3, 1.2, options), np.zeros(len(flat))]),
            mark=np.concatenate(
                [np.zeros(options), spot[flat] * rng.uniform(0.99, 1.05, len(flat))]
            ),
            size=np.concatenate(
                [np.ones(options), np.where(kinds == Kind.INVERSE, 10.0, 0.01)],
            ),
        ),
        collateral=Collateral(
            underlying=np.arange(underlyings),
            price=spot * 1.001,
            confidence=rng.uniform(0.4, 1.0, underlyings),
            initial_haircut=np.full(underlyings, 0.01),
            maintenance_haircut=np.full(underlyings, 0.02),
            risk_cancelling=np.arange(underlyings) % 2 == 0,
        ),
    )


def a_random_book(
    rng: np.random.Generator, market: Market, *, accounts: int = 40, density: float = 0.2
) -> Book:
    """Some accounts hold much, the first holds nothing."""
    shape = (accounts, len(market.series.kind))
    lots = rng.integers(-50, 51, shape) * (rng.random(shape) < density)
    lots[0] = 0
    groups, assets = len(market.underlyings.spot), len(market.collateral.price)
    money = np.ones(accounts)
    money[0] = 0.0
    return a_book(
        lots=lots,
        market=market,
        collateral=rng.uniform(-1.0, 5.0, (accounts, assets)) * money[:, None],
        cash=rng.uniform(-1e5, 1e5, accounts),
        cost=rng.uniform(-1e4, 1e4, (accounts, groups)) * money[:, None],
        coin_cost=rng.uniform(-1.0, 1.0, (accounts, groups)) * money[:, None],
    )


def a_plain_portfolio(*, options: list[tuple[float, str, float]] | None = None) -> dict[str, Any]:
    """One expiry a fortnight away on a forward of 96 000, without rates."""
    legs = [
        {"quantity": lots, "type": side, "strike": strike, "vol": 0.6}
        for lots, side, strike in options or []
    ]
    expiry = {
        "seconds": 14 * 86_400.0,
        "forward": 96_000.0,
        "forward_confidence": 1.0,
        "rate": 0.0,
        "rate_confidence": 1.0,
        "vol_confidence": 1.0,
        "options": legs,
    }
    return {
        "spot": SPOT,
        "spot_confidence": 1.0,
        "stable": 1.0,
        "cash": 0.0,
        "expiries": [expiry] if legs else [],
    }


def some_accounts(book: Book, order: Iterable[int]) -> Book:
    """These accounts, in this order."""
    order = list(order)
    return Book(
        positions=csr_array(book.positions[order]),
        **{each.name: getattr(book, each.name)[order] for each in fields(Book)[1:]},
    )
