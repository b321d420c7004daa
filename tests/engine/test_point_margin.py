"""Margin at valuation points: the worked stock and call, a slow oracle, and properties."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from margin.engine.aggregate import SumOverflow
from margin.engine.point_margin import PointContracts, PointMargin, point_margin, price_gains
from margin.engine.point_parameters import load_point_parameters
from margin.engine.reading import ParameterError
from tests.engine.listed import as_positions
from tests.oracle import points as oracle

METHODS = Path(__file__).parents[2] / "margin" / "methods" / "valuation-points"
GOOD = json.loads((METHODS / "occ-portfolio-margin.json").read_text())
SEEDS = st.integers(0, 10**6)


def margin(
    method: Mapping[str, Any], series: Sequence[Mapping[str, Any]], *accounts: Mapping[int, int]
) -> PointMargin:
    return point_margin(
        as_positions(accounts, series=len(series)),
        as_contracts(method, series),
        load_point_parameters(method),
    )


def as_contracts(method: Mapping[str, Any], series: Sequence[Mapping[str, Any]]) -> PointContracts:
    classes = list(method["classes"])
    whole = all(isinstance(gain, int) for each in series for gain in each["gains"])
    return PointContracts(
        owner=np.array([classes.index(each["class"]) for each in series]),
        gains=np.array([each["gains"] for each in series], np.int64 if whole else float),
        multiplier=np.array([each["multiplier"] for each in series], float),
        is_contract=np.array([each["contract"] for each in series]),
    )


def a_random_house(seed: int, *, accounts: int = 6) -> tuple[Any, ...]:
    rng = Random(seed)
    method = copy.deepcopy(GOOD)
    for group in (*method["products"].values(), *method["portfolios"].values()):
        group["offset"] = rng.choice([0, 0.25, 0.5, 0.75, 1])
    series = [
        {
            "class": rng.choice(list(method["classes"])),
            "gains": [rng.randint(-400, 400) for _ in range(10)],
            "multiplier": rng.choice([1, 10, 100]),
            "contract": rng.random() < 0.7,
        }
        for _ in range(14)
    ]
    books = [
        {row: rng.choice([-8, -1, 1, 3]) for row in rng.sample(range(14), rng.randint(0, 9))}
        for _ in range(accounts)
    ]
    return method, series, books


@pytest.mark.parametrize("path", sorted(METHODS.glob("*.json")), ids=lambda path: path.stem)
def test_every_method_that_is_shipped_can_be_read_and_states_its_source(path: Path):
    method = load_point_parameters(path)

    assert method.name == path.stem
    assert len(method.source) > 20


def test_ten_points_are_equally_far_apart_on_each_side():
    moves = load_point_parameters(GOOD).moves

    assert moves[0].tolist() == pytest.approx(
        [-0.08, -0.064, -0.048, -0.032, -0.016, 0.012, 0.024, 0.036, 0.048, 0.06]
    )
    assert moves[3].tolist() == pytest.approx(
        [-0.15, -0.12, -0.09, -0.06, -0.03, 0.03, 0.06, 0.09, 0.12, 0.15]
    )


# What a call with strike 55 on a share at 50 changes by, at each point, per share.
CALL = [-1.6971, -1.4937, -1.2296, -0.8967, -0.4885, 0.5720, 1.2287, 1.9697, 2.7928, 3.6945]


def test_a_hundred_shares_with_a_call_sold_against_them():
    parameters = load_point_parameters(GOOD)
    share = price_gains(np.array([50.0]), owner=np.array([3]), parameters=parameters)[0]
    series = [
        {"class": "XYZ", "gains": share.tolist(), "multiplier": 1, "contract": False},
        {
            "class": "XYZ",
            "gains": [100 * each for each in CALL],
            "multiplier": 100,
            "contract": True,
        },
    ]

    got = margin(GOOD, series, {0: 100, 1: -1}, {0: 100}, {1: 1})

    assert got.loss[0].tolist() == pytest.approx([0.0, 580.29], rel=1e-12)
    assert got.floor[0].tolist() == [0.0, 37.5]
    assert got.required.tolist() == pytest.approx([580.29, 750.0, 169.71], rel=1e-12)
    assert got.point[0, 1] == 0


def flat(of: str, gains: list[int], **but: Any) -> dict[str, Any]:
    return {"class": of, "gains": gains, "multiplier": 100, "contract": True} | but


def test_a_product_group_counts_a_share_of_gains_at_the_same_point():
    long = [-1000] * 5 + [1000] * 5
    series = [flat("SPX", long), flat("OEX", long), flat("RUT", long)]

    got = margin(GOOD, series, {0: 1, 1: -1}, {0: 1, 2: -1}, {0: 1, 1: 1}, {0: 3, 1: -1})

    # 90 % inside a product group; between product groups nothing, but one point is worst for all.
    assert got.loss[:, 0].tolist() == pytest.approx([100.0, 1000.0, 2000.0, 2100.0])
    assert got.alone[0].tolist() == [1000.0, 1000.0, 0.0, 0.0]


def test_a_portfolio_group_offsets_what_its_products_have_left():
    method = copy.deepcopy(GOOD)
    method["portfolios"]["broad indices"]["offset"] = 0.5
    long = [-1000] * 5 + [1000] * 5
    series = [flat("SPX", long), flat("OEX", long), flat("RUT", long)]

    got = margin(method, series, {0: 1, 2: -1})

    # A lone class's gain is its product's at that product's own share: 75 %, of which half counts
    # one way; the other way 90 % does.
    assert got.loss[0, 0] == pytest.approx(max(1000 - 0.5 * 750, 1000 - 0.5 * 900))


def test_a_book_that_cannot_lose_still_has_the_minimum_of_its_contracts():
    series = [flat("XYZ", [0] * 10), flat("XYZ", [5] * 10, contract=False)]

    got = margin(GOOD, series, {0: 4}, {0: -4}, {1: 9}, {})

    assert got.required.tolist() == [150.0, 150.0, 0.0, 0.0]


@settings(deadline=None)
@given(SEEDS)
def test_every_group_agrees_with_the_slow_one(seed):
    method, series, accounts = a_random_house(seed)

    got = margin(method, series, *accounts)

    for row, lots in enumerate(accounts):
        expected = oracle.requirement(method, series, lots)
        worst = [float(loss) for loss, _ in expected.values()]
        floor = [float(minimum) for _, minimum in expected.values()]
        # Gains are whole and shares have few binary digits: nothing is rounded.
        assert got.loss[row].tolist() == worst
        assert got.floor[row].tolist() == floor
        assert got.required[row] == sum(map(max, worst, floor))


@settings(deadline=None)
@given(SEEDS)
def test_two_books_together_never_need_more_than_apart(seed):
    method, series, (one, other) = a_random_house(seed, accounts=2)
    both = {row: one.get(row, 0) + other.get(row, 0) for row in one | other}

    got = margin(method, series, one, other, both)

    assert got.required[2] <= got.required[0] + got.required[1]


@settings(deadline=None)
@given(SEEDS, st.integers(2, 50))
def test_a_book_as_large_again_needs_as_much_again(seed, times):
    method, series, accounts = a_random_house(seed)
    larger = [{row: times * lots for row, lots in held.items()} for held in accounts]

    once, again = margin(method, series, *accounts), margin(method, series, *larger)

    assert again.required.tolist() == (times * once.required).tolist()


@settings(deadline=None)
@given(SEEDS, st.sampled_from(["products", "portfolios"]))
def test_a_larger_offset_never_costs_more(seed, level):
    method, series, accounts = a_random_house(seed)
    kinder = copy.deepcopy(method)
    for group in kinder[level].values():
        group["offset"] = min(1, group["offset"] + 0.25)

    before, after = margin(method, series, *accounts), margin(kinder, series, *accounts)

    assert (after.required <= before.required).all()
    assert (before.loss.sum(axis=1) <= before.alone.sum(axis=1)).all()


@settings(deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_neither_the_order_of_series_nor_of_accounts_nor_a_chunk_matters(seed, rng):
    method, series, accounts = a_random_house(seed)
    order = list(range(len(series)))
    rng.shuffle(order)
    moved = [{order.index(row): lots for row, lots in held.items()} for held in accounts]

    got = margin(method, series, *accounts)
    again = margin(method, [series[row] for row in order], *reversed(moved))
    alone = point_margin(
        as_positions(accounts, series=len(series)),
        as_contracts(method, series),
        load_point_parameters(method),
        accounts_at_once=1,
    )

    for each in fields(PointMargin):
        np.testing.assert_array_equal(getattr(again, each.name)[::-1], getattr(got, each.name))
        np.testing.assert_array_equal(getattr(alone, each.name), getattr(got, each.name))


def test_whole_gains_that_could_not_be_summed_exactly_are_refused():
    contracts = as_contracts(GOOD, [flat("XYZ", [10**6] * 10)])

    with pytest.raises(SumOverflow, match="account 1"):
        point_margin(csr_array(np.array([[5], [10**11]])), contracts, load_point_parameters(GOOD))


@pytest.mark.parametrize(
    ("place", "value", "field", "reason"),
    [
        (("steps_each_side",), 0, "steps_each_side", "at least 1"),
        (("steps_each_side",), 2.5, "steps_each_side", "whole"),
        (("ranges", "other broad index", "down"), 1.5, "ranges.other broad index.down", "at most"),
        (("ranges", "other broad index", "up"), 0, "ranges.other broad index.up", "more than"),
        (("products", "equity", "offset"), 1.1, "products.equity.offset", "at most 1"),
        (("products", "equity", "portfolio"), "bonds", "products.equity.portfolio", "not among"),
        (("classes", "SPX", "product"), "bonds", "classes.SPX.product", "not among"),
        (("classes", "SPX", "range"), "wide", "classes.SPX.range", "not among"),
        (("classes", "SPX", "vol"), 1, "classes.SPX.vol", "known"),
        (("portfolios", "equity", "offset"), True, "portfolios.equity.offset", "number"),
        (("minimum_per_multiplier",), -1, "minimum_per_multiplier", "at least 0"),
        (("house",), 1, "house", "known"),
    ],
)
def test_a_method_that_cannot_be_used_is_refused_by_its_field(place, value, field, reason):
    broken = copy.deepcopy(GOOD)
    at = broken
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value

    with pytest.raises(ParameterError, match=reason) as refused:
        load_point_parameters(broken)

    assert refused.value.field == field
