"""A method that values books at a few points of a price range: ranges, groups, offsets, a minimum.

A class is everything on one underlying, a product group holds classes that move alike, a portfolio
group holds product groups. Each level says how much of a gain may be set against losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.engine.reading import Section, Source, root_of
from margin.engine.shapes import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PointParameters:
    """One method; see margin/methods/valuation-points for the files.

    moves                 (C, points) what each class's price is moved by at each point, as a share
    classes               (C) names; `products`, `portfolios` those of the groups
    product_of_class      (C) row of the products
    portfolio_of_product  (P) row of the portfolios
    product_offset        (P) share of a class's gain that counts against losses of other classes
    portfolio_offset      (G) share of a product's gain that counts against other products' losses
    minimum               money per unit of a contract's multiplier
    """

    name: str
    source: str
    classes: tuple[str, ...]
    products: tuple[str, ...]
    portfolios: tuple[str, ...]
    moves: Floats
    product_of_class: tuple[int, ...]
    portfolio_of_product: tuple[int, ...]
    product_offset: Floats
    portfolio_offset: Floats
    minimum: float


def load_point_parameters(source: Source) -> PointParameters:
    """Read a parameter set. Raises ParameterError naming the field."""
    root = root_of(source)
    steps = root.whole("steps_each_side", least=1, most=1000)
    ranges = [_moves(each, steps) for _, each in root.sections("ranges")]
    range_rows = _rows(root.sections("ranges"))
    portfolios, products = root.sections("portfolios"), root.sections("products")
    classes = root.sections("classes")
    portfolio_rows, product_rows = _rows(portfolios), _rows(products)
    portfolio_offset = [each.number("offset", least=0.0, most=1.0) for _, each in portfolios]
    product_offset = [each.number("offset", least=0.0, most=1.0) for _, each in products]
    portfolio_of = tuple(each.one_of("portfolio", portfolio_rows) for _, each in products)
    product_of = tuple(each.one_of("product", product_rows) for _, each in classes)
    range_of = [each.one_of("range", range_rows) for _, each in classes]
    for _, each in (*portfolios, *products, *classes):
        each.finish()
    read = PointParameters(
        name=root.text("name"),
        source=root.text("source"),
        classes=tuple(_rows(classes)),
        products=tuple(product_rows),
        portfolios=tuple(portfolio_rows),
        moves=np.array(ranges)[range_of],
        product_of_class=product_of,
        portfolio_of_product=portfolio_of,
        product_offset=np.array(product_offset),
        portfolio_offset=np.array(portfolio_offset),
        minimum=root.number("minimum_per_multiplier", least=0.0),
    )
    root.finish()
    return read


def _moves(section: Section, steps: int) -> list[float]:
    """From the far end down to the far end up, equally spaced on each side, not the middle."""
    down = section.number("down", above=0.0, most=1.0)
    up = section.number("up", above=0.0)
    section.finish()
    below = [-down * step / steps for step in range(steps, 0, -1)]
    return below + [up * step / steps for step in range(1, steps + 1)]


def _rows(sections: list[tuple[str, Section]]) -> dict[str, int]:
    return {name: row for row, (name, _) in enumerate(sections)}
