"""The XML in which Open Source Risk Engine keeps SIMM calibrations, as a calibration of ours.

What the XML leaves to the engine that reads it is here: which sensitivities make which margin, what
a risk factor is, and the constants of the ISDA SIMM methodology. The numbers are the operator's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

Document = dict[str, Any]

ROOT = "SIMMCalibrationData"
PRODUCT_CLASSES = ("RatesFX", "Credit", "Equity", "Commodity")
TENORS = ("2w", "1m", "3m", "6m", "1y", "2y", "3y", "5y", "10y", "15y", "20y", "30y")
RESIDUAL = "Residual"
PAIR_BUCKETS = ("11", "12", "13", "22", "23", "33")  # categories of the two currencies
HORIZON_DAYS = {"10": 14, "1": 1.4}


class CalibrationUnreadable(ValueError):
    """XML that is not what it should be, and where."""


def is_calibration(text: str) -> bool:
    return f"<{ROOT}" in text[:4096]


def document_of(path: Path, *, mpor_days: str = "10") -> Document:
    """A calibration for `margin.engine.sensitivities.load`.

    Raises CalibrationUnreadable naming the element that is missing or no number.
    """
    try:
        root = fromstring(path.read_bytes())
    except (OSError, ParseError) as error:
        raise CalibrationUnreadable(f"{path}: {error}") from error
    top = _Element(root, "").inner("SIMMCalibration")
    curve, fx = top.inner("InterestRate"), top.inner("FX")
    return {
        "name": top.inner("VersionNames").text("Name"),
        "source": f"{path.name}, as the operator supplied it",
        "product_classes": list(PRODUCT_CLASSES),
        "threshold_unit": 1_000_000,
        "days_a_year": 365,
        "horizon_days": HORIZON_DAYS[mpor_days],
        "volatility_quantile": 0.99,
        "curvature_quantile": 0.995,
        "tenors": list(TENORS),
        "groups": {
            "curve volatility": curve.inner("RiskWeights").group(),
            "curve liquidity": curve.inner("ConcentrationThresholds").group(),
            "volatility": fx.inner("RiskWeights").group(),
            "liquidity": fx.inner("ConcentrationThresholds").group(),
        },
        "between_risk_classes": top.inner("RiskClassCorrelations").nested("label1", "label2"),
        "risk_classes": {
            "InterestRate": _interest_rate(curve, mpor_days),
            "CreditQualifying": _credit(top.inner("CreditQualifying"), mpor_days, "Q", ""),
            "CreditNonQualifying": _credit(
                top.inner("CreditNonQualifying"), mpor_days, "NonQ", "NonQ"
            ),
            "Equity": _bucketed(top.inner("Equity"), mpor_days, "Equity"),
            "Commodity": _bucketed(top.inner("Commodity"), mpor_days, "Commodity"),
            "FX": _fx(fx, mpor_days),
        },
    }


class _Element:
    """An element being read; remembers its place."""

    def __init__(self, held: Element, place: str) -> None:
        self._held = held
        self._place = f"{place}/{held.tag}"

    def inner(self, tag: str, mpor_days: str | None = None) -> _Element:
        for each in self._held.findall(tag):
            if mpor_days in (None, each.get("mporDays")):
                return _Element(each, self._place)
        days = "" if mpor_days is None else f" of {mpor_days} days"
        raise CalibrationUnreadable(f"{self._place}: no {tag}{days}")

    def text(self, tag: str) -> str:
        return (self.inner(tag)._held.text or "").strip()

    def number(self, tag: str, mpor_days: str | None = None) -> float:
        inner = self.inner(tag, mpor_days)
        return _number(inner._held, inner._place)

    def nested(self, *attributes: str) -> Any:
        """Numbers by their attributes, nested in that order; one number for no attributes."""
        found: Any = {}
        for each in self._held:
            at = found
            keys = [each.get(name, "") for name in attributes]
            if not keys:
                return _number(each, self._place)
            for key in keys[:-1]:
                at = at.setdefault(key, {})
            at[keys[-1]] = _number(each, f"{self._place}[{' '.join(keys)}]")
        return found

    def by(self, field: str, attribute: str = "bucket") -> Document:
        """A table by a field, or the one number of every factor."""
        if self._held.find(f"*[@{attribute}]") is None:
            return {"by": [], "values": self.nested()}
        return {"by": [field], "values": self.nested(attribute)}

    def group(self) -> Document:
        """Which list a currency is in; `Other` is every currency that is in none."""
        lists: dict[str, list[str]] = {}
        otherwise = ""
        for each in self.inner("CurrencyLists")._held:
            name, currency = each.get("bucket", ""), (each.text or "").strip()
            if currency == "Other":
                otherwise = name
            else:
                lists.setdefault(name, []).append(currency)
        return {"lists": lists, "otherwise": otherwise}


def _number(element: Element, place: str) -> float:
    try:
        return float((element.text or "").strip())
    except ValueError:
        raise CalibrationUnreadable(f"{place}: {element.text!r} is no number") from None


def _interest_rate(held: _Element, days: str) -> Document:
    weights, correlations = held.inner("RiskWeights"), held.inner("Correlations")
    thresholds = held.inner("ConcentrationThresholds")
    by_label: dict[str, dict[str, float]] = weights.inner("Delta", days).nested("bucket", "label1")
    for each in by_label.values():
        each["inflation"] = weights.number("Inflation", days)
        each["basis"] = weights.number("XCcyBasis", days)
    labels: dict[str, dict[str, float]] = correlations.inner("IntraBucket").nested(
        "label1", "label2"
    )
    for tenor in list(labels):
        labels[tenor] |= {
            "inflation": correlations.number("Inflation"),
            "basis": correlations.number("XCcyBasis"),
        }
    labels["inflation"] = {"basis": correlations.number("XCcyBasis")}
    liquidity = "curve liquidity of qualifier"
    outer = correlations.number("Outer")
    vols = {"Risk_IRVol": {}, "Risk_InflationVol": {"label1": "inflation"}}
    delta = {
        "form": "weighted",
        "inputs": {
            "Risk_IRCurve": {},
            "Risk_Inflation": {"label1": "inflation"},
            "Risk_XCcyBasis": {"label1": "basis", "concentrated": False},
        },
        "bucket": "qualifier",
        "labels": ["label1", "label2"],
        "weight": {"by": ["curve volatility of qualifier", "label1"], "values": by_label},
        "threshold": thresholds.inner("Delta").by(liquidity),
        "within_name": {"label1": "labels", "label2": correlations.number("SubCurves")},
        "between_buckets": outer,
        "bucket_concentration": True,
    }
    common: Document = {
        "inputs": vols,
        "bucket": "qualifier",
        "labels": ["label1"],
        "within_name": {"label1": "labels"},
        "between_buckets": outer,
    }
    vega = common | {
        "form": "weighted",
        "weight": weights.inner("Vega", days).by("bucket"),
        "threshold": thresholds.inner("Vega").by(liquidity),
        "bucket_concentration": True,
    }
    # The methodology scales this curvature by the ratio's inverse square, and no other class's.
    ratio = weights.number("HistoricalVolatilityRatio", days)
    curvature = common | {"form": "curvature", "multiplier": ratio**-2}
    return {
        "tables": {"labels": labels},
        "margins": {"Delta": delta, "Vega": vega, "Curvature": curvature},
    }


def _credit(held: _Element, days: str, delta: str, vega: str) -> Document:
    weights, correlations = held.inner("RiskWeights"), held.inner("Correlations")
    thresholds = held.inner("ConcentrationThresholds")
    inside: Mapping[str, Mapping[str, float]] = correlations.inner("IntraBucket").nested(
        "label1", "label2"
    )
    buckets = weights.inner("Delta", days).nested("bucket")
    alike, other = (
        {b: inside["residual" if b == RESIDUAL else "aggregate"][which] for b in buckets}
        for which in ("same", "different")
    )
    common: Document = {
        "bucket": "bucket",
        "labels": ["label1", "label2"],
        "across_names": {"by": ["bucket"], "values": other},
        "within_name": {"factor": {"by": ["bucket"], "values": alike}},
        "between_buckets": correlations.inner("InterBucket").nested("label1", "label2"),
    }
    if delta == "NonQ":
        common["alike"] = "label2"  # securitised pools of one group, whatever their issues
    margins = {
        "Delta": common
        | {
            "form": "weighted",
            "inputs": {f"Risk_Credit{delta}": {}},
            "weight": {"by": ["bucket"], "values": buckets},
            "threshold": thresholds.inner("Delta").by("bucket"),
        },
        "Vega": common
        | {
            "form": "weighted",
            "inputs": {f"Risk_CreditVol{vega}": {}},
            "weight": weights.inner("Vega", days).by("bucket"),
            "threshold": thresholds.inner("Vega").by("bucket"),
        },
        "Curvature": common | {"form": "curvature", "inputs": {f"Risk_CreditVol{vega}": {}}},
    }
    if delta == "Q":
        margins["BaseCorr"] = {
            "form": "weighted",
            "inputs": {"Risk_BaseCorr": {}},
            "bucket": "single",
            "weight": {"by": [], "values": weights.number("BaseCorrelation", days)},
            "across_names": {"by": [], "values": correlations.number("BaseCorrelation")},
        }
    return {"residual": RESIDUAL, "margins": margins}


def _bucketed(held: _Element, days: str, name: str) -> Document:
    weights, correlations = held.inner("RiskWeights"), held.inner("Correlations")
    thresholds = held.inner("ConcentrationThresholds")
    weight = weights.inner("Delta", days).by("bucket")
    common: Document = {
        "bucket": "bucket",
        "across_names": correlations.inner("IntraBucket").by("bucket"),
        "between_buckets": correlations.inner("InterBucket").nested("label1", "label2"),
    }
    delta = common | {
        "form": "weighted",
        "inputs": {f"Risk_{name}": {}},
        "weight": weight,
        "threshold": thresholds.inner("Delta").by("bucket"),
    }
    vega = common | {
        "form": "weighted",
        "inputs": {f"Risk_{name}Vol": {}},
        "volatility_weight": weight,
        "multiplier": weights.number("HistoricalVolatilityRatio", days),
        "weight": weights.inner("Vega", days).by("bucket"),
        "threshold": thresholds.inner("Vega").by("bucket"),
    }
    curvature = common | {
        "form": "curvature",
        "inputs": {f"Risk_{name}Vol": {}},
        "volatility_weight": weight,
    }
    read: Document = {"margins": {"Delta": delta, "Vega": vega, "Curvature": curvature}}
    if name == "Equity":
        read["residual"] = RESIDUAL
        curvature["excluded_buckets"] = ["12"]  # volatility indices
    return read


def _fx(held: _Element, days: str) -> Document:
    weights, correlations = held.inner("RiskWeights"), held.inner("Correlations")
    thresholds = held.inner("ConcentrationThresholds")
    pairs = weights.inner("Delta", days).nested("label1", "label2")
    own, other = "volatility of calculation", "volatility of qualifier"
    halves = {"by": ["volatility of first", "volatility of second"], "values": pairs}
    by_bucket = list(thresholds.inner("Vega").nested("bucket").values())
    if len(by_bucket) != len(PAIR_BUCKETS):
        raise CalibrationUnreadable(f"FX: {len(by_bucket)} thresholds of vega, not 6")
    vega_thresholds: dict[str, dict[str, float]] = {}
    for pair, value in zip(PAIR_BUCKETS, by_bucket, strict=True):
        one, two = pair[0], pair[1]
        vega_thresholds.setdefault(one, {})[two] = value
        vega_thresholds.setdefault(two, {})[one] = value
    names = {"by": [], "values": correlations.number("Volatility")}
    delta = {
        "form": "weighted",
        "inputs": {"Risk_FX": {}},
        "bucket": "single",
        "drops_calculation_currency": True,
        "weight": {"by": [own, other], "values": pairs},
        "threshold": thresholds.inner("Delta").by("liquidity of qualifier"),
        "across_names": {
            "by": [own],
            "between": other,
            "values": correlations.inner("IntraBucket").nested("bucket", "label1", "label2"),
        },
    }
    common: Document = {
        "inputs": {"Risk_FXVol": {"pair": True}},
        "bucket": "single",
        "volatility_weight": halves,
        "across_names": names,
    }
    vega = common | {
        "form": "weighted",
        "multiplier": weights.number("HistoricalVolatilityRatio", days),
        "weight": weights.inner("Vega", days).by("bucket"),
        "threshold": {
            "by": ["liquidity of first", "liquidity of second"],
            "values": vega_thresholds,
        },
    }
    curvature = common | {"form": "curvature"}
    return {"margins": {"Delta": delta, "Vega": vega, "Curvature": curvature}}
