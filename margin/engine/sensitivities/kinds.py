"""One kind of margin of one risk class, of every portfolio at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from margin.engine.sensitivities import steps
from margin.engine.sensitivities.calibration import Calibration, Form, Kind, RiskClass
from margin.engine.sensitivities.factors import Factors, factors, refusal, rows_of
from margin.engine.sensitivities.inputs import Sensitivities
from margin.engine.sensitivities.tables import Column, Matrix, NotListed, joined
from margin.engine.shapes import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class KindMargin:
    """A unit is one portfolio's one product class.

    amount         (units,)
    units          those with anything to margin, also where it nets to nothing
    bucket_units   (buckets,) with bucket and bucket_amount: the root of each bucket's variance
    """

    amount: Floats
    units: Ints
    bucket_units: Ints
    bucket: Column
    bucket_amount: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Buckets:
    """Buckets sorted by unit; every field is by bucket.

    row       of the input: one in the bucket
    variance  of the weighted factors, never negative
    net       their sum, no larger than the root of the variance
    total     their sum
    gross     sum of their sizes
    ratio     largest concentration
    """

    unit: Ints
    row: Ints
    column: Column
    variance: Floats
    net: Floats
    total: Floats
    gross: Floats
    ratio: Floats


def kind_margin(
    sensitivities: Sensitivities,
    unit: Ints,
    units: int,
    risk_class: RiskClass,
    kind: Kind,
    calibration: Calibration,
    *,
    currency: str,
    rate: float,
) -> KindMargin:
    """The margin of one kind; `unit` (rows,) says whose each sensitivity is.

    Raises SensitivityRefused naming the row and field that the calibration has no number for.
    """
    rows = rows_of(sensitivities, kind, currency)
    if rows.size == 0:
        none, nothing = np.zeros(0, np.int64), np.zeros(0)
        return KindMargin(
            amount=np.zeros(units),
            units=none,
            bucket_units=none,
            bucket=Column(none, ()),
            bucket_amount=nothing,
        )
    held = factors(sensitivities, rows, unit, kind, calibration, currency=currency)
    name = _names(held)
    weighted, ratio = held.amount, np.ones(held.row.size)
    if kind.weight is not None:
        ratio = _concentration(held, name, kind, rate)
        weighted = held.numbers(kind.weight) * held.amount
        weighted = weighted * np.where(held.concentrated, ratio, 1.0)
    buckets = _aggregated(held, name, weighted, ratio, kind)
    residual = buckets.column.where(() if risk_class.residual is None else (risk_class.residual,))
    between = _between_buckets(buckets, np.flatnonzero(~residual), kind)
    scale = kind.multiplier if kind.form is Form.CURVATURE else 1.0
    amount = np.zeros(units)
    for some in (~residual, residual):
        alone = np.flatnonzero(some)
        amount += scale * _across(buckets, alone, between, kind, calibration, units)
    return KindMargin(
        amount=amount,
        units=np.unique(unit[rows]),
        bucket_units=buckets.unit,
        bucket=buckets.column,
        bucket_amount=np.sqrt(buckets.variance),
    )


def _names(held: Factors) -> Ints:
    """Which name each factor is of, numbered in order; (factors,)."""
    key = joined([held.frame["bucket"], held.frame["qualifier"]], held.row.size)
    begins = np.ones(key.size, np.bool_)
    begins[1:] = (np.diff(key) != 0) | (np.diff(held.unit) != 0)
    numbered: Ints = np.cumsum(begins) - 1
    return numbered


def _concentration(held: Factors, name: Ints, kind: Kind, rate: float) -> Floats:
    """The concentration of each factor's name; (factors,)."""
    if kind.threshold is None:
        return np.ones(name.size)
    starts = steps.starts_of(name)
    unit = held.calibration.threshold_unit * rate
    thresholds = held.numbers(kind.threshold, starts) * unit
    totals = steps.summed(np.where(held.concentrated, held.amount, 0.0), name, starts.size)
    by_factor: Floats = steps.concentration(totals, thresholds)[name]
    return by_factor


def _aggregated(held: Factors, name: Ints, weighted: Floats, ratio: Floats, kind: Kind) -> _Buckets:
    bucket = held.frame["bucket"]
    key = held.unit * max(len(bucket.names), 1) + bucket.codes
    starts = steps.starts_of(key)
    segment = steps.numbered(starts, key.size)
    across, within = _across_names(held, kind), _within_name(held, kind)
    power = 2 if kind.form is Form.CURVATURE else 1
    alike = name if kind.alike is None else held.field(kind.alike).codes

    def correlation(one: Ints, other: Ints) -> Floats:
        same = alike[one] == alike[other]
        value = np.where(same, within(one, other), across(one, other)) ** power
        likeness: Floats = value * steps.likeness(ratio[one], ratio[other])
        return likeness

    variance = steps.summed(weighted * weighted, segment, starts.size)
    variance = np.maximum(variance + steps.cross_terms(weighted, starts, correlation), 0.0)
    root = np.sqrt(variance)
    total = steps.summed(weighted, segment, starts.size)
    return _Buckets(
        unit=held.unit[starts],
        row=held.row[starts],
        column=bucket[starts],
        variance=variance,
        net=np.clip(total, -root, root),
        total=total,
        gross=steps.summed(np.abs(weighted), segment, starts.size),
        ratio=np.maximum.reduceat(ratio, starts) if starts.size else np.ones(0),
    )


def _across_names(held: Factors, kind: Kind) -> steps.Correlation:
    """Correlation of factors of different names of one bucket."""
    if kind.across is None:
        return lambda one, other: np.zeros(np.broadcast_shapes(one.shape, other.shape))
    if kind.between is None:
        value = held.numbers(kind.across)
        return lambda one, other: np.broadcast_to(
            value[one], np.broadcast_shapes(one.shape, other.shape)
        )
    shared = [held.field(each) for each in kind.across.by]
    column = held.field(kind.between)
    distinct, first, place = np.unique(
        joined(shared, held.row.size), return_index=True, return_inverse=True
    )
    names = column.names
    grid = np.zeros((distinct.size, len(names), len(names)))
    for which, factor in enumerate(first.tolist()):
        given = tuple(each.names[int(each.codes[factor])] for each in shared)
        for k, m in np.ndindex(len(names), len(names)):
            key = (*given, names[k], names[m])
            if key not in kind.across.entries:
                row = int(held.row[np.argmax(column.codes == k)])
                raise refusal(row, kind.between, NotListed(kind.across.place, "", row, key))
            grid[which, k, m] = kind.across.entries[key]
    return lambda one, other: grid[place[one], column.codes[one], column.codes[other]]


def _within_name(held: Factors, kind: Kind) -> steps.Correlation:
    """Correlation of different factors of one name: a product over what tells them apart."""
    factor = held.numbers(kind.within.factor) if kind.within.factor else None
    label1, label2 = held.frame["label1"], held.frame["label2"]
    first = _matrix(held, kind.within.label1, label1, "label1")
    second = _matrix(held, kind.within.label2, label2, "label2")
    if second is not None and "" in label2.names:
        none = label2.names.index("")
        second[none, :] = second[:, none] = 1.0

    def correlation(one: Ints, other: Ints) -> Floats:
        value = np.ones(np.broadcast_shapes(one.shape, other.shape))
        if factor is not None:
            value = value * factor[one]
        if first is not None:
            value = value * first[label1.codes[one], label1.codes[other]]
        if second is not None:
            value = value * second[label2.codes[one], label2.codes[other]]
        return value

    return correlation


def _matrix(held: Factors, matrix: Matrix | None, column: Column, field: str) -> Floats | None:
    return None if matrix is None else held.correlations(matrix, column, field)


def _between_buckets(buckets: _Buckets, diversified: Ints, kind: Kind) -> steps.Correlation:
    power = 2 if kind.form is Form.CURVATURE else 1
    if kind.buckets is None:
        return lambda one, other: np.zeros(np.broadcast_shapes(one.shape, other.shape))
    try:
        dense = kind.buckets.over(buckets.column[diversified]) ** power
    except NotListed as missing:
        row = int(buckets.row[diversified[missing.row]])
        raise refusal(row, kind.bucket, missing) from None
    codes, ratio = buckets.column.codes, buckets.ratio

    def correlation(one: Ints, other: Ints) -> Floats:
        value: Floats = dense[codes[one], codes[other]]
        if kind.bucket_concentration:
            value = value * steps.likeness(ratio[one], ratio[other])
        return value

    return correlation


def _across(
    buckets: _Buckets,
    some: Ints,
    between: steps.Correlation,
    kind: Kind,
    calibration: Calibration,
    units: int,
) -> Floats:
    """The margin of some of the buckets; (units,)."""
    unit, net = buckets.unit[some], buckets.net[some]
    starts = steps.starts_of(unit)
    cross = steps.cross_terms(net, starts, lambda one, other: between(some[one], some[other]))
    variance = steps.summed(buckets.variance[some], unit, units)
    variance[unit[starts]] += cross
    root: Floats = np.sqrt(np.maximum(variance, 0.0))
    if kind.form is Form.WEIGHTED:
        return root
    total = steps.summed(buckets.total[some], unit, units)
    gross = steps.summed(buckets.gross[some], unit, units)
    quantile = float(ndtri(calibration.curvature_quantile))
    spread = steps.curvature_spread(total, gross, quantile)
    margin: Floats = np.maximum(0.0, total + spread * root)
    return margin
