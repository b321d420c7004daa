"""The sensitivity method again: one portfolio, one factor, one pair at a time, from the formulas.

A calibration is the JSON document itself. Nothing is vectorised, netted exactly or sorted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import NormalDist
from typing import Any, NamedTuple

NORMAL = NormalDist()


class Row(NamedTuple):
    portfolio: str
    product_class: str
    risk_type: str
    bucket: str
    qualifier: str
    label1: str
    label2: str
    amount: float


class Factor(NamedTuple):
    """What tells one risk factor of a kind of margin from another."""

    bucket: str
    qualifier: str
    label1: str
    label2: str
    concentrated: bool


class Method:
    """One calibration, and how its tables are looked up."""

    def __init__(self, document: Mapping[str, Any], currency: str, rate: float) -> None:
        self.document = document
        self.currency = currency
        self.rate = rate

    def field(self, name: str, factor: Factor) -> str:
        group, _, inner = name.rpartition(" of ")
        pair = sorted((factor.qualifier[:3], factor.qualifier[3:]))
        value = {
            "bucket": factor.bucket,
            "qualifier": factor.qualifier,
            "label1": factor.label1,
            "label2": factor.label2,
            "calculation": self.currency,
            "first": pair[0],
            "second": pair[1],
        }[inner]
        if not group:
            return value
        held = self.document["groups"][group]
        for listed, members in held["lists"].items():
            if value in members:
                return str(listed)
        return str(held["otherwise"])

    def number(self, of_class: Mapping[str, Any], table: Any, keys: Iterable[str] = ()) -> float:
        held = of_class["tables"][table] if isinstance(table, str) else table
        for key in keys:
            held = held[key]
        return float(held)

    def lookup(
        self,
        of_class: Mapping[str, Any],
        table: Mapping[str, Any],
        factor: Factor,
        more: tuple[str, ...] = (),
    ) -> float:
        keys = [self.field(each, factor) for each in table["by"]]
        return self.number(of_class, table["values"], (*keys, *more))

    def symmetric(self, of_class: Mapping[str, Any], table: Any, one: str, other: str) -> float:
        if one == other:
            return 1.0
        held = of_class["tables"][table] if isinstance(table, str) else table
        if not isinstance(held, Mapping):
            return float(held)
        if other in held.get(one, {}):
            return float(held[one][other])
        return float(held[other][one])

    def days(self, tenor: str) -> float:
        year = self.document["days_a_year"]
        return int(tenor[:-1]) * {"d": 1.0, "w": 7.0, "m": year / 12.0, "y": year}[tenor[-1]]


def margins(
    rows: Iterable[Row],
    additions: Iterable[tuple[str, str, str, float]],
    document: Mapping[str, Any],
    currency: str,
    rate: float = 1.0,
) -> dict[str, float]:
    """Total by portfolio."""
    method = Method(document, currency, rate)
    held: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        held[row.portfolio][row.product_class].append(row)
    added: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    for portfolio, kind, product, value in additions:
        added[portfolio].append((kind, product, value))
    return {
        portfolio: _total(method, held.get(portfolio, {}), added.get(portfolio, []))
        for portfolio in {*held, *added}
    }


def _total(
    method: Method, held: Mapping[str, list[Row]], added: list[tuple[str, str, float]]
) -> float:
    multiplier = {product: value for kind, product, value in added if kind == "multiplier"}
    factor = {product: value for kind, product, value in added if kind == "factor"}
    total = 0.0
    for product, rows in held.items():
        total += multiplier.get(product, 1.0) * product_margin(method, rows)
    for kind, product, value in added:
        if kind == "fixed":
            total += value
        if kind == "notional":
            total += factor.get(product, 0.0) / 100.0 * value
    return total


def product_margin(method: Method, rows: list[Row]) -> float:
    by_class = {}
    for name, of_class in method.document["risk_classes"].items():
        kinds = of_class["margins"].values()
        by_class[name] = sum(kind_margin(method, of_class, kind, rows) for kind in kinds)
    psi = method.document["between_risk_classes"]
    variance = 0.0
    for one, first in by_class.items():
        for other, second in by_class.items():
            variance += method.symmetric({}, psi, one, other) * first * second
    return math.sqrt(variance)


def kind_margin(
    method: Method, of_class: Mapping[str, Any], kind: Mapping[str, Any], rows: list[Row]
) -> float:
    amounts = _amounts(method, of_class, kind, rows)
    ratio = _concentrations(method, of_class, kind, amounts)
    weighted: dict[str, dict[Factor, float]] = defaultdict(dict)
    for factor, amount in amounts.items():
        value = amount
        if kind["form"] == "weighted":
            value *= method.lookup(of_class, kind["weight"], factor)
            value *= ratio[factor.bucket, factor.qualifier] if factor.concentrated else 1.0
        weighted[factor.bucket][factor] = value
    residual = of_class.get("residual")
    ordinary = {bucket: held for bucket, held in weighted.items() if bucket != residual}
    alone = {bucket: held for bucket, held in weighted.items() if bucket == residual}
    margin = sum(
        _aggregate(method, of_class, kind, each, ratio) for each in (ordinary, alone) if each
    )
    return margin * (kind.get("multiplier", 1.0) if kind["form"] == "curvature" else 1.0)


def _amounts(
    method: Method, of_class: Mapping[str, Any], kind: Mapping[str, Any], rows: list[Row]
) -> dict[Factor, float]:
    document = method.document
    parts: dict[Factor, list[float]] = defaultdict(list)
    for row in rows:
        if row.risk_type not in kind["inputs"] or row.bucket in kind.get("excluded_buckets", ()):
            continue
        if kind.get("drops_calculation_currency") and row.qualifier == method.currency:
            continue
        how = kind["inputs"][row.risk_type]
        qualifier = row.qualifier
        if how.get("pair"):
            qualifier = "".join(sorted((qualifier[:3], qualifier[3:])))
        bucket = {"single": "All", "bucket": row.bucket, "qualifier": qualifier}[kind["bucket"]]
        labels = kind.get("labels", ())
        factor = Factor(
            bucket,
            qualifier,
            how.get("label1", row.label1) if "label1" in labels else "",
            row.label2 if "label2" in labels else "",
            how.get("concentrated", True),
        )
        scale = 1.0
        if "volatility_weight" in kind:
            scale *= method.lookup(of_class, kind["volatility_weight"], factor)
            scale *= math.sqrt(document["days_a_year"] / document["horizon_days"])
            scale /= NORMAL.inv_cdf(document["volatility_quantile"])
        if kind["form"] == "curvature":
            scale *= 0.5 * min(1.0, document["horizon_days"] / method.days(row.label1))
        else:
            scale *= kind.get("multiplier", 1.0)
        parts[factor].append(scale * row.amount)
    return {factor: math.fsum(each) for factor, each in parts.items()}


def _concentrations(
    method: Method,
    of_class: Mapping[str, Any],
    kind: Mapping[str, Any],
    amounts: Mapping[Factor, float],
) -> dict[tuple[str, str], float]:
    ratio: dict[tuple[str, str], float] = {}
    for factor in amounts:
        name = factor.bucket, factor.qualifier
        total = sum(
            amount
            for each, amount in amounts.items()
            if (each.bucket, each.qualifier) == name and each.concentrated
        )
        ratio[name] = 1.0
        if "threshold" in kind:
            threshold = method.lookup(of_class, kind["threshold"], factor)
            threshold *= method.document["threshold_unit"] * method.rate
            ratio[name] = max(1.0, math.sqrt(abs(total) / threshold))
    return ratio


def _aggregate(
    method: Method,
    of_class: Mapping[str, Any],
    kind: Mapping[str, Any],
    weighted: Mapping[str, Mapping[Factor, float]],
    ratio: Mapping[tuple[str, str], float],
) -> float:
    power = 2 if kind["form"] == "curvature" else 1
    variances, sums = {}, {}
    for bucket, held in weighted.items():
        variance = 0.0
        for one, first in held.items():
            for other, second in held.items():
                rho = correlation(method, of_class, kind, one, other) ** power
                here = ratio[one.bucket, one.qualifier]
                there = ratio[other.bucket, other.qualifier]
                variance += rho * min(here, there) / max(here, there) * first * second
        variances[bucket] = max(variance, 0.0)
        root = math.sqrt(variances[bucket])
        sums[bucket] = max(-root, min(root, sum(held.values())))
    variance = sum(variances.values())
    for one in weighted:
        for other in weighted:
            if one == other:
                continue
            gamma = method.symmetric(of_class, kind["between_buckets"], one, other) ** power
            if kind.get("bucket_concentration"):
                here, there = (
                    max(ratio[each.bucket, each.qualifier] for each in weighted[bucket])
                    for bucket in (one, other)
                )
                gamma *= min(here, there) / max(here, there)
            variance += gamma * sums[one] * sums[other]
    root = math.sqrt(max(variance, 0.0))
    if kind["form"] == "weighted":
        return root
    net = sum(each for held in weighted.values() for each in held.values())
    gross = sum(abs(each) for held in weighted.values() for each in held.values())
    theta = min(net / gross, 0.0) if gross else 0.0
    quantile = NORMAL.inv_cdf(method.document["curvature_quantile"])
    spread = (quantile**2 - 1.0) * (1.0 + theta) - theta
    return max(0.0, net + spread * root)


def correlation(
    method: Method, of_class: Mapping[str, Any], kind: Mapping[str, Any], one: Factor, other: Factor
) -> float:
    if one == other:
        return 1.0
    if kind.get("alike"):
        same = method.field(kind["alike"], one) == method.field(kind["alike"], other)
    else:
        same = one.qualifier == other.qualifier
    if not same:
        across = kind.get("across_names")
        if across is None:
            return 0.0
        more: tuple[str, ...] = ()
        if "between" in across:
            more = method.field(across["between"], one), method.field(across["between"], other)
        return method.lookup(of_class, across, one, more)
    within = kind.get("within_name", {})
    value = 1.0
    if "factor" in within:
        value *= method.lookup(of_class, within["factor"], one)
    if "label1" in within:
        value *= method.symmetric(of_class, within["label1"], one.label1, other.label1)
    if "label2" in within and one.label2 and other.label2:
        value *= method.symmetric(of_class, within["label2"], one.label2, other.label2)
    return value
