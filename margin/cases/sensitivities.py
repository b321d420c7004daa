"""Unit tests of a sensitivity method: tables of sensitivities, of add-ons, and of expected margins.

Published by AcadiaSoft (simm-lib). A test names rows of the other two tables, a row as often as it
counts. Those tables are read from the files given, or else from the folder of the tests. So is the
calibration: a JSON file given beside the tests, in the layout of margin/methods/sensitivities, or
else the one that lies there. Published results are whole units of currency.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from margin.cases import Case, Result
from margin.engine.reading import ParameterError
from margin.engine.sensitivities import (
    ADD_ON,
    ALL,
    Addition,
    Additions,
    Calibration,
    Components,
    Sensitivities,
    SensitivityMargin,
    SensitivityRefused,
    load,
    requirement,
)

METHOD = Path(__file__).parents[1] / "methods" / "sensitivities" / "isda-simm-2.5-10day.json"
CURRENCY = "USD"
TOTAL = "expected_simm_total_usd"
TESTS = ("test_id", "sensitivity_ids", TOTAL)
FIELDS = ("product_class", "risk_type", "qualifier", "bucket", "label1", "label2")
SENSITIVITIES = ("sensitivity_id", *FIELDS, "amount_usd")
ADDITIONS = ("sensitivity_id", "kind", "product", "value")
KINDS = {
    "AddOnFixedAmount": Addition.FIXED,
    "AddOnNotionalFactor": Addition.FACTOR,
    "Notional": Addition.NOTIONAL,
    "ProductClassMultiplier": Addition.MULTIPLIER,
}
MARGINS = {
    "simm_delta": "Delta",
    "simm_vega": "Vega",
    "simm_curvature": "Curvature",
    "simm_base_corr": "BaseCorr",
}
ON_TOP = "simm_addon"

Row = Mapping[str, str]


class CaseUnreadable(ValueError):
    """A case that is not what its layout promises."""


@dataclass(frozen=True, slots=True)
class SensitivityCases:
    NAME: str = "sensitivities with expected margins (simm-lib)"

    def recognises(self, path: Path) -> bool:
        return _role(path) != ""

    def cases(self, paths: Sequence[Path]) -> list[Case]:
        given = {path: _role(path) for path in paths}
        calibrations = [path for path, role in given.items() if role == "calibration"]
        try:
            calibration = load(calibrations[-1] if calibrations else METHOD)
        except ParameterError as error:
            return [Case(name=str(calibrations[-1]), unreadable=str(error))]
        found: list[Case] = []
        for path, role in given.items():
            if role == "tests":
                found += _cases(path, given, calibration)
        return found


@dataclass(slots=True)
class _Portfolio:
    """A test that can be run, and the rows that it names."""

    test: Row
    sensitivities: list[Row] = field(default_factory=list)
    additions: list[Row] = field(default_factory=list)


def _cases(tests: Path, given: Mapping[Path, str], calibration: Calibration) -> list[Case]:
    sensitivities, additions = (
        _by_id(_tables(tests, given, role)) for role in ("sensitivities", "additions")
    )
    cases: dict[str, Case] = {}
    portfolios: dict[str, _Portfolio] = {}
    for number, test in enumerate(rows_of(tests), start=1):
        name = test["test_id"] or f"row {number}"
        if name in cases:
            name = f"{name} (row {number})"
        cases[name] = Case(name=name)
        try:
            portfolio = _portfolio(test, sensitivities, additions)
            unsupported = _unsupported(portfolio, calibration)
        except CaseUnreadable as error:
            cases[name] = Case(name=name, unreadable=str(error))
            continue
        if unsupported:
            cases[name] = Case(name=name, unsupported=unsupported)
        else:
            portfolios[name] = portfolio
    cases |= _run(portfolios, calibration)
    return list(cases.values())


def _portfolio(
    test: Row, sensitivities: Mapping[str, list[Row]], additions: Mapping[str, list[Row]]
) -> _Portfolio:
    portfolio = _Portfolio(test)
    for each in test["sensitivity_ids"].split():
        known = [table[each] for table in (sensitivities, additions) if each in table]
        if not known:
            raise CaseUnreadable(f"no row {each} in the tables")
        if len(known) > 1 or len(known[0]) > 1:
            raise CaseUnreadable(f"{each} stands for more than one row")
        (portfolio.sensitivities if each in sensitivities else portfolio.additions).extend(known[0])
    return portfolio


def _unsupported(portfolio: _Portfolio, calibration: Calibration) -> str:
    if not portfolio.sensitivities and not portfolio.additions:
        return "the test names no sensitivity"
    asked = {row["risk_type"] for row in portfolio.sensitivities} - calibration.risk_types
    if asked:
        return f"{calibration.name} has no {', '.join(sorted(asked))}"
    return ""


def _run(portfolios: dict[str, _Portfolio], calibration: Calibration) -> dict[str, Case]:
    """All tests at once; one that is refused is set aside and the others are run without it."""
    cases: dict[str, Case] = {}
    left = dict(portfolios)
    for name, portfolio in portfolios.items():
        try:
            _inputs({name: portfolio})
            theirs = _theirs(portfolio.test)
        except CaseUnreadable as error:
            cases[name] = Case(name=name, unreadable=str(error))
            del left[name]
            continue
        if not theirs:
            cases[name] = Case(name=name, unreadable="no expected margin")
            del left[name]
    while left:
        sensitivities, additions = _inputs(left)
        try:
            margin = requirement(sensitivities, calibration, currency=CURRENCY, additions=additions)
        except SensitivityRefused as error:
            rows = additions if error.field in ("product", "kind", "value") else sensitivities
            name = rows.portfolio.texts()[error.row]
            cases[name] = Case(name=name, unreadable=f"{error.field}: {error.reason}")
            del left[name]
            continue
        return cases | _judged(left, margin)
    return cases


def _judged(portfolios: Mapping[str, _Portfolio], margin: SensitivityMargin) -> dict[str, Case]:
    ours = _ours(margin.components)
    totals = dict(zip(margin.portfolios, margin.total.tolist(), strict=True))
    cases: dict[str, Case] = {}
    for name, portfolio in portfolios.items():
        results = tuple(
            Result(
                name=what,
                ours=totals[name] if what == TOTAL else ours.get((name, what), 0.0),
                theirs=float(text),
                half=half_of(text),
            )
            for what, text in _theirs(portfolio.test).items()
        )
        cases[name] = Case(name=name, results=results)
    return cases


def _ours(components: Components) -> dict[tuple[str, str], float]:
    """Margins by case and published column: of all product classes, each by itself."""
    columns = {margin: column for column, margin in MARGINS.items()}
    sums: dict[tuple[str, str], float] = {}
    for portfolio, product, risk_class, margin, _, amount in components:
        if product == ADD_ON:
            key = (portfolio, ON_TOP)
        elif product != ALL and risk_class == ALL and margin in columns:
            key = (portfolio, columns[margin])
        else:
            continue
        sums[key] = sums.get(key, 0.0) + amount
    return sums


def _theirs(test: Row) -> dict[str, str]:
    """The figures of a test as published; a column that is empty publishes nothing."""
    held = {name: (test.get(name) or "").strip() for name in (TOTAL, *MARGINS, ON_TOP)}
    for name, text in held.items():
        if text:
            number_of(text, name)
    return {name: text for name, text in held.items() if text}


def half_of(text: str) -> float:
    """Half of the last digit that was printed."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return float(0.5 * 10.0**-decimals)


def _inputs(portfolios: Mapping[str, _Portfolio]) -> tuple[Sensitivities, Additions]:
    rows = [(name, row) for name, each in portfolios.items() for row in each.sensitivities]
    beside = [(name, row) for name, each in portfolios.items() for row in each.additions]
    for _, row in beside:
        if row["kind"] not in KINDS:
            raise CaseUnreadable(f"{row['sensitivity_id']}: no kind {row['kind']!r} is known")
    try:
        return (
            Sensitivities.of(
                portfolio=[name for name, _ in rows],
                amount=[number_of(row["amount_usd"], row["sensitivity_id"]) for _, row in rows],
                **{name: [row[name] for _, row in rows] for name in FIELDS},
            ),
            Additions.of(
                portfolio=[name for name, _ in beside],
                kind=[KINDS[row["kind"]] for _, row in beside],
                product=[row["product"] for _, row in beside],
                value=[number_of(row["value"], row["sensitivity_id"]) for _, row in beside],
            ),
        )
    except SensitivityRefused as error:
        raise CaseUnreadable(f"{error.field}: {error.reason}") from error


def number_of(text: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CaseUnreadable(f"{place}: {text!r} is no number") from None


def _role(path: Path) -> str:
    """What a file is to this layout, by its heading; empty for a file that is nothing to it."""
    text = text_of(path)
    if text.lstrip().startswith("{"):
        try:
            held = json.loads(text)
        except ValueError:
            return ""
        return "calibration" if isinstance(held, dict) and "risk_classes" in held else ""
    heading = heading_of(text)
    for role, fields in (
        ("tests", TESTS),
        ("sensitivities", SENSITIVITIES),
        ("additions", ADDITIONS),
    ):
        if set(fields) <= heading:
            return role
    return ""


def _tables(tests: Path, given: Mapping[Path, str], role: str) -> list[Path]:
    named = [path for path, what in given.items() if what == role]
    return named or [path for path in sorted(tests.parent.glob("*.csv*")) if _role(path) == role]


def _by_id(paths: Sequence[Path]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for path in paths:
        for row in rows_of(path):
            found.setdefault(row["sensitivity_id"], []).append(row)
    return found


def heading_of(text: str) -> set[str]:
    """The names of a table's columns."""
    return set(next(csv.reader(text.splitlines()[:1]), []))


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows by heading; what a row lacks is empty."""
    return list(csv.DictReader(text_of(path).splitlines(), restval=""))


def text_of(path: Path) -> str:
    try:
        held = path.read_bytes()
        plain = gzip.decompress(held) if held.startswith(b"\x1f\x8b") else held
        return plain.decode("utf-8-sig")
    except (OSError, EOFError, ValueError):
        return ""
