"""Whatever stands in a case file, a run ends with a report that says so."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margin.cases.files import cases_in
from margin.cases.run import check
from tests.engine.test_check_vectors import PORTFOLIO, STANDARD, a_response, a_standard_case

JUNK = [
    None,
    True,
    -1,
    0,
    2,
    1.5,
    -1e30,
    1e308,
    float("nan"),
    "",
    "x",
    "7",
    [],
    [[]],
    [1],
    {},
    {"a": 1},
]


def places(held: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document, objects and lists among them."""
    if isinstance(held, dict):
        inside = held.items()
    elif isinstance(held, list):
        inside = enumerate(held)
    else:
        return [before]
    return [before, *(place for key, each in inside for place in places(each, (*before, key)))]


def spoilt(held: Any, place: tuple[Any, ...], junk: Any) -> Any:
    """The document with something else in one place, or without it."""
    changed = copy.deepcopy(held)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    if junk is ...:
        del holder[place[-1]]
    else:
        holder[place[-1]] = junk
    return changed


def an_option_case() -> dict[str, Any]:
    """Two options of the published layout in the settlement hour, one short."""
    one = 10**18
    options = {
        "OptionUnderlying": ["ETH", "ETH"],
        "OptionExpiries": [900, 900],
        "FeedExpiries": [900, 900],
        "OptionStrikes": [1200 * one, 1600 * one],
        "OptionIsCall": [1, 0],
        "OptionAmounts": [-one, 2 * one],
        "OptionVols": [one, one],
        "OptionVolConfidences": [one, one],
        "Forwards": [1500 * one, 1500 * one],
        "ForwardConfidences": [one, one],
        "SettlementPriceETH": 1450 * one,
    }
    return a_standard_case(scenario=options)


WHOLE = {"perpetual": a_standard_case(), "options": an_option_case(), "response": a_response()}


@pytest.mark.parametrize("name", WHOLE)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_anything_in_any_place_of_a_case_ends_in_a_report(tmp_path_factory, name, data):
    held = WHOLE[name]
    place = data.draw(st.sampled_from([each for each in places(held) if each]))
    junk = data.draw(st.sampled_from([..., *JUNK]))
    path = tmp_path_factory.mktemp("spoilt") / "f"
    path.write_text(json.dumps(spoilt(held, place, junk)))

    report = check([path])

    assert list(report.lines())[-1] == report.summary()
    assert report.cases or report.failed


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_the_same_of_a_published_portfolio_case(tmp_path_factory, data):
    if not PORTFOLIO.exists():
        pytest.skip("the published case file is not beside this checkout (../shared/data/margin)")
    held = dict(cases_in(PORTFOLIO))["test_32_perps_perp_hedging"]
    place = data.draw(st.sampled_from([each for each in places(held) if each]))
    junk = data.draw(st.sampled_from([..., *JUNK]))
    path = tmp_path_factory.mktemp("spoilt") / "f"
    path.write_text(json.dumps(spoilt(held, place, junk)))

    report = check([path])

    assert list(report.lines())[-1] == report.summary()
    assert report.cases or report.failed


@given(cut=st.integers(0, 400))
@settings(max_examples=20, deadline=None)
def test_a_published_file_that_is_cut_off_fails(tmp_path_factory, cut):
    if not STANDARD.exists():
        pytest.skip("the published case file is not beside this checkout (../shared/data/margin)")
    path = tmp_path_factory.mktemp("cut") / "f.json.gz"
    path.write_bytes(STANDARD.read_bytes()[: cut * 10])

    assert check([path]).failed
