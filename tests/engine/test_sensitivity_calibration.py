"""A calibration is the operator's file; what is wrong with it is named by its field."""

from __future__ import annotations

from typing import Any

import pytest

from margin.engine.reading import ParameterError
from margin.engine.sensitivities import load
from tests.engine.sensitivity_builders import PUBLISHED, a_document, a_row, margin_of, totals

SHIPPED = sorted(PUBLISHED.parent.glob("*.json"))
SHARES = ("risk_classes", "Shares")
DELTA = (*SHARES, "margins", "Delta")
CURVES = ("risk_classes", "Curves", "margins", "Delta")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_calibration_that_is_shipped_can_be_read_and_states_its_source(path):
    calibration = load(path)

    assert calibration.name == path.stem
    assert len(calibration.source) > 20


def test_a_published_table_is_read_as_written():
    equity, commodity, fx = load(PUBLISHED).classes
    delta, vega, curvature = equity.kinds

    assert (equity.name, commodity.name, fx.name) == ("Equity", "Commodity", "FX")
    assert equity.residual == "Residual"
    assert delta.weight is not None and delta.weight.entries["10",] == 32.0
    assert vega.weight is not None and vega.weight.entries["12",] == 0.96
    assert curvature.excluded_buckets == ("12",)
    assert delta.buckets is not None and delta.buckets.values["6", "5"] == 0.27
    assert commodity.kinds[0].buckets.values["8", "2"] == 0.13
    assert fx.kinds[0].across.entries["high", "regular", "high"] == 0.54


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a field that is missing": (a_document(without="horizon_days"), "horizon_days"),
    "a field that is unknown": (a_document("horizon", to=10), "horizon"),
    "an unknown field far inside": (a_document(*DELTA, "wieght", to=1), "wieght"),
    "no number": (a_document("days_a_year", to="365"), "days_a_year"),
    "no year": (a_document("days_a_year", to=0), "days_a_year"),
    "a probability of one": (a_document("volatility_quantile", to=1.0), "volatility_quantile"),
    "a tenor that is none": (a_document("tenors", to=["2w", "soon"]), "tenors"),
    "a product class that is no text": (a_document("product_classes", to=[1]), "product_classes"),
    "a currency in two lists": (
        a_document("groups", "temper", "lists", "calm", to=["TRY"]),
        "groups.temper.lists",
    ),
    "a form that is none": (a_document(*DELTA, "form", to="cubed"), "form"),
    "a field of no sensitivity": (
        a_document(*DELTA, "weight", "by", to=["colour"]),
        "weight.by",
    ),
    "a group that is none": (
        a_document(*DELTA, "weight", "by", to=["mood of bucket"]),
        "weight.by",
    ),
    "a table that is none": (a_document(*DELTA, "weight", "values", to="wights"), "weight.values"),
    "a weight that is text": (
        a_document(*SHARES, "tables", "weights", "A", to="11"),
        "weight.values.A",
    ),
    "a negative weight": (a_document(*SHARES, "tables", "weights", "A", to=-1), "weight.values.A"),
    "a table that is flat": (a_document(*SHARES, "tables", "weights", to=3), "weight.values"),
    "a threshold of nothing": (
        a_document(*DELTA, "threshold", "values", "B", to=0),
        "threshold.values.B",
    ),
    "a correlation above one": (
        a_document(*SHARES, "tables", "names", "A", to=1.1),
        "across_names.values.A",
    ),
    "a correlation below minus one": (
        a_document(*SHARES, "tables", "buckets", "A", "B", to=-1.1),
        "between_buckets.A.B",
    ),
    "a pair of buckets without a correlation": (
        a_document(*SHARES, "tables", "buckets", "B", to={"D": 0.1}),
        "between_buckets",
    ),
    "a correlation that differs from its mirror image": (
        a_document(*SHARES, "tables", "buckets", "B", to={"A": 0.3, "C": 0.1}),
        "between_buckets",
    ),
    "buckets without correlations": (a_document(*DELTA, without="between_buckets"), "between"),
    "no weight": (a_document(*DELTA, without="weight"), "weight"),
    "a curvature with a threshold": (
        a_document(
            *SHARES, "margins", "Curvature", "threshold", to={"by": [], "values": 1}
        ),
        "threshold",
    ),
    "labels that are none": (a_document(*CURVES, "labels", to=["qualifier"]), "labels"),
    "a table by what a factor does not keep": (
        a_document(*CURVES, "labels", to=["label2"]),
        "label1",
    ),
    "a threshold by what a name does not keep": (
        a_document(*CURVES, "threshold", to={"by": ["label1"], "values": {"1m": 1}}),
        "label1",
    ),
    "halves of what is no pair": (
        a_document(*CURVES, "weight", "by", to=["temper of first", "label1"]),
        "first",
    ),
    "pairs beside what is none": (
        a_document(*CURVES, "inputs", "Rate", "pair", to=True),
        "inputs",
    ),
    "no inputs": (a_document(*CURVES, "inputs", to={}), "inputs"),
    "a flag that is a number": (a_document(*CURVES, "bucket_concentration", to=1), "bucket_conc"),
    "a class without correlations": (
        a_document("between_risk_classes", to={"Shares": {"Curves": 0.2}}),
        "between_risk_classes",
    ),
    "classes that are a list": (a_document("risk_classes", to=[]), "risk_classes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_used_is_refused_by_its_field(name):
    document, field = BROKEN[name]

    with pytest.raises(ParameterError) as refused:
        load(document)

    assert field in refused.value.field


def test_a_risk_type_is_in_a_kind_of_margin_once():
    with pytest.raises(ParameterError, match="Share is in Delta twice"):
        load(a_document("risk_classes", "Loans", "margins", "Delta", "inputs", "Share", to={}))


def test_a_file_that_is_no_json_is_refused(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("{")

    with pytest.raises(ParameterError, match="cannot be read as JSON"):
        load(path)


def test_one_triangle_of_correlations_is_as_good_as_both():
    both = {"A": {"B": 0.2, "C": -0.1}, "B": {"A": 0.2, "C": 0.12}, "C": {"A": -0.1, "B": 0.12}}
    rows = [a_row(bucket=bucket, qualifier=bucket) for bucket in "ABC"]

    whole = load(a_document(*SHARES, "tables", "buckets", to=both))

    assert totals(margin_of(rows, calibration=whole)) == totals(margin_of(rows))


def test_nothing_is_concentrated_without_thresholds():
    rows = [a_row(amount=9e9)]

    calm = load(a_document(*DELTA, without="threshold"))

    assert totals(margin_of(rows, calibration=calm))["north"] == 11 * 9e9
    assert totals(margin_of(rows))["north"] > 100 * 9e9
