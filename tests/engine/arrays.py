"""Described books as the engine's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from scipy.sparse import csr_array

from margin.engine import shapes
from tests.oracle.books import Account, Asset, Contract, DeltaOne, Expiry, Group, Option


def as_engine_arrays(books: Sequence[Account]) -> tuple[shapes.Book, shapes.Market]:
    """All the books over one market. Groups of one name must carry the same prices everywhere.

    Rows stand in the order they are first met, which is no order an engine could rely on.
    """
    groups: dict[str, Group] = {}
    expiries: dict[tuple[str, Expiry], int] = {}
    series: dict[tuple[str, Contract | str, float], Option | DeltaOne] = {}
    assets: dict[tuple[str, str], Asset] = {}
    for group in (group for book in books for group in book.groups):
        groups.setdefault(group.name, group)
        for option in group.options:
            expiries.setdefault((group.name, option.contract.expiry), len(expiries))
            series.setdefault((group.name, option.contract, option.size), option)
        for future in group.delta_ones:
            series.setdefault((group.name, future.name, future.size), future)
        for asset in group.assets:
            assets.setdefault((group.name, asset.name), asset)

    rows = {name: row for row, name in enumerate(groups)}
    columns = {key: column for column, key in enumerate(series)}
    wallets = {key: column for column, key in enumerate(assets)}
    positions = np.zeros((len(books), len(series)), np.int64)
    collateral = np.zeros((len(books), len(assets)))
    cost, coin_cost = np.zeros((2, len(books), len(groups)))
    for account, book in enumerate(books):
        for group in book.groups:
            name = group.name
            cost[account, rows[name]] = group.cost
            coin_cost[account, rows[name]] = group.coin_cost
            for option in group.options:
                positions[account, columns[name, option.contract, option.size]] += int(option.lots)
            for future in group.delta_ones:
                positions[account, columns[name, future.name, future.size]] += int(future.lots)
            for asset in group.assets:
                collateral[account, wallets[name, asset.name]] += asset.units

    market = shapes.Market(
        underlyings=shapes.Underlyings(**table(list(groups.values()), shapes.Underlyings)),
        expiries=shapes.Expiries(
            underlying=np.array([rows[name] for name, _ in expiries], np.int64),
            **table([expiry for _, expiry in expiries], shapes.Expiries),
        ),
        series=as_series(series, rows, expiries),
        collateral=shapes.Collateral(
            underlying=np.array([rows[name] for name, _ in assets], np.int64),
            risk_cancelling=np.array(
                [asset.risk_cancelling for asset in assets.values()], np.bool_
            ),
            **table(list(assets.values()), shapes.Collateral),
        ),
    )
    cash = np.array([book.cash for book in books], np.float64)
    owed = {"cost": cost, "coin_cost": coin_cost}
    lots = csr_array(positions)
    return shapes.Book(positions=lots, collateral=collateral, cash=cash, **owed), market


def table(things: Sequence[object], shape: type) -> dict[str, shapes.Floats]:
    """The columns of floats that plain data and the engine's shape call by the same name."""
    names = [each.name for each in fields(shape) if each.type == "Floats"]
    return {name: np.array([getattr(each, name) for each in things], float) for name in names}


def as_series(
    series: dict[tuple[str, Contract | str, float], Option | DeltaOne],
    rows: dict[str, int],
    expiries: dict[tuple[str, Expiry], int],
) -> shapes.Series:
    found = []
    for (name, _, _), each in series.items():
        if isinstance(each, Option):
            contract = each.contract
            expiry = expiries[name, contract.expiry]
            kind, mark = shapes.Kind.OPTION, 0.0
            found.append((kind, rows[name], expiry, contract.strike, contract.is_call))
            found[-1] += (contract.vol, mark, each.size)
        else:
            kind = shapes.Kind.INVERSE if each.inverse else shapes.Kind.LINEAR
            found.append((kind, rows[name], -1, 0.0, False, 0.0, each.mark, each.size))
    types = (np.int64, np.int64, np.int64, float, np.bool_, float, float, float)
    names = [each.name for each in fields(shapes.Series)]
    columns = list(zip(*found, strict=True)) or [()] * len(names)
    typed = [np.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    return shapes.Series(**dict(zip(names, typed, strict=True)))
