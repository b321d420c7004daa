"""The unrounded path against published numbers of the method that the parameter set describes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from margin.engine import scenarios
from margin.engine.parameters import Parameters, Vol, load
from margin.engine.requirement import reference_requirement, requirement
from tests.engine.builders import a_described_portfolio

ROOT = Path(__file__).parents[2]
METHOD = load(ROOT / "margin" / "methods" / "derive-pmrm2-test.json")
GOLDEN = json.loads((ROOT / "tests" / "golden" / "pmrm2.json").read_text())["vectors"]
CASES = ROOT.parent / "shared" / "data" / "margin" / "derive_pmrm2_cases.jsonl.gz"
PRINTED = 0.51e-8  # the parts were printed to eight decimals


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["id"])
def test_a_published_portfolio_gets_its_published_balance(vector):
    book, market = a_described_portfolio(vector["portfolio"])
    parameters = overridden(METHOD, vector.get("overrides", {}))

    got = reference_requirement(book, market, parameters)

    expected = vector["expected"]
    assert got.initial[0] == pytest.approx(expected["initial"], rel=1e-9)
    assert got.maintenance[0] == pytest.approx(expected["maintenance"], rel=1e-9)


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["id"])
def test_and_every_part_of_it(vector):
    book, market = a_described_portfolio(vector["portfolio"])
    parameters = overridden(METHOD, vector.get("overrides", {}))

    got = reference_requirement(book, market, parameters)

    names = [*(each.name for each in parameters.scenarios), "basis"]
    funding = vector["portfolio"].get("linear", {}).get("funding", 0.0)
    parts = {
        "worst": got.worst[0, 0],
        "basis": got.scenarios[0, 0, -1],
        "mark_to_market": got.mark_to_market[0, 0] + funding,
        "initial_contingency": got.initial_contingency[0, 0],
        "maintenance_contingency": got.maintenance_contingency[0, 0],
    }
    assert names[got.binding[0, 0]] == vector["expected"]["binding"]
    assert parts == {
        name: pytest.approx(vector["expected"][name], rel=1e-9, abs=PRINTED) for name in parts
    }


def test_the_intermediate_figures_of_the_first_vector():
    portfolio, figures = GOLDEN[0]["portfolio"], GOLDEN[0]["intermediate"]
    (expiry,) = portfolio["expiries"]
    (option,) = expiry["options"]
    seconds, rate = np.array([float(expiry["seconds"])]), np.array([expiry["rate"]])
    years = scenarios.years_left(seconds)
    strike, forward = np.array([option["strike"]]), np.array([expiry["forward"]])
    vol = np.array([option["vol"]])

    got = {
        "vol_up_multiplier": scenarios.vol_up_multiplier(seconds, METHOD.vol_shock),
        "vol_down_multiplier": scenarios.vol_down_multiplier(seconds, METHOD.vol_shock),
        "discount": scenarios.discount_to_expiry(seconds, rate),
        "discount_long": scenarios.static_discount_long(seconds, rate, METHOD.discount_long),
        "discount_short": scenarios.static_discount_short(seconds, rate, METHOD.discount_short),
        "skew_cap": scenarios.skew_cap(years, METHOD.skew.linear),
        "skew_width": scenarios.skew_width(years, METHOD.skew),
        "log_moneyness": np.log(strike / forward),
        "skew_multiplier": scenarios.skew_multiplier(
            strike=strike, forward=forward, years=years, vol=Vol.LINEAR, skew=METHOD.skew
        ),
    }
    up = scenarios.shocked_vol(
        Vol.UP, vol=vol, strike=strike, forward=forward, seconds=seconds, parameters=METHOD
    )

    assert {name: value[0] for name, value in got.items()} == {
        name: pytest.approx(figures[name], rel=1e-12) for name in got
    }
    assert up[0] == pytest.approx(figures["vol_up"], abs=0.51e-7)


def test_the_method_file_is_the_parameter_set_of_the_published_cases():
    for case in published_cases():
        if case["case"] == "test_1_collateral_cash_only":
            theirs = converted_parameters(case["Parameters"])
            break

    assert [each.spot for each in theirs.scenarios] == pytest.approx(
        [each.spot for each in METHOD.scenarios], rel=1e-15
    )
    assert [(each.vol, each.dampening) for each in theirs.scenarios] == [
        (each.vol, each.dampening) for each in METHOD.scenarios
    ]
    for section in ("vol_shock", "skew", "discount_long", "discount_short", "basis", "peg"):
        assert getattr(theirs, section) == getattr(METHOD, section)
    assert theirs.confidence == METHOD.confidence
    assert theirs.linear_charge.initial == pytest.approx(METHOD.linear_charge.initial, rel=1e-15)


def test_all_published_cases_are_reproduced_in_every_scenario():
    cases = list(published_cases())

    errors = {case["case"]: case_error(case) for case in cases}

    assert len(errors) == 93
    assert {name: error for name, error in errors.items() if error > 1e-9} == {}


def test_the_integer_path_stays_close_to_the_published_cases():
    for case in published_cases():
        book, market, parameters = converted(case)

        got = requirement(book, market, parameters)

        # A lot here is a whole position of up to thousands of coins, so the unit is coarse.
        size = 1.0 + np.abs(got.scenarios).max() + np.abs(got.mark_to_market).max()
        assert abs(got.initial[0] - case["Result"]["IM"]) <= 1e-6 * size
        assert abs(got.maintenance[0] - case["Result"]["MM"]) <= 1e-6 * size


def case_error(case: dict[str, Any]) -> float:
    """Largest error of balance, basis and every scenario, relative to the published figure."""
    book, market, parameters = converted(case)
    got, result = reference_requirement(book, market, parameters), case["Result"]
    pairs = [
        (got.initial[0], result["IM"]),
        (got.maintenance[0], result["MM"]),
        (got.scenarios[0, 0, -1], result["ForwardContingency"]),
        (got.equity[0], result["PortfolioMTM"]),
        (got.initial_factor[0, 0], result.get("im_loss_factor", result["IMLossFactor"])),
    ]
    names = {each.name: place for place, each in enumerate(parameters.scenarios)}
    directions = {-1: "down", 0: "none", 1: "up"}
    for shock, vol, loss in [*result["reg_losses"], *result["tail_losses"]]:
        name = f"{1.0 + float(shock):.12g}/{directions[vol]}"
        pairs.append((got.scenarios[0, 0, names[name]], float(loss)))
    for vol, loss in result["skew_losses"]:
        if vol != "LINEAR_SPOT_SHOCK":
            pairs.append((got.scenarios[0, 0, names[f"1/{vol.lower()}"]], float(loss)))
    # Scenarios are sums that may cancel to nothing: held against a millionth of what is added up.
    given = case["Scenario"]
    added = abs(result["OptionMTM"]) + abs(given["NumPerps"] * given["PerpPrice"])
    floor = 1e-6 * max(1.0, added + abs(result["CollateralMTM"]))
    return max(abs(ours - theirs) / max(abs(theirs), floor) for ours, theirs in pairs)


def published_cases() -> Iterator[dict[str, Any]]:
    if not CASES.exists():
        pytest.skip("the published case file is not beside this checkout (../shared/data/margin)")
    with gzip.open(CASES, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def converted(case: dict[str, Any]) -> tuple[Any, Any, Parameters]:
    """Book, market and method of one published case."""
    given = case["Scenario"]
    expiries = [
        {
            "seconds": feed["FeedExpiry"],
            "forward": feed["Forward"],
            "forward_confidence": feed["ForwardConfidence"],
            "rate": feed["Rate"],
            "rate_confidence": feed["RateConfidence"],
            "vol_confidence": feed["OptionVolConfidences"],
            "options": [
                {
                    "quantity": option["Amount"],
                    "type": "call" if option["IsCall"] else "put",
                    "strike": option["Strike"],
                    "vol": option["MarkVol"],
                }
                for option in given["Options"]
                if option["Expiry"] == feed["FeedExpiry"]
            ],
        }
        for feed in {feed["FeedExpiry"]: feed for feed in given["OptionFeeds"]}.values()
    ]
    portfolio = {
        "spot": given["SpotPrice"],
        "spot_confidence": given["SpotConfidence"],
        "stable": given["StablePrice"],
        "cash": given["Cash"],
        "expiries": expiries,
        "collateral": [
            {
                "quantity": held["Amount"],
                "price": held["Price"],
                "confidence": held["Confidence"],
                "initial_haircut": held["IMHaircut"],
                "maintenance_haircut": held["MMHaircut"],
                "risk_cancelling": held["IsRiskCancelling"],
            }
            for held in given["Collaterals"]
        ],
    }
    if given["NumPerps"]:
        portfolio["linear"] = {
            "quantity": given["NumPerps"],
            "mark": given["PerpPrice"],
            "confidence": given["PerpConfidence"],
            "unrealised": given["UnrealisedPerpPNL"],
            "funding": given["UnrealisedFunding"],
        }
    else:
        portfolio["cash"] += given["UnrealisedPerpPNL"] + given["UnrealisedFunding"]
    return *a_described_portfolio(portfolio), converted_parameters(case["Parameters"])


def converted_parameters(given: dict[str, Any]) -> Parameters:
    vol, skew, margin = given["VolShock"], given["SkewShock"], given["Margin"]
    basis, other = given["BasisContingency"], given["OtherContingency"]
    levels = {"initial": "IM", "maintenance": "MM"}
    nothing = {"initial_haircut": 0, "maintenance_haircut": 1, "risk_cancelling": False}
    return load(
        {
            "name": "published case",
            "source": "published case",
            "scenarios": [converted_scenario(each) for each in given["Scenarios"]],
            "vol_shock": {
                "range_up": vol["VOLRANGEUP"],
                "range_down": vol["VOLRANGEDOWN"],
                "short_power": vol["SHORTTERMPOWER"],
                "long_power": vol["LONGTERMPOWER"],
                "pivot_days": 30,
                "floor_days": vol["DTE_FLOOR"],
                "minimum_up": vol["MIN_VOL_EVAL_SHOCKED"],
            },
            "skew": {
                "linear": {"base": skew["LINEAR_SCALE_CAP"], "slope": skew["LINEAR_CBASE"]},
                "abs": {"base": skew["ABS_SCALE_CAP"], "slope": skew["ABS_CBASE"]},
                "minimum_width": skew["MIN_K_STAR"],
                "width": skew["MIN_WIDTH_SCALE"],
                "vol_static": skew["VOL_PARAM_STATIC"],
                "vol_slope": skew["VOL_PARAM_SCALE"],
            },
            "discount": {
                "long": {
                    "base": margin["BASE_STATIC_DISCOUNT"],
                    "rate_multiple": margin["LONG_RATE_MULTSCALE"],
                    "addition": margin["LONG_RATE_ADDSCALE"],
                },
                "short": {
                    "base": margin["BASE_STATIC_DISCOUNT_NEG"],
                    "rate_multiple": margin["SHORT_RATE_MULTSCALE"],
                    "addition": margin["SHORT_RATE_ADDSCALE"],
                },
            },
            "basis": {
                "up": basis["SCENARIO_SPOT_UP"],
                "down": basis["SCENARIO_SPOT_DOWN"],
                "addition": basis["BASIS_CONT_ADD_FACTOR"],
                "multiple": basis["BASIS_CONT_MULT_FACTOR"],
            },
            "loss_factor": {ours: margin[f"{own}_LOSS_FACTOR"] for ours, own in levels.items()},
            "charges": {
                "linear": {ours: other[f"{own}_PERP_PERCENT"] for ours, own in levels.items()},
                "short_option": {
                    ours: other[f"{own}_OPTION_PERCENT"] for ours, own in levels.items()
                },
            },
            "peg": {"level": other["PEG_LOSS_THRESHOLD"], "scale": other["PEG_LOSS_FACTOR"]},
            "confidence": {"level": other["CONF_THRESHOLD"], "scale": other["CONF_MARGIN"]},
            "settlement_window_seconds": 1800,
            "collateral": {},
            "default_collateral": nothing,
        }
    )


def converted_scenario(given: dict[str, Any]) -> dict[str, Any]:
    """One case moves spot in a skew; its published figures show that the options do not move."""
    vol = given["VolShockDirection"].lower()
    spot = 1.0 if vol in ("linear", "abs") else given["SpotShock"]
    return {
        "name": f"{spot:.12g}/{vol}",
        "spot": spot,
        "vol": vol,
        "dampening": given["DampeningFactor"],
    }


def overridden(parameters: Parameters, overrides: dict[str, Any]) -> Parameters:
    dampening = overrides.get("dampening", {})
    skew = dict(overrides.get("skew", {}))
    linear = parameters.skew.linear
    if "linear_base" in skew:
        linear = replace(linear, base=skew.pop("linear_base"))
    return replace(
        parameters,
        scenarios=tuple(
            replace(each, dampening=dampening.get(each.name, each.dampening))
            for each in parameters.scenarios
        ),
        skew=replace(parameters.skew, linear=linear, **skew),
    )
