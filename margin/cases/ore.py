"""Sensitivities in the common risk interchange format (CRIF), and the margin expected of them.

Published by Open Source Risk Engine: a table of sensitivities, a table of margins by side and
regulation, and the calibration as XML. What a book may call, it would post with the signs turned.
Files that are not given are read from the folder of the expected margins; without any calibration
the one in margin/methods/sensitivities is used, and says what it does not cover.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from margin.cases import Case, Result
from margin.cases.ore_calibration import CalibrationUnreadable, document_of, is_calibration
from margin.cases.sensitivities import (
    METHOD,
    CaseUnreadable,
    Row,
    half_of,
    heading_of,
    number_of,
    rows_of,
    text_of,
)
from margin.engine.reading import ParameterError
from margin.engine.sensitivities import (
    ALL,
    Calibration,
    Sensitivities,
    SensitivityRefused,
    load,
    requirement,
)

SENSITIVITIES = ("PortfolioID", "ProductClass", "RiskType", "Qualifier", "Amount", "AmountCurrency")
EXPECTED = ("Portfolio", "ProductClass", "RiskClass", "MarginType", "Bucket", "InitialMargin")
SIDES = {"Call": ("collect_regulations", 1.0), "Post": ("post_regulations", -1.0)}


@dataclass(frozen=True, slots=True)
class OreCases:
    NAME: str = "CRIF sensitivities with expected margins (ORE)"

    def recognises(self, path: Path) -> bool:
        return _role(path) != ""

    def cases(self, paths: Sequence[Path]) -> list[Case]:
        given = {path: _role(path) for path in paths}
        found: list[Case] = []
        for path in (path for path, role in given.items() if role == "expected"):
            calibrations = _of(path, given, "calibration")
            try:
                calibration = load(document_of(calibrations[-1]) if calibrations else METHOD)
            except (ParameterError, CalibrationUnreadable) as error:
                found.append(Case(name=str(calibrations[-1]), unreadable=str(error)))
                continue
            rows = [row for each in _of(path, given, "sensitivities") for row in rows_of(each)]
            found += [_case(key, held, rows, calibration) for key, held in _by_side(path).items()]
        return found


Key = tuple[str, str, str, str]  # portfolio, side, regulation, calculation currency


def _by_side(path: Path) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = {}
    for row in rows_of(path):
        names = ("Portfolio", "SimmSide", "Regulation", "CalculationCurrency")
        portfolio, side, regulation, currency = (row.get(name, "") for name in names)
        found.setdefault((portfolio, side, regulation, currency), []).append(row)
    return found


def _case(key: Key, expected: Sequence[Row], rows: Sequence[Row], calibration: Calibration) -> Case:
    portfolio, side, regulation, currency = key
    name = " ".join(each for each in (portfolio, side, regulation) if each)
    try:
        held = _book(key, rows)
        strangers = sorted({row["RiskType"] for row, _ in held} - calibration.risk_types)
        if strangers:
            why = f"{calibration.name} has no {', '.join(strangers)}"
            return Case(name=name, unsupported=why)
        ours = _ours(held, calibration, currency)
        results = tuple(_result(row, ours) for row in expected)
    except CaseUnreadable as error:
        return Case(name=name, unreadable=str(error))
    except SensitivityRefused as error:
        return Case(name=name, unreadable=f"{error.field}: {error.reason}")
    return Case(name=name, results=results)


def _book(key: Key, rows: Sequence[Row]) -> list[tuple[Row, float]]:
    """The rows of one portfolio, side and regulation, with their signed amounts."""
    portfolio, side, regulation, currency = key
    if side and side not in SIDES:
        raise CaseUnreadable(f"SimmSide: {side!r} is neither Call nor Post")
    field, sign = SIDES[side or "Call"]
    held = []
    for row in rows:
        under = row.get(field, "").replace(" ", "").split(",")
        if portfolio not in (ALL, row["PortfolioID"]) or (regulation and regulation not in under):
            continue
        if row["AmountCurrency"] != currency:
            raise CaseUnreadable(
                f"AmountCurrency: {row['AmountCurrency']} and no rate to {currency}"
            )
        held.append((row, sign * number_of(row["Amount"], "Amount")))
    if not held:
        raise CaseUnreadable("no sensitivity of this portfolio, side and regulation")
    return held


Parts = Mapping[tuple[str, str, str, str], float]


def _ours(held: Sequence[tuple[Row, float]], calibration: Calibration, currency: str) -> Parts:
    """By product class, risk class, margin and bucket; summed over portfolios."""
    columns = {
        "portfolio": "PortfolioID",
        "product_class": "ProductClass",
        "risk_type": "RiskType",
        "bucket": "Bucket",
        "qualifier": "Qualifier",
        "label1": "Label1",
        "label2": "Label2",
    }
    sensitivities = Sensitivities.of(
        amount=[amount for _, amount in held],
        **{ours: [row.get(theirs, "") for row, _ in held] for ours, theirs in columns.items()},
    )
    sums: dict[tuple[str, str, str, str], float] = {}
    for told in requirement(sensitivities, calibration, currency=currency).components:
        _, product, risk_class, margin, bucket, amount = told
        every = [] if (risk_class, margin) == (ALL, ALL) or product == ALL else [ALL]
        for whose in (product, *every):  # over all product classes margins are added
            key = (whose, risk_class, margin, bucket)
            sums[key] = sums.get(key, 0.0) + amount
    return sums


def _result(row: Row, ours: Parts) -> Result:
    key = (row["ProductClass"], row["RiskClass"], row["MarginType"], row["Bucket"])
    text = row["InitialMargin"].strip()
    theirs = number_of(text, "InitialMargin")
    return Result(name=" ".join(key), ours=ours.get(key, 0.0), theirs=theirs, half=half_of(text))


def _of(expected: Path, given: Mapping[Path, str], role: str) -> list[Path]:
    named = [path for path, what in given.items() if what == role]
    return named or [path for path in sorted(expected.parent.iterdir()) if _role(path) == role]


def _role(path: Path) -> str:
    if not path.is_file():
        return ""
    text = text_of(path)
    if is_calibration(text):
        return "calibration"
    heading = heading_of(text)
    if set(EXPECTED) <= heading:
        return "expected"
    return "sensitivities" if set(SENSITIVITIES) <= heading else ""
