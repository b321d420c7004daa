"""CRIF cases, and the calibration that is published beside them as XML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from margin.cases import Case
from margin.cases.ore import OreCases
from margin.cases.ore_calibration import CalibrationUnreadable, document_of
from margin.engine.sensitivities import load
from tests.engine.sensitivity_builders import PUBLISHED, SHARED

FILES = sorted(SHARED.glob("ore_*"))
XML = SHARED / "ore_simm_calibration_2.6.xml"
needs_files = pytest.mark.skipif(
    len(FILES) != 3, reason="the published CRIF case is not beside the checkout"
)


@needs_files
def test_every_margin_of_the_published_book_is_met_on_both_sides():
    cases = OreCases().cases(FILES)

    assert [case.name for case in cases] == [
        "CRIF_20201228 Call ESA",
        "All Call ESA",
        "CRIF_20201228 Post CFTC",
        "All Post CFTC",
    ]
    results = [result for case in cases for result in case.results]
    assert len(results) == 36
    assert [result for result in results if not result.met] == []
    assert max(result.error for result in results) < 1e-12


@needs_files
def test_the_xml_is_a_calibration_of_all_six_risk_classes():
    calibration = load(document_of(XML))

    classes = {each.name: each for each in calibration.classes}
    assert {each: [kind.name for kind in held.kinds] for each, held in classes.items()} == {
        "InterestRate": ["Delta", "Vega", "Curvature"],
        "CreditQualifying": ["Delta", "Vega", "Curvature", "BaseCorr"],
        "CreditNonQualifying": ["Delta", "Vega", "Curvature"],
        "Equity": ["Delta", "Vega", "Curvature"],
        "Commodity": ["Delta", "Vega", "Curvature"],
        "FX": ["Delta", "Vega", "Curvature"],
    }
    fx, equity = classes["FX"].kinds, classes["Equity"].kinds
    assert fx[1].threshold is not None and fx[1].threshold.entries["3", "2"] == 340
    assert fx[0].across is not None and fx[0].across.entries["2", "1", "1"] == -0.05
    assert equity[0].weight is not None and equity[0].weight.entries["Residual",] == 50
    assert calibration.groups["liquidity"].of("XYZ") == "3"


@needs_files
@pytest.mark.parametrize(
    ("pattern", "by", "said"),
    [
        ("<SubCurves>.*</SubCurves>", "", "Correlations: no SubCurves"),
        (r'<Weight bucket="1">30</Weight>', '<Weight bucket="1">x</Weight>', "'x' is no number"),
        ('mporDays="10"', 'mporDays="9"', "of 10 days"),
        ("</SIMMCalibrationData>", "", "no element found"),
        (r'<Threshold bucket="6">210</Threshold>', "", "5 thresholds of vega, not 6"),
    ],
)
def test_xml_that_lacks_something_says_what(tmp_path, pattern, by, said):
    broken = tmp_path / "broken.xml"
    broken.write_text(re.sub(pattern, by, XML.read_text()))

    with pytest.raises(CalibrationUnreadable, match=said):
        document_of(broken)
    (tmp_path / "expected.csv").write_text(EXPECTED)
    (case,) = OreCases().cases([tmp_path / "expected.csv"])
    assert said in case.unreadable


CRIF = (
    "PortfolioID,ProductClass,RiskType,Qualifier,Bucket,Label1,Label2,AmountCurrency,Amount,"
    "collect_regulations,post_regulations\n"
    'one,Equity,Risk_Equity,a,1,,,USD,6000000,"SEC,ESA",CFTC\n'
    "one,Equity,Risk_Equity,b,1,,,USD,1000000,ESA,\n"
    "two,Equity,Risk_Equity,a,1,,,EUR,1,ESA,\n"
    "six,RatesFX,Risk_IRCurve,USD,1,1y,OIS,USD,1,ESA,\n"
    "odd,Equity,Risk_Equity,a,99,,,USD,1,ESA,\n"
)
HEADING = (
    "Portfolio,ProductClass,RiskClass,MarginType,Bucket,SimmSide,Regulation,InitialMargin,"
    "CalculationCurrency\n"
)
EXPECTED = HEADING + "one,All,All,All,All,Call,SEC,156000000,USD\n"


def cases_of(folder: Path, *lines: str) -> list[Case]:
    (folder / "crif.csv").write_text(CRIF)
    (folder / "expected.csv").write_text(HEADING + "\n".join(lines) + "\n")
    return OreCases().cases([folder / "expected.csv"])


def test_only_rows_of_the_side_and_its_regulation_count(tmp_path):
    sec, esa, cftc = cases_of(
        tmp_path,
        "one,Equity,Equity,Delta,1,Call,SEC,156000000,USD",
        "one,All,All,All,All,Call,ESA,162702674,USD",
        "one,All,Equity,Delta,All,Post,CFTC,156000001,USD",
    )

    assert [result.met for result in (*sec.results, *esa.results)] == [True, True]
    assert [result.met for result in cftc.results] == [False]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("two,All,All,All,All,Call,ESA,1,USD", "AmountCurrency: EUR and no rate to USD"),
        ("odd,All,All,All,All,Call,ESA,1,USD", "bucket: "),
        ("one,All,All,All,All,Hold,ESA,1,USD", "SimmSide: 'Hold' is neither Call nor Post"),
        ("one,All,All,All,All,Call,ESA,much,USD", "InitialMargin: 'much' is no number"),
        ("ten,All,All,All,All,Call,ESA,1,USD", "no sensitivity of this portfolio"),
    ],
)
def test_a_case_that_cannot_be_read_says_why(tmp_path, line, reason):
    (case,) = cases_of(tmp_path, line)

    assert case.unreadable.startswith(reason)


def test_a_book_that_the_calibration_does_not_cover_is_named(tmp_path):
    (case,) = cases_of(tmp_path, "six,All,All,All,All,Call,ESA,1,USD")

    assert case.unsupported == f"{PUBLISHED.stem} has no Risk_IRCurve"
