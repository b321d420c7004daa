"""Sensitivities and a calibration in, initial margin and every part of it out.

The steps are those of the ISDA Standard Initial Margin Model methodology: net, weigh, scale for
concentration, aggregate within buckets, across buckets, across risk classes; then multipliers and
add-ons. Which risk classes there are, and every number, is the calibration's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.engine.sensitivities import steps
from margin.engine.sensitivities.calibration import SINGLE, Calibration
from margin.engine.sensitivities.components import ADD_ON, ALL, Components, Telling
from margin.engine.sensitivities.inputs import (
    Addition,
    Additions,
    Sensitivities,
    SensitivityRefused,
)
from margin.engine.sensitivities.kinds import kind_margin
from margin.engine.sensitivities.tables import Column
from margin.engine.shapes import Flags, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityMargin:
    """total (portfolios,), in the order of `portfolios`, which is sorted."""

    portfolios: tuple[str, ...]
    total: Floats
    components: Components


def requirement(
    sensitivities: Sensitivities,
    calibration: Calibration,
    *,
    currency: str,
    additions: Additions | None = None,
    rate: float = 1.0,
) -> SensitivityMargin:
    """The initial margin of every portfolio named in either input.

    currency  the calculation currency, which amounts are in
    rate      of it, per unit of the currency that thresholds are in
    Raises SensitivityRefused naming the row and field that the calibration has no number for.
    """
    added = additions or Additions.of()
    _check(sensitivities, calibration, added)
    portfolio = Column.of((*sensitivities.portfolio.names, *added.portfolio.names))
    products = calibration.product_classes
    owner = portfolio.codes[sensitivities.portfolio.codes]
    unit = owner * len(products) + _places(sensitivities.product_class, products)
    units = len(portfolio.names) * len(products)

    telling = Telling(portfolio.names, products)
    margin, held = _margins(
        sensitivities, unit, units, calibration, telling, currency=currency, rate=rate
    )
    by_product = _aggregate(margin, held, calibration, telling).reshape(-1, len(products))
    on_top = _on_top(added, portfolio.names, products, by_product)
    total: Floats = by_product.sum(axis=1) + on_top
    if len(added.value):
        telling.portfolios(on_top, product_class=ADD_ON)
    telling.portfolios(total, product_class=ALL)
    return SensitivityMargin(portfolios=portfolio.names, total=total, components=telling.told())


def _places(column: Column, order: tuple[str, ...]) -> Ints:
    """Where each row's name stands in an order that holds it; (rows,)."""
    places = np.array([order.index(name) for name in column.names], np.int64)
    where: Ints = places[column.codes]
    return where


def _check(held: Sensitivities, calibration: Calibration, added: Additions) -> None:
    products = frozenset(calibration.product_classes)
    every = np.ones(len(held), np.bool_)
    _refuse_strangers("product_class", held.product_class, products, every, calibration.name)
    _refuse_strangers("risk_type", held.risk_type, calibration.risk_types, every, calibration.name)
    multiplied = added.kind.where([Addition.MULTIPLIER])
    _refuse_strangers("product", added.product, products, multiplied, calibration.name)


def _refuse_strangers(
    field: str, column: Column, known: frozenset[str], asked: Flags, calibration: str
) -> None:
    strangers = asked & column.where([name for name in column.names if name not in known])
    if strangers.any():
        row = int(np.argmax(strangers))
        text = column.names[int(column.codes[row])]
        raise SensitivityRefused(row, field, f"{calibration} has no {text!r}")


def _margins(
    sensitivities: Sensitivities,
    unit: Ints,
    units: int,
    calibration: Calibration,
    telling: Telling,
    *,
    currency: str,
    rate: float,
) -> tuple[Floats, Flags]:
    """Margins, and whether there was anything to margin; (units, classes, kinds) both."""
    kinds = _kind_names(calibration)
    margin = np.zeros((units, len(calibration.classes), len(kinds)))
    held = np.zeros(margin.shape, np.bool_)
    for c, risk_class in enumerate(calibration.classes):
        for kind in risk_class.kinds:
            k = kinds.index(kind.name)
            got = kind_margin(
                sensitivities,
                unit,
                units,
                risk_class,
                kind,
                calibration,
                currency=currency,
                rate=rate,
            )
            margin[:, c, k], held[got.units, c, k] = got.amount, True
            names = {"risk_class": risk_class.name, "margin": kind.name}
            if kind.bucket != SINGLE:  # else the bucket is the whole
                telling.units(got.bucket_units, got.bucket_amount, **names, bucket=got.bucket)
            telling.units(got.units, got.amount[got.units], **names, bucket=None)
    return margin, held


def _kind_names(calibration: Calibration) -> list[str]:
    return list(dict.fromkeys(kind.name for each in calibration.classes for kind in each.kinds))


def _aggregate(margin: Floats, held: Flags, calibration: Calibration, telling: Telling) -> Floats:
    """The margin of every unit: kinds added, risk classes diversified; (units,)."""
    by_class = np.zeros(margin.shape[:2])
    for k in range(margin.shape[2]):
        by_class += margin[:, :, k]
    for c, risk_class in enumerate(calibration.classes):
        some = np.flatnonzero(held[:, c].any(axis=1))
        names = {"risk_class": risk_class.name, "margin": ALL}
        telling.units(some, by_class[some, c], **names, bucket=None)
    for k, name in enumerate(_kind_names(calibration)):
        some = np.flatnonzero(held[:, :, k].any(axis=1))
        spread = _diversified(margin[some, :, k], calibration)
        telling.units(some, spread, risk_class=ALL, margin=name, bucket=None)
    total = _diversified(by_class, calibration)
    some = np.flatnonzero(held.any(axis=(1, 2)))
    telling.units(some, total[some], risk_class=ALL, margin=ALL, bucket=None)
    return total


def _diversified(parts: Floats, calibration: Calibration) -> Floats:
    """Root of the variance of risk classes; (units, classes) to (units,)."""
    names = Column.of([each.name for each in calibration.classes])
    correlation = calibration.between_classes.over(names)[np.ix_(names.codes, names.codes)]
    variance = np.zeros(parts.shape[0])
    for one in range(parts.shape[1]):
        for other in range(parts.shape[1]):
            variance += correlation[one, other] * (parts[:, one] * parts[:, other])
    root: Floats = np.sqrt(np.maximum(variance, 0.0))
    return root


def _on_top(
    added: Additions, portfolios: tuple[str, ...], products: tuple[str, ...], by_product: Floats
) -> Floats:
    """What multipliers and add-ons put on top; (portfolios,)."""
    rows, names = len(portfolios), max(len(added.product.names), 1)
    row = _places(added.portfolio, portfolios)
    is_a = {each: added.kind.where([each]) for each in Addition}

    def of(kind: Addition, key: Ints, size: int) -> Floats:
        weights = np.where(is_a[kind], added.value, 0.0)
        return steps.summed(weights, key, size)

    fixed = of(Addition.FIXED, row, rows)
    key = row * names + added.product.codes
    factor = of(Addition.FACTOR, key, rows * names) / 100.0
    by_factor = (factor * of(Addition.NOTIONAL, key, rows * names)).reshape(rows, names)

    multiplier = np.ones_like(by_product)
    chosen = np.flatnonzero(is_a[Addition.MULTIPLIER])
    for place in chosen.tolist():
        product = added.product.names[int(added.product.codes[place])]
        multiplier[row[place], products.index(product)] = added.value[place]
    extra = ((multiplier - 1.0) * by_product).sum(axis=1)
    on_top: Floats = extra + fixed + by_factor.sum(axis=1)
    return on_top
