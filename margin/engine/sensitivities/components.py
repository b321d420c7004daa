"""The parts of a sensitivity margin as named rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from margin.engine.sensitivities.tables import Column
from margin.engine.shapes import Floats, Ints

ALL = "All"
ADD_ON = "AddOn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """One row per part of a margin, `All` where a part covers every one; every field (rows,).

    amount  calculation currency, never negative. The row of a bucket is the root of its variance,
            every other row aggregates those it covers. The row of product class `AddOn` is what
            multipliers and add-ons put on top.
    """

    portfolio: Column
    product_class: Column
    risk_class: Column
    margin: Column
    bucket: Column
    amount: Floats

    def __iter__(self) -> Iterator[tuple[str, str, str, str, str, float]]:
        columns = (self.portfolio, self.product_class, self.risk_class, self.margin, self.bucket)
        texts = [column.texts() for column in columns]
        return iter(zip(*texts, self.amount.tolist(), strict=True))

    def of(self, portfolio: str) -> dict[tuple[str, str, str, str], float]:
        """One portfolio's amounts by (product class, risk class, margin, bucket)."""
        return {
            (product, risk, margin, bucket): amount
            for whose, product, risk, margin, bucket, amount in self
            if whose == portfolio
        }


class Telling:
    """Collects rows, block by block, as codes; names are joined once at the end."""

    def __init__(self, portfolios: tuple[str, ...], products: tuple[str, ...]) -> None:
        self._portfolios, self._products = portfolios, products
        self._blocks: list[tuple[Ints, Ints, str, str, Column, Floats]] = []

    def units(
        self, units: Ints, amount: Floats, *, risk_class: str, margin: str, bucket: Column | None
    ) -> None:
        """Rows of (portfolio, product class), numbered portfolio by portfolio."""
        portfolio, product = np.divmod(units, len(self._products))
        buckets = Column.constant(ALL, units.size) if bucket is None else bucket
        self._blocks.append((portfolio, product, risk_class, margin, buckets, amount))

    def portfolios(self, amount: Floats, *, product_class: str) -> None:
        """One row for each portfolio."""
        every = np.arange(amount.size)
        product = np.full(amount.size, len(self._products) + (product_class == ALL))
        buckets = Column.constant(ALL, amount.size)
        self._blocks.append((every, product, ALL, ALL, buckets, amount))

    def told(self) -> Components:
        sizes = [block[-1].size for block in self._blocks]
        portfolio, product, amount = (
            np.concatenate([block[place] for block in self._blocks]) for place in (0, 1, 5)
        )
        products = Column.of((*self._products, ADD_ON, ALL))
        risk_class, margin = (
            Column.of([str(block[place]) for block in self._blocks])[
                np.repeat(np.arange(len(sizes)), sizes)
            ]
            for place in (2, 3)
        )
        return Components(
            portfolio=Column(portfolio, self._portfolios),
            product_class=products[product],
            risk_class=risk_class,
            margin=margin,
            bucket=_stacked([block[4] for block in self._blocks]),
            amount=amount,
        )


def _stacked(columns: list[Column]) -> Column:
    every = Column.of([name for column in columns for name in column.names])
    codes, begin = [], 0
    for column in columns:
        codes.append(every.codes[begin : begin + len(column.names)][column.codes])
        begin += len(column.names)
    return Column(np.concatenate(codes), every.names)
