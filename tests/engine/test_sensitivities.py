"""The method by sensitivities against its published unit tests, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from margin.cases.sensitivities import SensitivityCases
from margin.engine.sensitivities import (
    ADD_ON,
    ALL,
    Additions,
    SensitivityRefused,
    load,
)
from tests.engine.sensitivity_builders import (
    PUBLISHED,
    SHARED,
    a_row,
    additions,
    margin_of,
    sensitivities,
    totals,
)
from tests.oracle.sensitivities import Row

METHOD = load(PUBLISHED)
WHOLE = 0.5  # published margins are whole dollars
TABLES = sorted(SHARED.glob("simm_2_5_*.csv"))
needs_tables = pytest.mark.skipif(
    len(TABLES) != 3, reason="the published unit tests are not beside the checkout"
)


def equity(bucket: str, issuer: str, amount: float, tenor: str = "") -> Row:
    return Row(
        "one", "Equity", "Risk_EquityVol" if tenor else "Risk_Equity", bucket, issuer, tenor, "",
        amount,
    )  # fmt: skip


def coal(amount: float) -> Row:
    return Row("one", "Commodity", "Risk_Commodity", "1", "Coal Americas", "", "", amount)


def money(currency: str, amount: float, tenor: str = "") -> Row:
    risk_type = "Risk_FXVol" if tenor else "Risk_FX"
    return Row("one", "RatesFX", risk_type, "", currency, tenor, "", amount)


# Worked numbers of the SIMM 2.5 unit tests, in dollars: delta, vega, curvature.
WORKED: dict[str, tuple[list[Row], tuple[float, float, float]]] = {
    "one issuer": ([equity("1", "a", 6e6)], (156_000_000, 0, 0)),
    "two issuers of a bucket": (
        [equity("1", "a", 6e6), equity("1", "b", 1e6)],
        (162_702_674, 0, 0),
    ),
    "two buckets": ([equity("1", "a", 6e6), equity("2", "b", -2e6)], (154_847_021, 0, 0)),
    "and a residual": (
        [equity("1", "a", 6e6), equity("2", "b", -2e6), equity("Residual", "c", 5e5)],
        (171_847_021, 0, 0),
    ),
    "a commodity": ([coal(150e6)], (4_050_000_000, 0, 0)),
    "the calculation currency beside another": (
        [money("EUR", -5e9), money("USD", 610e6)],
        (37_000_000_000, 0, 0),
    ),
    "two currencies": ([money("GBP", 910e6), money("EUR", -900e6)], (6_697_306_623, 0, 0)),
    "an equity option": ([equity("1", "a", 1.2e6, "1m")], (0, 17_873_222, 104_564_179)),
    "a currency option": ([money("USDGBP", 24e6, "3m")], (0, 95_269_069, 198_403_826)),
    "the pair the other way round": (
        [money("GBPUSD", 24e6, "3m")],
        (0, 95_269_069, 198_403_826),
    ),
    "no curvature in the volatility bucket": (
        [equity("12", "VIX", 50e6, "30y")],
        (0, 1_099_890_605, 0),
    ),
}


@pytest.mark.parametrize("name", WORKED)
def test_a_worked_example_gets_its_published_margin(name):
    rows, expected = WORKED[name]

    margin = margin_of(rows, calibration=METHOD)

    parts = margin.components.of("one")
    product = rows[0].product_class
    got = [parts.get((product, ALL, kind, ALL), 0.0) for kind in ("Delta", "Vega", "Curvature")]
    assert got == [pytest.approx(each, rel=1e-9, abs=WHOLE) for each in expected]
    assert totals(margin)["one"] == pytest.approx(sum(expected), rel=1e-9, abs=2 * WHOLE)


@needs_tables
def test_every_published_case_of_the_classes_that_are_calibrated_is_met():
    cases = SensitivityCases().cases(TABLES)

    met = [case for case in cases if case.results]
    missed = [(case.name, result) for case in met for result in case.results if not result.met]
    assert missed == []
    assert [case for case in cases if case.unreadable] == []
    assert (len(cases), len(met), sum(len(case.results) for case in met)) == (481, 240, 539)
    # 59 equity, 31 its options, 72 commodity, 38 its options, 12 FX, 24 its options, 4 add-ons
    assert all(result.half == WHOLE for case in met for result in case.results)


@needs_tables
def test_and_every_other_case_says_what_it_would_need():
    cases = SensitivityCases().cases(TABLES)

    unsupported = {case.name: case.unsupported for case in cases if not case.results}
    assert len(unsupported) == 241
    assert unsupported["testC1"] == "isda-simm-2.5-10day has no Risk_IRCurve"
    assert unsupported["testC79"] == "the test names no sensitivity"


def test_parts_are_told_by_product_class_risk_class_kind_and_bucket():
    rows = [equity("1", "a", 6e6), equity("2", "b", -2e6), money("EUR", 1e6)]
    added = [("one", "fixed", "", 5.0), ("one", "multiplier", "Equity", 1.5)]

    parts = margin_of(rows, added, calibration=METHOD).components.of("one")

    shares, euro = 154_847_020.7, 7_400_000.0
    assert parts == {
        ("Equity", "Equity", "Delta", "1"): pytest.approx(156e6),
        ("Equity", "Equity", "Delta", "2"): pytest.approx(56e6),
        ("Equity", "Equity", "Delta", ALL): pytest.approx(shares),
        ("Equity", "Equity", ALL, ALL): pytest.approx(shares),
        ("Equity", ALL, "Delta", ALL): pytest.approx(shares),
        ("Equity", ALL, ALL, ALL): pytest.approx(shares),
        ("RatesFX", "FX", "Delta", ALL): pytest.approx(euro),
        ("RatesFX", "FX", ALL, ALL): pytest.approx(euro),
        ("RatesFX", ALL, "Delta", ALL): pytest.approx(euro),
        ("RatesFX", ALL, ALL, ALL): pytest.approx(euro),
        (ADD_ON, ALL, ALL, ALL): pytest.approx(0.5 * shares + 5.0),
        (ALL, ALL, ALL, ALL): pytest.approx(1.5 * shares + euro + 5.0),
    }


def test_add_ons_are_amounts_and_percentages_of_notional():
    added = [
        ("a", "fixed", "", 30.0),
        ("a", "factor", "Bravo", 25.0),
        ("a", "notional", "Bravo", 60.0),
        ("a", "notional", "Bravo", 100.0),
        ("a", "notional", "Charlie", 40.0),
        ("b", "factor", "Bravo", 25.0),
    ]

    assert totals(margin_of([], added, calibration=METHOD)) == {"a": 70.0, "b": 0.0}


def test_thresholds_follow_the_calculation_currency():
    # Twelve million in a currency worth a tenth: as concentrated as 1.2 million, so not at all.
    rows = [equity("1", "a", 12e6)]

    assert totals(margin_of(rows, calibration=METHOD, rate=10.0))["one"] == 26 * 12e6
    assert totals(margin_of(rows, calibration=METHOD))["one"] > 26 * 12e6


REFUSED = {
    "a product class that is not calibrated": ({"product_class": "Weather"}, "product_class"),
    "a risk type that is not calibrated": ({"risk_type": "Snow"}, "risk_type"),
    "a bucket without a weight": ({"bucket": "Z"}, "bucket"),
    "a tenor that is none": ({"risk_type": "ShareVol", "label1": "7x"}, "label1"),
    "a pair that is none": ({"risk_type": "MoneyVol", "qualifier": "EUR"}, "qualifier"),
    "a label without a weight": (
        {"risk_type": "Rate", "qualifier": "USD", "label1": "9y"},
        "label1",
    ),
    "an amount that is no number": ({"amount": float("nan")}, "amount"),
    "an amount without end": ({"amount": float("-inf")}, "amount"),
    "an amount that cannot be exact": ({"amount": 2.0**50}, "amount"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_that_cannot_be_margined_is_refused_by_row_and_field(name):
    but, field = REFUSED[name]
    rows = [a_row(), a_row(qualifier="elm"), a_row(**but), a_row(qualifier="ash")]

    with pytest.raises(SensitivityRefused) as refused:
        margin_of(rows)

    assert (refused.value.row, refused.value.field) == (2, field)
    assert str(refused.value).startswith(f"row 2, {field}: ")


def test_amounts_that_are_too_large_together_are_refused():
    rows = [a_row(amount=2.0**49.9) for _ in range(5)]

    with pytest.raises(SensitivityRefused, match=r"more than 2\*\*52 together") as refused:
        margin_of(rows)

    assert refused.value.field == "amount"


def test_a_column_of_another_length_is_refused():
    with pytest.raises(SensitivityRefused, match="row 1, bucket: 2 rows beside 1 amounts"):
        sensitivities_with(bucket=["A", "B"])


def sensitivities_with(**but: Any) -> Any:
    columns = {name: [value] for name, value in a_row()._asdict().items()}
    return type(sensitivities([])).of(**(columns | but))


REFUSED_ADDITIONS = {
    "a kind that is none": (("one", "gift", "", 1.0), "kind"),
    "a multiplier that would lower": (("one", "multiplier", "Stocks", 0.9), "value"),
    "a negative notional": (("one", "notional", "Bravo", -1.0), "value"),
    "no number": (("one", "fixed", "", float("nan")), "value"),
    "a second multiplier": (("one", "multiplier", "Swaps", 1.2), "product"),
    "a product class that is not calibrated": (("two", "multiplier", "Weather", 1.2), "product"),
}


@pytest.mark.parametrize("name", REFUSED_ADDITIONS)
def test_so_is_an_addition(name):
    row, field = REFUSED_ADDITIONS[name]
    added = [("one", "multiplier", "Swaps", 1.1), row]

    with pytest.raises(SensitivityRefused) as refused:
        margin_of([], added)

    assert (refused.value.row, refused.value.field) == (1, field)


def test_additions_of_another_length_are_refused():
    with pytest.raises(SensitivityRefused, match="row 0, kind: 0 rows beside 1 values"):
        Additions.of(portfolio=["one"], kind=[], product=[""], value=[1.0])
    assert len(additions([]).value) == 0


# --- the layout of the published files ---------------------------------------------------------

TESTS = "test_id,simm_delta,expected_simm_total_usd,sensitivity_ids\n"
ROWS = (
    "sensitivity_id,product_class,risk_type,qualifier,bucket,label1,label2,amount_usd\n"
    "E1,Equity,Risk_Equity,a,1,,,6000000\n"
    "E2,Equity,Risk_Equity,b,99,,,6000000\n"
    "E3,Equity,Risk_Equity,b,1,,,many\n"
    "E4,Equity,Risk_Equity,b,1,,,1\n"
    "E4,Equity,Risk_Equity,b,1,,,2\n"
)


def written(folder: Path, tests: str) -> list[Path]:
    (folder / "tests.csv").write_text(TESTS + tests)
    (folder / "rows.csv").write_text(ROWS)
    return [folder / "tests.csv"]


def test_a_case_of_any_file_of_the_layout_is_met_or_missed(tmp_path):
    paths = written(tmp_path, "good,156000000,156000000,E1\nbad,,156000002,E1\ntwice,,,E1 E1\n")

    good, bad, twice = SensitivityCases().cases(paths)

    assert [result.met for result in good.results] == [True, True]
    assert [result.met for result in bad.results] == [False]
    assert twice.unreadable == "no expected margin"


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ("E9", "no row E9 in the tables"),
        ("E1 E2", "bucket: "),
        ("E3", "E3: 'many' is no number"),
        ("E4", "E4 stands for more than one row"),
    ],
)
def test_a_case_that_cannot_be_read_says_why_and_the_others_are_run(tmp_path, ids, reason):
    paths = written(tmp_path, f"first,,1,{ids}\nsecond,,156000000,E1\nthird,,x,E1\n")

    first, second, third = SensitivityCases().cases(paths)

    assert first.unreadable.startswith(reason)
    assert [result.met for result in second.results] == [True]
    assert third.unreadable == "expected_simm_total_usd: 'x' is no number"


def test_a_calibration_given_beside_the_tests_is_used(tmp_path):
    paths = written(tmp_path, "dearer,,168000000,E1\n")
    text = PUBLISHED.read_text()
    dearer = tmp_path / "dearer.json"
    dearer.write_text(text.replace('"1": 26,', '"1": 28,', 1))
    layout = SensitivityCases()

    assert layout.recognises(dearer)
    assert layout.cases([*paths, dearer])[0].results[0].met
    dearer.write_text(text.replace('"horizon_days": 14,', "", 1))
    assert layout.cases([*paths, dearer])[0].unreadable == "horizon_days: is missing"


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "{", "[1]", '{"Scenario": 1}', "\x00\xff"])
def test_other_files_are_not_of_the_layout(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)

    assert not SensitivityCases().recognises(path)
    assert not SensitivityCases().recognises(tmp_path / "absent")
