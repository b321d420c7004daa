"""Reads a calibration from the file that an operator supplies, and refuses what cannot be used."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from margin.engine.reading import ParameterError, Section
from margin.engine.sensitivities.calibration import (
    FIELDS,
    SINGLE,
    Calibration,
    Form,
    Group,
    Input,
    Kind,
    RiskClass,
    Within,
)
from margin.engine.sensitivities.tables import Matrix, Table

_DAYS = {"d": 1.0, "w": 7.0}


class _Part(Section):
    """A section with fields that may be absent, and tables that may be named."""

    tables: Mapping[str, Any]
    groups: Mapping[str, Group]

    def part(self, key: str) -> _Part:
        inner = _Part(self.at(key), self._take(key))
        inner.tables, inner.groups = self.tables, self.groups
        return inner

    def parts(self) -> list[tuple[str, _Part]]:
        return [(key, self.part(key)) for key in self._held]

    def texts(self, key: str) -> tuple[str, ...]:
        held = self._take(key)
        if not isinstance(held, list) or not all(isinstance(each, str) for each in held):
            raise ParameterError(self.at(key), "must be a list of texts")
        return tuple(held)

    def field(self, key: str) -> str:
        return self.a_field(key, self.text(key))

    def a_field(self, key: str, text: str) -> str:
        group, of, inner = text.rpartition(" of ")
        if inner not in FIELDS or (of and group not in self.groups):
            raise ParameterError(self.at(key), f"{text!r} is no field of a sensitivity")
        return text

    def raw(self, key: str) -> Any:
        """What is held under the key, or the table that it names."""
        held = self._take(key)
        if isinstance(held, str):
            if held not in self.tables:
                raise ParameterError(self.at(key), f"no table is named {held!r}")
            return self.tables[held]
        return held

    def table(self, *, between: int = 0, least: float | None = None) -> Table:
        """`by` some fields, `values` nested as deep; `between` more levels than that."""
        by = tuple(self.a_field("by", each) for each in self.texts("by"))
        place = self.at("values")
        entries = dict(_flat(place, self.raw("values"), len(by) + between, least))
        self.finish()
        return Table(place=place, by=by, entries=entries)

    def matrix(self, key: str) -> Matrix:
        """One number for all, or nested objects, of which one triangle is enough."""
        place, held = self.at(key), self.raw(key)
        if not isinstance(held, Mapping):
            every = _number(place, held, -1.0)
            return Matrix(place=place, names=(), values={}, otherwise=_correlation(place, every))
        return _symmetric(place, held)


def load(source: Path | str | Mapping[str, Any]) -> Calibration:
    """Read a calibration from a JSON file, or from what such a file holds.

    Raises ParameterError naming the field that is missing, unknown, mistyped or out of range.
    """
    if isinstance(source, Mapping):
        return _calibration(_Part("", source))
    try:
        held = json.loads(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError(str(source), f"cannot be read as JSON: {error}") from error
    return _calibration(_Part("", held))


def _calibration(root: _Part) -> Calibration:
    root.tables, root.groups = {}, {}
    days = root.number("days_a_year", above=0.0)
    root.groups = {name: _group(each) for name, each in root.part("groups").parts()}
    read = Calibration(
        name=root.text("name"),
        source=root.text("source"),
        product_classes=root.texts("product_classes"),
        threshold_unit=root.number("threshold_unit", above=0.0),
        days_a_year=days,
        horizon_days=root.number("horizon_days", above=0.0),
        volatility_quantile=_probability(root, "volatility_quantile"),
        curvature_quantile=_probability(root, "curvature_quantile"),
        tenor_days={each: _tenor(root, each, days) for each in root.texts("tenors")},
        groups=root.groups,
        classes=tuple(_class(name, each) for name, each in root.part("risk_classes").parts()),
        between_classes=root.matrix("between_risk_classes"),
    )
    root.finish()
    _check_classes(read)
    return read


def _group(part: _Part) -> Group:
    lists: dict[str, str] = {}
    inner = part.part("lists")
    for name in list(inner._held):
        for member in inner.texts(name):
            if member in lists:
                raise ParameterError(inner.at(name), f"{member!r} is in another list too")
            lists[member] = name
    otherwise = part.text("otherwise") if part.has("otherwise") else None
    part.finish()
    return Group(lists=lists, otherwise=otherwise)


def _class(name: str, part: _Part) -> RiskClass:
    if part.has("tables"):
        part.tables = part._take("tables")
        if not isinstance(part.tables, Mapping):
            raise ParameterError(part.at("tables"), "must be an object")
    read = RiskClass(
        name=name,
        residual=part.text("residual") if part.has("residual") else None,
        kinds=tuple(_kind(key, each) for key, each in part.part("margins").parts()),
    )
    part.finish()
    return read


def _kind(name: str, part: _Part) -> Kind:
    form = part.text("form")
    if form not in set(Form):
        raise ParameterError(part.at("form"), f"must be one of {', '.join(Form)}")
    bucket = part.text("bucket")
    across = part.part("across_names") if part.has("across_names") else None
    between = across.field("between") if across and across.has("between") else None
    read = Kind(
        name=name,
        form=Form(form),
        inputs=tuple(_input(key, each) for key, each in part.part("inputs").parts()),
        bucket=bucket if bucket == SINGLE else part.a_field("bucket", bucket),
        labels=part.texts("labels") if part.has("labels") else (),
        excluded_buckets=part.texts("excluded_buckets") if part.has("excluded_buckets") else (),
        drops_calculation_currency=part.has("drops_calculation_currency")
        and part.flag("drops_calculation_currency"),
        weight=_optional_table(part, "weight", 0.0),
        volatility=_optional_table(part, "volatility_weight", 0.0),
        multiplier=part.number("multiplier", above=0.0) if part.has("multiplier") else 1.0,
        threshold=_optional_table(part, "threshold", 0.0),
        across=across.table(between=2 if between else 0, least=-1.0) if across else None,
        between=between,
        within=_within(part.part("within_name")) if part.has("within_name") else Within(),
        alike=part.field("alike") if part.has("alike") else None,
        buckets=part.matrix("between_buckets") if part.has("between_buckets") else None,
        bucket_concentration=part.has("bucket_concentration") and part.flag("bucket_concentration"),
    )
    part.finish()
    _check_kind(part, read)
    return read


def _optional_table(part: _Part, key: str, least: float) -> Table | None:
    return part.part(key).table(least=least) if part.has(key) else None


def _input(risk_type: str, part: _Part) -> Input:
    read = Input(
        risk_type=risk_type,
        label1=part.text("label1") if part.has("label1") else None,
        concentrated=part.flag("concentrated") if part.has("concentrated") else True,
        pair=part.has("pair") and part.flag("pair"),
    )
    part.finish()
    return read


def _within(part: _Part) -> Within:
    read = Within(
        factor=part.part("factor").table(least=-1.0) if part.has("factor") else None,
        label1=part.matrix("label1") if part.has("label1") else None,
        label2=part.matrix("label2") if part.has("label2") else None,
    )
    part.finish()
    return read


def _check_kind(part: _Part, kind: Kind) -> None:
    if not set(kind.labels) <= {"label1", "label2"}:
        raise ParameterError(part.at("labels"), "are label1, label2 or both")
    if kind.form is Form.WEIGHTED and kind.weight is None:
        raise ParameterError(part.at("weight"), "is missing")
    if kind.form is Form.CURVATURE and (kind.weight or kind.threshold):
        unknown = "weight" if kind.weight else "threshold"
        raise ParameterError(part.at(unknown), "is not a field of a curvature margin")
    if kind.bucket != SINGLE and kind.buckets is None:
        raise ParameterError(part.at("between_buckets"), "is missing")
    if len({each.pair for each in kind.inputs}) != 1:
        raise ParameterError(part.at("inputs"), "are all pairs or none, and at least one")
    for table in _tables(kind.threshold, kind.volatility):
        for held, value in table.entries.items():
            if value <= 0.0:
                raise ParameterError(".".join((table.place, *held)), "must be more than 0")
    for table in _tables(kind.across, kind.within.factor):
        for held, value in table.entries.items():
            _correlation(".".join((table.place, *held)), value)
    _check_fields(part, kind)


def _check_fields(part: _Part, kind: Kind) -> None:
    """A table may ask only for what every sensitivity of one factor has in common."""
    known = {"bucket", "qualifier", "calculation", *kind.labels}
    if any(each.pair for each in kind.inputs):
        known |= {"first", "second"}
    tables = _tables(kind.weight, kind.volatility, kind.across, kind.within.factor)
    asked = [field for table in tables for field in table.by]
    asked += [kind.bucket] if kind.bucket != SINGLE else []
    asked += [field for field in (kind.between, kind.alike) if field]
    for field in asked:
        if field.rpartition(" of ")[2] not in known:
            raise ParameterError(part.at(field), "is not the same in all of a factor")
    for table in _tables(kind.threshold):
        for field in table.by:
            if field.rpartition(" of ")[2] not in known - {"label1", "label2"}:
                raise ParameterError(part.at(field), "is not the same in all of a name")


def _tables(*tables: Table | None) -> list[Table]:
    return [table for table in tables if table is not None]


def _check_classes(read: Calibration) -> None:
    seen: set[tuple[str, str]] = set()
    for held in read.classes:
        matrix = read.between_classes
        if matrix.otherwise is None and len(read.classes) > 1 and held.name not in matrix.names:
            raise ParameterError(matrix.place, f"{held.name!r} is missing")
        for kind in held.kinds:
            for each in kind.inputs:
                key = (each.risk_type, kind.name)
                if key in seen:
                    raise ParameterError(held.name, f"{each.risk_type} is in {kind.name} twice")
                seen.add(key)


def _flat(
    place: str, held: Any, depth: int, least: float | None
) -> list[tuple[tuple[str, ...], float]]:
    if depth == 0:
        return [((), _number(place, held, least))]
    if not isinstance(held, Mapping) or not held:
        raise ParameterError(place, "must be an object")
    return [
        ((name, *rest), value)
        for name, inner in held.items()
        for rest, value in _flat(f"{place}.{name}", inner, depth - 1, least)
    ]


def _symmetric(place: str, held: Mapping[str, Any]) -> Matrix:
    given = dict(_flat(place, held, 2, -1.0))
    names = tuple(dict.fromkeys(name for pair in given for name in pair))
    values: dict[tuple[str, str], float] = {}
    for one in names:
        for other in names:
            if one == other:
                continue
            here, there = given.get((one, other)), given.get((other, one))
            value = here if there is None else there
            if value is None:
                raise ParameterError(f"{place}.{one}.{other}", "is missing")
            if here is not None and here != value:
                raise ParameterError(f"{place}.{one}.{other}", "differs from its mirror image")
            values[one, other] = _correlation(f"{place}.{one}.{other}", value)
    return Matrix(place=place, names=names, values=values)


def _correlation(place: str, value: float) -> float:
    if value > 1.0:
        raise ParameterError(place, f"must be at most 1, is {value:g}")
    return value


def _number(place: str, value: Any, least: float | None) -> float:
    section = Section("", {place: value})
    return section.number(place) if least is None else section.number(place, least=least)


def _probability(part: _Part, key: str) -> float:
    value = part.number(key, above=0.5)
    if value >= 1.0:
        raise ParameterError(part.at(key), f"must be less than 1, is {value:g}")
    return value


def _tenor(part: _Part, text: str, days_a_year: float) -> float:
    match = re.fullmatch(r"([1-9][0-9]*)([dwmy])", text)
    if match is None:
        raise ParameterError(part.at("tenors"), f"{text!r} is no tenor such as 2w, 3m or 10y")
    days = {**_DAYS, "m": days_a_year / 12.0, "y": days_a_year}
    return int(match[1]) * days[match[2]]
