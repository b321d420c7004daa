"""The unrounded path against published numbers of the method that the parameter set describes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from margin.cases.files import Fields, cases_in
from margin.cases.portfolio import PortfolioCases
from margin.cases.portfolio_method import method
from margin.engine import scenarios
from margin.engine.parameters import Parameters, Vol, load
from margin.engine.requirement import reference_requirement
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
    held = dict(published_cases())["test_1_collateral_cash_only"]

    theirs = method(Fields(held).part("Parameters"))

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


def test_all_published_cases_are_reproduced_in_every_figure_and_by_integers_within_their_bound():
    list(published_cases())  # skips where there are none

    cases = PortfolioCases().cases([CASES])

    assert len(cases) == 93
    assert {case.name: case.unreadable for case in cases if case.unreadable} == {}
    missed = [(case.name, it) for case in cases for it in case.results if not it.met]
    assert missed == []
    for case in cases:
        names = [result.name for result in case.results]
        assert {"IM", "MM", "PortfolioMTM", "ForwardContingency", "im_loss_factor"} <= set(names)
        assert sum(name.startswith("scenario ") for name in names) >= 29
        assert all(it.tolerance == 1e-9 for it in case.results)
        assert [it.name for it in case.results if it.integer is not None] == [
            "IM",
            "MM",
            "IMHand",
            "MMHand",
        ]


def published_cases() -> Iterator[tuple[str, Any]]:
    if not CASES.exists():
        pytest.skip("the published case file is not beside this checkout (../shared/data/margin)")
    yield from cases_in(CASES)


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
