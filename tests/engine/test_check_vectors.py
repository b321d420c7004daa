"""Published case files: every layout, and every way in which a file can be no good."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path

import pytest

from margin.cases import Case, Result
from margin.cases.files import cases_in
from margin.cases.layouts import LAYOUTS
from margin.cases.run import check
from margin.cases.standard import StandardCases

SHARED = Path(__file__).parents[3] / "shared" / "data" / "margin"
STANDARD = SHARED / "derive_standard_manager_cases.json.gz"
PORTFOLIO = SHARED / "derive_pmrm2_cases.jsonl.gz"
SIMULATED = SHARED.parent / "deribit" / "pme_simulate_btc_2024-06-17.json"
WEI = 10**18


def a_standard_case(**but):
    """One perpetual, bought at 1535 and marked at 1505, with 10 of funding earned."""
    scenario = {
        "OptionUnderlying": [],
        "OptionExpiries": [],
        "OptionStrikes": [],
        "OptionIsCall": [],
        "OptionAmounts": [],
        "OptionVols": [],
        "OptionVolConfidences": [],
        "FeedExpiries": [],
        "Forwards": [],
        "ForwardConfidences": [],
        "Cash": 0,
        "Perps_ETH": WEI,
        "Perps_BTC": 0,
        "wETH": 0,
        "wBTC": 0,
        "LastEntryETH": 1535 * WEI,
        "LastEntryBTC": None,
        "ETHGlobalFundingIndex": 0,
        "BTCGlobalFundingIndex": 0,
        "AccountETHFundingIndex": 10 * WEI,
        "AccountBTCFundingIndex": None,
        "ETHSpotPrice": 1500 * WEI,
        "BTCSpotPrice": 28000 * WEI,
        "SpotPerpConfidences": [[WEI, WEI], [WEI, WEI]],
        "USDCValue": WEI,
        "PerpPrice": [1505 * WEI, 27990 * WEI],
    }
    # -30 lost, 10 earned, and 6.5 % and 5 % of 1505.
    result = {"realIM": -117.825 * WEI, "realMM": -95.25 * WEI, "UnsettledFunding": 10 * WEI}
    return {"Scenario": scenario | but.pop("scenario", {}), "Result": result | but}


def a_response(**but):
    """The venue's documented example: a perpetual and a future; figures as it prints them."""
    pair = {
        "extended_table_factor": 1,
        "m_inc": 5e-05,
        "min_volatility_for_shock_up": 0.5,
        "max_delta_shock": 0.1,
        "delta_total_liq_shock_threshold": 20000000,
        "volatility_range_down": 0.25,
        "volatility_range_up": 0.5,
        "long_term_vega_power": 0.13,
        "short_term_vega_power": 0.3,
        "price_range": 0.16,
    }
    currency = {
        "annualised_move_risk": 0.075,
        "extended_dampener": 100000,
        "min_annualised_move": 0.01,
        "haircut": 0,
        "pnl_offset": 0,
        "correlation_set": False,
    }
    details = {
        "delta_shock": 0,
        "roll_shock": 0.00315725898,
        "worst_case": 0.05968587238095239,
    }
    margins = {
        "initial_margin_details": {
            "risk_matrix_margin_details": details,
            "risk_matrix_margin": 0.06284313098,
            "mmp_margin": 0.06,
            "open_orders_margin": 1.8212e-05,
        },
        "initial_margin": 0.122861343,
        "maintenance_margin": 0.050274504784,
    }
    general = {"mm_factor": 0.8, "buckets_count": 4, "timestamp": 1718619740501}
    return {
        "model_params": {
            "currency_pair": {"btc_usd": pair | but.pop("pair", {})},
            "currency": {"btc": currency | but.pop("currency", {})},
            "general": general,
        },
        "margins": {"btc": margins | but.pop("margins", {})},
        "portfolio": {
            "currency": but.pop("held", {}),
            "position": {"BTC-PERPETUAL": 0.314538364, "BTC-28JUN24": -0.001187534}
            | but.pop("position", {}),
        },
        "index_price": {"btc_usd": 65666.19},
    } | but


def written(path: Path, held: object) -> Path:
    path.write_text(json.dumps(held))
    return path


def test_a_case_is_met_whatever_the_file_is_called_and_whether_it_is_compressed(tmp_path):
    text = json.dumps({"one": a_standard_case()})
    plain, packed = tmp_path / "cases.txt", tmp_path / "packed.json"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))

    for path in (plain, packed):
        report = check([path])

        [case] = report.cases
        assert not report.failed
        assert [each.name for each in case.results] == ["realIM", "realMM", "UnsettledFunding"]


def test_a_figure_that_is_wrong_is_a_miss_and_named(tmp_path):
    wrong = a_standard_case(realMM=-95.2500002 * WEI)

    report = check([written(tmp_path / "f", {"good": a_standard_case(), "bad": wrong})])

    assert report.failed
    assert [
        (case.name, [it.name for it in case.results if not it.met]) for case in report.cases
    ] == [
        ("good", []),
        ("bad", ["realMM"]),
    ]
    *lines, summary = report.lines()
    assert summary.startswith("2 cases in 1 files: 1 met, 1 missed, 0 unsupported, 0 unreadable")
    assert [line for line in lines if line.startswith("  !")] != []


def test_every_line_says_ours_theirs_and_the_relative_error_and_the_last_sums_up(tmp_path):
    report = check([written(tmp_path / "f", {"one": a_standard_case()})])

    _, header, initial, *_, summary = report.lines()

    assert header == "  met         one"
    for said in ("realIM", "ours -117.825", "theirs -117.825", "relative ", "integer ", "within "):
        assert said in initial
    assert "1 cases in 1 files: 1 met" in summary


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (a_standard_case(scenario={"USDCValue": None}), "Scenario.USDCValue is no number"),
        (a_standard_case(scenario={"USDCValue": 0}), "stable"),
        (a_standard_case(scenario={"ETHSpotPrice": -WEI}), "spot"),
        (a_standard_case(scenario={"PerpPrice": [1, "x"]}), "PerpPrice"),
        (a_standard_case(scenario={"OptionUnderlying": ["ETH"]}), "differ in length"),
        (a_standard_case(realIM="n/a"), "Result.realIM is no number"),
        (a_standard_case(realIM=float("nan")), "Result.realIM is not finite"),
        ({"Scenario": a_standard_case()["Scenario"]}, "Result is missing"),
        ({"Scenario": a_standard_case()["Scenario"], "Result": {}}, "Result.realIM is missing"),
        ({"Scenario": []}, "Scenario is no object"),
        ("a case?", "is no object"),
    ],
)
def test_a_case_that_cannot_be_read_fails_and_says_why_while_the_rest_is_run(tmp_path, held, why):
    report = check([written(tmp_path / "f", {"good": a_standard_case(), "bad": held})])

    good, bad = report.cases
    assert report.failed
    assert good.results and not good.unreadable
    assert why in bad.unreadable
    assert not bad.results


def test_a_missing_field_is_named(tmp_path):
    held = a_standard_case()
    del held["Scenario"]["wBTC"]

    [case] = check([written(tmp_path / "f", {"one": held})]).cases

    assert case.unreadable == "Scenario.wBTC is missing"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"a": 1}', "a,b\n1,2\n", "\x00", "[" * 100_000])
def test_a_file_of_no_known_layout_fails_and_the_known_ones_are_named(tmp_path, text):
    path = tmp_path / "f"
    path.write_text(text)

    report = check([path])

    [file] = report.files
    assert report.failed
    assert len(LAYOUTS) >= 3
    for layout in LAYOUTS:
        assert layout.NAME in file.fault


def test_a_file_that_cannot_be_opened_fails_and_the_others_are_run(tmp_path):
    good = written(tmp_path / "good", {"one": a_standard_case()})
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(good.read_bytes())[:40])

    report = check([tmp_path / "absent", cut, tmp_path, good])

    assert report.failed
    assert [each.layout for each in report.files] == [StandardCases().NAME, *["unknown"] * 3]
    assert all(each.fault for each in report.files[1:])
    assert "3 files could not be run" in report.summary()


def test_cases_of_several_files_carry_the_name_of_theirs(tmp_path):
    paths = [written(tmp_path / name, {"one": a_standard_case()}) for name in ("a", "b")]

    report = check(paths)

    assert [case.name for case in report.cases] == ["a: one", "b: one"]


def test_a_line_that_is_cut_off_is_one_case_that_cannot_be_read(tmp_path):
    line = json.dumps(a_standard_case() | {"case": "first"})
    path = tmp_path / "f"
    path.write_text(f"{line}\n\n{line[:50]}\n")

    report = check([path])

    assert report.failed
    assert [case.name for case in report.cases] == ["first", "case 2"]
    assert "line 3 is no JSON" in report.cases[1].unreadable


def test_an_unsupported_case_fails_nothing_and_is_counted():
    class Some:
        NAME = "some"

        def recognises(self, path):
            return True

        def cases(self, paths):
            return [Case(name="other", unsupported="no calibration"), met()]

    report = check([Path("f")], layouts=[Some()])

    assert not report.failed
    assert "2 cases in 1 files: 1 met, 0 missed, 1 unsupported, 0 unreadable" in report.summary()
    assert "  unsupported other: no calibration" in list(report.lines())


def test_a_layout_that_finds_no_case_fails():
    class Empty:
        NAME = "empty"

        def recognises(self, path):
            return True

        def cases(self, paths):
            return []

    assert check([Path("f")], layouts=[Empty()]).failed


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Result(name="x", ours=1.0, theirs=1.0 + 0.9e-9), True),
        (Result(name="x", ours=1.0, theirs=1.0 + 1.1e-9), False),
        (Result(name="x", ours=float("nan"), theirs=1.0), False),
        (Result(name="x", ours=1.234, theirs=1.23, half=0.005), True),
        (Result(name="x", ours=1.236, theirs=1.23, half=0.005), False),
        (Result(name="x", ours=0.0, theirs=0.0), True),
        (Result(name="x", ours=1e-12, theirs=0.0), False),
        (Result(name="x", ours=1.0, theirs=1.0, integer=1.5, bound=0.5), True),
        (Result(name="x", ours=1.0, theirs=1.0, integer=1.6, bound=0.5), False),
        (Result(name="x", ours=1.0, theirs=1.0, integer=float("nan"), bound=0.5), False),
    ],
)
def test_what_is_met(result, expected):
    assert result.met is expected


def met() -> Case:
    return Case(name="met", results=(Result(name="x", ours=1.0, theirs=1.0),))


# Responses of a simulation ------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: {"id": 1, "result": it}])
def test_a_response_is_met_alone_and_as_the_result_of_a_call(tmp_path, wrap):
    report = check([written(tmp_path / "r.json", wrap(a_response()))])

    [case] = report.cases
    assert not report.failed
    assert case.name == "r.json"
    assert [it.name for it in case.results][:3] == [
        "initial_margin",
        "maintenance_margin",
        "risk_matrix_margin",
    ]


@pytest.mark.parametrize("level", ["initial_margin", "maintenance_margin"])
def test_a_level_of_a_response_that_is_wrong_is_a_miss(tmp_path, level):
    wrong = a_response(margins={level: 0.0500001})

    report = check([written(tmp_path / "r.json", wrong)])

    assert [it.name for it in report.results if not it.met] == [level]


@pytest.mark.parametrize(
    ("but", "why"),
    [
        ({"position": {"BTC-28JUN24-70000-C": 1.0}}, "BTC-28JUN24-70000-C"),
        ({"position": {"ETH-PERPETUAL": 1.0}}, "ETH-PERPETUAL"),
        ({"held": {"btc": 1.0}}, "coin held"),
        ({"currency": {"correlation_set": True}}, "offsets"),
        ({"currency": {"haircut": 0.1}}, "haircut"),
        ({"pair": {"extended_table_factor": 2}}, "extended table"),
        ({"margins": {"initial_margin": 1}, "position": {"X": 1}}, "X:"),
    ],
)
def test_a_response_that_needs_what_it_does_not_carry_is_unsupported_and_says_so(
    tmp_path, but, why
):
    report = check([written(tmp_path / "r.json", a_response(**but))])

    [case] = report.cases
    assert why in case.unsupported
    assert not case.results
    assert not report.failed


@pytest.mark.parametrize(
    ("but", "why"),
    [
        ({"index_price": {}}, "index_price.btc_usd is missing"),
        ({"position": {"BTC-31FEB24": 1.0}}, "expires on no day"),
        ({"pair": {"price_range": 0}}, "price_range"),
        ({"margins": {"initial_margin": None}}, "initial_margin is no number"),
    ],
)
def test_a_response_that_cannot_be_read_fails_and_says_why(tmp_path, but, why):
    report = check([written(tmp_path / "r.json", a_response(**but))])

    [case] = report.cases
    assert why in case.unreadable
    assert report.failed


def test_the_published_response_is_met_in_every_scenario():
    if not SIMULATED.exists():
        pytest.skip("the published response is not beside this checkout (../shared/data/deribit)")

    report = check([SIMULATED])

    assert not report.failed
    assert len(report.results) == 6 + 3 * 35
    assert max(it.error for it in report.results if it.name != "initial_margin") < 1e-12


# The published files ------------------------------------------------------------------------------


def test_every_figure_of_every_published_standard_case_is_met():
    if not STANDARD.exists():
        pytest.skip("the published case file is not beside this checkout (../shared/data/margin)")

    report = check([STANDARD])

    assert not report.failed
    assert [len(case.results) for case in report.cases] == [24] * 19
    assert max(it.error for it in report.results if it.theirs) < 1e-12


@pytest.mark.parametrize("path", [STANDARD, PORTFOLIO], ids=lambda path: path.name)
def test_a_published_level_that_is_moved_by_a_millionth_is_missed(tmp_path, path):
    if not path.exists():
        pytest.skip("the published case file is not beside this checkout (../shared/data/margin)")
    names = ("realIM", "realMM", "HandIM", "HandMM", "IM", "MM", "IMHand", "MMHand")
    *_, (name, held) = ((n, h) for n, h in cases_in(path) if h["Result"].get("IM", -1) != 0)
    moved = copy.deepcopy(held)
    for level in set(names) & set(moved["Result"]):
        moved["Result"][level] *= 1 + 1e-6

    report = check([written(tmp_path / "moved", {name: moved})])

    [case] = report.cases
    missed = {it.name for it in case.results if not it.met}
    assert missed == set(names) & set(held["Result"])


def test_a_skew_that_would_move_a_perpetual_is_not_passed_over(tmp_path):
    if not PORTFOLIO.exists():
        pytest.skip("the published case file is not beside this checkout (../shared/data/margin)")
    held = dict(cases_in(PORTFOLIO))["test_67_misc_skew_scenario_with_spot_move"]
    held["Scenario"] |= {"NumPerps": 1.0, "PerpPrice": 2700.0, "PerpConfidence": 1.0}

    [case] = check([written(tmp_path / "f", [held])]).cases

    assert "a skew that moves what follows spot" in case.unreadable


def test_scenarios_of_the_same_shocks_are_told_apart(tmp_path):
    if not PORTFOLIO.exists():
        pytest.skip("the published case file is not beside this checkout (../shared/data/margin)")
    held = dict(cases_in(PORTFOLIO))["test_32_perps_perp_hedging"]
    again = next(it for it in held["Parameters"]["Scenarios"] if it["DampeningFactor"] != 1)
    held["Parameters"]["Scenarios"].append(again | {"DampeningFactor": 0.0})
    held["Result"]["tail_losses"].append([str(again["SpotShock"] - 1), 1, "0"])

    report = check([written(tmp_path / "f", [held])])

    assert [it for it in report.results if not it.met] == []
    assert sum(it.name.startswith("scenario ") for it in report.results) == 32
