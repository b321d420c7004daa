"""The bound that is printed beside a number of the integer path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margin.engine import risk_array
from margin.engine.parameters import Levels, Parameters, load
from margin.engine.requirement import reference_requirement, requirement
from margin.engine.rounding import rounding_bound
from tests.engine.builders import a_random_book, a_random_market
from tests.oracle.pmrm2_parameters import HARSH, as_method

METHOD = load(Path(__file__).parents[2] / "margin" / "methods" / "derive-pmrm2-test.json")
HARSHER = load(as_method(HARSH))


@pytest.mark.parametrize("method", [METHOD, HARSHER], ids=["published", "harsh"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_no_account_is_further_away_than_its_bound(method: Parameters, seed: int):
    rng = np.random.default_rng(seed)
    market = a_random_market(rng, strikes=3)
    book = a_random_book(rng, market, accounts=8)
    array = risk_array.build(market, method)

    rounded = requirement(book, market, method, array)
    exact = reference_requirement(book, market, method)

    for level, bound in zip(
        ("initial", "maintenance"), rounding_bound(book, market, method, array), strict=True
    ):
        away = np.abs(getattr(rounded, level) - getattr(exact, level))
        assert (away <= bound + 1e-12 * np.abs(exact.scenarios).sum(axis=(1, 2))).all()
        assert (away > 0.0).any(), "nothing was rounded, so nothing was tested"


def test_at_a_loss_factor_of_one_it_is_little_more_than_half_a_unit_a_lot():
    rng = np.random.default_rng(5)
    market = a_random_market(rng, underlyings=1)
    book = a_random_book(rng, market)
    array = risk_array.build(market, METHOD)
    half = 0.5 * array.unit[0] * np.abs(book.positions.toarray()).sum(axis=1)
    one = replace(
        METHOD,
        loss_factor=Levels(initial=1.0, maintenance=1.0),
        scenarios=tuple(each for each in METHOD.scenarios if each.dampening == 1.0)[:-2],
        basis=replace(METHOD.basis, addition=0.0, multiple=0.0),
        confidence=replace(METHOD.confidence, scale=0.0),
        peg=replace(METHOD.peg, scale=0.0),
    )

    initial, maintenance = rounding_bound(book, market, one, array)

    assert (initial >= half).all()
    # What is more: an expiry owed counts for up to 1 / discount, and charges on the lot's size.
    owed = np.exp(0.2 * 200 / 365)
    assert (initial[1:] <= (owed + 0.02) * half[1:]).all()
    assert (maintenance <= initial).all()
