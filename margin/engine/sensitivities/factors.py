"""From the rows of an input to the risk factors of one kind of margin, netted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from margin.engine.sensitivities import steps
from margin.engine.sensitivities.calibration import SINGLE, Calibration, Form, Kind
from margin.engine.sensitivities.inputs import Sensitivities, SensitivityRefused
from margin.engine.sensitivities.tables import Column, Matrix, NotListed, Table, joined
from margin.engine.shapes import Flags, Floats, Ints

_CODE_LETTERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """Risk factors sorted by unit, bucket and name; every field is by factor.

    frame         what tables may be looked up by
    row           of the input: one of those netted, to name it in a refusal
    concentrated  counts towards the concentration of its name
    amount        net sensitivity; volatility-weighted where the kind says so
    """

    calibration: Calibration
    frame: dict[str, Column]
    row: Ints
    unit: Ints
    concentrated: Flags
    amount: Floats

    def field(self, name: str) -> Column:
        """A field, or a group of one."""
        group, of, inner = name.rpartition(" of ")
        column = self.frame[inner]
        if not of:
            return column
        return column.renamed([self.calibration.groups[group].of(each) for each in column.names])

    def numbers(self, table: Table, places: Ints | None = None) -> Floats:
        """The table's number for each factor, or for those at some places.

        Raises SensitivityRefused naming the input row.
        """
        places = np.arange(self.row.size) if places is None else places
        frame = {each: self.field(each)[places] for each in table.by}
        try:
            return table.of(frame, places.size)
        except NotListed as missing:
            row = int(self.row[places[missing.row]])
            raise refusal(row, missing.field, missing) from None

    def correlations(self, matrix: Matrix, column: Column, field: str) -> Floats:
        """(names, names) of the column. Raises SensitivityRefused naming the input row."""
        try:
            return matrix.over(column)
        except NotListed as missing:
            raise refusal(int(self.row[missing.row]), field, missing) from None


def refusal(row: int, field: str, missing: NotListed) -> SensitivityRefused:
    """A number that the calibration lacks, told as an input row's field."""
    return SensitivityRefused(row, field.rpartition(" of ")[2], str(missing))


def rows_of(sensitivities: Sensitivities, kind: Kind, currency: str) -> Ints:
    """The input rows that a kind of margin is made of."""
    chosen = sensitivities.risk_type.where([each.risk_type for each in kind.inputs])
    chosen = chosen & ~sensitivities.bucket.where(kind.excluded_buckets)
    if kind.drops_calculation_currency:
        chosen = chosen & ~sensitivities.qualifier.where([currency])
    return np.flatnonzero(chosen)


def factors(
    sensitivities: Sensitivities,
    rows: Ints,
    unit: Ints,
    kind: Kind,
    calibration: Calibration,
    *,
    currency: str,
) -> Factors:
    """The netted factors of a kind of margin.

    rows    of the input, that the kind is made of
    unit    (rows of the input,) whose each sensitivity is
    Raises SensitivityRefused naming the row and field that cannot be read.
    """
    frame, concentrated = _frame(sensitivities, rows, kind, currency)
    flag = Column(concentrated.astype(np.int64), ("no", "yes"))
    parts = [frame["bucket"], frame["qualifier"], *(frame[each] for each in kind.labels), flag]
    key = joined(parts, rows.size, before=unit[rows])
    finest = key
    if kind.form is Form.CURVATURE:
        finest = joined([*parts, frame["tenor"]], rows.size, before=unit[rows])
    try:
        first, amount = steps.net(finest, sensitivities.amount[rows])
    except steps.SumTooLarge as error:
        reason = "amounts of its risk factor are more than 2**52 together"
        raise SensitivityRefused(int(rows[error.row]), "amount", reason) from None
    whole = Factors(
        calibration=calibration,
        frame={name: column[first] for name, column in frame.items()},
        row=rows[first],
        unit=unit[rows][first],
        concentrated=concentrated[first],
        amount=amount,
    )
    if kind.form is Form.WEIGHTED:
        return _scaled(whole, kind.multiplier * _volatility(whole, kind))
    scaled = _scaled(whole, _tenor_scale(whole) * _volatility(whole, kind))
    return _merged(scaled, key[first])


def _frame(
    sensitivities: Sensitivities, rows: Ints, kind: Kind, currency: str
) -> tuple[dict[str, Column], Flags]:
    risk_type = sensitivities.risk_type[rows]
    label1 = sensitivities.label1[rows]
    frame = {
        "qualifier": sensitivities.qualifier[rows],
        "tenor": label1,
        "label2": sensitivities.label2[rows],
        "calculation": Column.constant(currency, rows.size),
    }
    names, codes = list(label1.names), label1.codes.copy()
    concentrated = np.ones(rows.size, np.bool_)
    for each in kind.inputs:
        own = risk_type.where([each.risk_type])
        if each.label1 is not None:
            codes[own] = len(names)
            names.append(each.label1)
        concentrated[own] = each.concentrated
    frame["label1"] = Column(codes, tuple(names)).renamed(names)
    if any(each.pair for each in kind.inputs):
        frame |= _pairs(frame["qualifier"], rows)
    if kind.bucket == SINGLE:
        frame["bucket"] = Column.constant("All", rows.size)
    elif kind.bucket == "bucket":
        frame["bucket"] = sensitivities.bucket[rows]
    else:
        frame["bucket"] = frame[kind.bucket]
    return frame, concentrated


def _pairs(qualifier: Column, rows: Ints) -> dict[str, Column]:
    """Currency pairs in one order, and their halves."""
    halves: list[tuple[str, str]] = []
    for code, name in enumerate(qualifier.names):
        if len(name) != 2 * _CODE_LETTERS and (qualifier.codes == code).any():
            row = int(rows[np.argmax(qualifier.codes == code)])
            raise SensitivityRefused(row, "qualifier", f"{name!r} is not two currencies")
        one, other = sorted((name[:_CODE_LETTERS], name[_CODE_LETTERS:]))
        halves.append((one, other))
    return {
        "qualifier": qualifier.renamed([one + other for one, other in halves]),
        "first": qualifier.renamed([one for one, _ in halves]),
        "second": qualifier.renamed([other for _, other in halves]),
    }


def _volatility(held: Factors, kind: Kind) -> Floats | float:
    """A year's volatility from a weight that is a quantile over the horizon; 1 without one."""
    if kind.volatility is None:
        return 1.0
    calibration = held.calibration
    years = calibration.days_a_year / calibration.horizon_days
    weight = held.numbers(kind.volatility)
    volatility: Floats = weight * np.sqrt(years) / ndtri(calibration.volatility_quantile)
    return volatility


def _tenor_scale(held: Factors) -> Floats:
    """Vega of an option to its gamma: half the horizon over the time left, at most a half."""
    calibration = held.calibration
    tenor = Table(place="tenors", by=("tenor",), entries=_days(calibration))
    try:
        days = tenor.of(held.frame, held.row.size)
    except NotListed as missing:
        row = int(held.row[missing.row])
        raise SensitivityRefused(row, "label1", f"{missing.held[0]!r} is no tenor") from None
    scale: Floats = 0.5 * np.minimum(1.0, calibration.horizon_days / days)
    return scale


def _days(calibration: Calibration) -> dict[tuple[str, ...], float]:
    return {(name,): days for name, days in calibration.tenor_days.items()}


def _scaled(held: Factors, by: Floats | float) -> Factors:
    return Factors(
        calibration=held.calibration,
        frame=held.frame,
        row=held.row,
        unit=held.unit,
        concentrated=held.concentrated,
        amount=held.amount * by,
    )


def _merged(held: Factors, key: Ints) -> Factors:
    """Factors of one key added up; the keys are sorted."""
    starts = steps.starts_of(key)
    segment = steps.numbered(starts, key.size)
    return Factors(
        calibration=held.calibration,
        frame={name: column[starts] for name, column in held.frame.items()},
        row=held.row[starts],
        unit=held.unit[starts],
        concentrated=held.concentrated[starts],
        amount=steps.summed(held.amount, segment, starts.size),
    )
