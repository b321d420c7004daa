"""A parameter set is data; what is wrong with it is named by its field."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from margin.engine.parameters import Vol, load
from margin.engine.reading import ParameterError

METHODS = Path(__file__).parents[2] / "margin" / "methods"
GOOD = json.loads((METHODS / "derive-pmrm2-test.json").read_text())


@pytest.mark.parametrize("path", sorted(METHODS.glob("*.json")), ids=lambda path: path.stem)
def test_every_method_that_is_shipped_can_be_read_and_states_its_source(path):
    method = load(path)

    assert method.name == path.stem
    assert len(method.source) > 20


def test_the_grid_is_read_as_written():
    method = load(GOOD)

    assert len(method.scenarios) == 31
    assert method.scenarios[0].name == "1.18/up"
    assert [each.vol for each in method.scenarios[-2:]] == [Vol.LINEAR, Vol.ABS]
    assert method.skew.linear.base == 0.15
    assert method.skew.absolute.slope == -0.05
    assert method.linear_charge.initial == 0.005


def test_an_asset_that_is_not_listed_counts_for_nothing():
    method = load(GOOD)

    assert method.terms_of("BTC").risk_cancelling
    assert method.terms_of("SHIB") == method.default_collateral
    assert method.default_collateral.maintenance_haircut == 1.0


@pytest.mark.parametrize(
    ("place", "value", "field", "reason"),
    [
        (("name",), "", "name", "text"),
        (("scenarios",), [], "scenarios", "at least one"),
        (("scenarios",), "grid", "scenarios", "list"),
        (("scenarios", 3, "vol"), "sideways", "scenarios[3].vol", "one of"),
        (("scenarios", 3, "spot"), 0, "scenarios[3].spot", "more than 0"),
        (("scenarios", 3, "name"), "1.18/up", "scenarios[3].name", "taken"),
        (("scenarios", 3, "name"), "exposure", "scenarios[3].name", "reserved"),
        (("scenarios", 29, "spot"), 1.1, "scenarios[29].spot", "volatility alone"),
        (("vol_shock", "range_up"), "much", "vol_shock.range_up", "number"),
        (("vol_shock", "range_up"), True, "vol_shock.range_up", "number"),
        (("vol_shock", "range_up"), float("nan"), "vol_shock.range_up", "finite"),
        (("vol_shock", "range_up"), -1, "vol_shock.range_up", "at least 0"),
        (("vol_shock", "rnge_up"), 1, "vol_shock.rnge_up", "known"),
        (("skew", "linear", "base"), None, "skew.linear.base", "number"),
        (("skew", "minimum_width"), 0, "skew.minimum_width", "more than 0"),
        (("discount", "medium"), {}, "discount.medium", "known"),
        (("charges", "linear"), 0.1, "charges.linear", "object"),
        (("collateral", "BTC", "risk_cancelling"), 1, "collateral.BTC.risk_cancelling", "true"),
        (("comment",), "hello", "comment", "known"),
    ],
)
def test_a_wrong_field_is_named(place, value, field, reason):
    given = copy.deepcopy(GOOD)
    holder = given
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value

    with pytest.raises(ParameterError, match=reason) as refused:
        load(given)

    assert refused.value.field == field


@pytest.mark.parametrize("field", sorted(GOOD))
def test_a_missing_field_is_named(field):
    given = {name: value for name, value in GOOD.items() if name != field}

    with pytest.raises(ParameterError, match="missing") as refused:
        load(given)

    assert refused.value.field == field


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_file_that_holds_no_object_is_refused(tmp_path, text):
    path = tmp_path / "method.json"
    path.write_text(text)

    with pytest.raises(ParameterError):
        load(path)
