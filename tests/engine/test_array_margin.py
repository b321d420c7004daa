"""Margin by risk arrays: published examples, a slow account by account oracle, and properties."""

from __future__ import annotations

import copy
from dataclasses import fields, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from margin.engine.aggregate import SumOverflow
from margin.engine.array_margin import ArrayMargin, array_margin
from margin.engine.array_parameters import load_array_parameters
from margin.engine.array_scan import (
    composite_delta,
    covered_losses,
    linear_losses,
    moved_prices,
    moved_vols,
)
from margin.engine.pricing import black_76
from margin.engine.reading import ParameterError
from tests.engine.listed import (
    METHODS,
    PLAIN,
    a_future,
    a_method,
    a_random_method,
    as_contracts,
    as_positions,
    leg,
    some_random_accounts,
    some_random_series,
)
from tests.oracle import arrays as oracle

SEEDS = st.integers(0, 10**6)


def margin(
    method: dict[str, Any], series: list[dict[str, Any]], *accounts: dict[int, int]
) -> ArrayMargin:
    contracts, parameters = as_contracts(method, series)
    return array_margin(as_positions(accounts, series=len(series)), contracts, parameters)


def a_random_house(seed: int, *, accounts: int = 6) -> tuple[Any, ...]:
    rng = Random(seed)
    method = a_random_method(rng)
    series = some_random_series(rng, method)
    return method, series, some_random_accounts(rng, series=len(series), count=accounts)


@pytest.mark.parametrize("path", sorted(METHODS.glob("*.json")), ids=lambda path: path.stem)
def test_every_method_that_is_shipped_can_be_read_and_states_its_source(path: Path):
    method = load_array_parameters(path)

    assert method.name == path.stem
    assert len(method.source) > 20
    assert [each.name for each in method.scenarios][-2:] == ["+extreme", "-extreme"]
    assert [method.scenarios[each.pair].name for each in method.scenarios[:2]] == [
        "0/down",
        "0/up",
    ]
    assert len(method.scenarios) == 16


def test_the_published_index_future_of_a_clearing_house():
    method = a_method()
    series = [
        a_future(method, commodity="NIKKEI-225", scan_range=570_000.0, month=month)
        for month in ("jun", "sep")
    ]

    got = margin(method, series, {0: -2, 1: 5})

    assert got.scan.tolist() == [[1_710_000.0]]
    assert got.maintenance.tolist() == [1_710_000.0]


def test_a_published_account_of_eight_futures():
    path = METHODS / "kdpw-fw20.json"
    parameters = load_array_parameters(path)
    scan_range = np.array([2466 * 20 * 0.074])
    method = a_method(
        commodities={"FW20": PLAIN},
        scenarios=[
            {
                "name": each.name,
                "price": each.price,
                "vol": str(each.vol),
                "cover": each.cover,
                "pair": parameters.scenarios[each.pair].name,
            }
            for each in parameters.scenarios
        ],
    )
    future = a_future(method, commodity="FW20", scan_range=1.0) | {
        "losses": linear_losses(scan_range, parameters.scenarios)[0].tolist()
    }

    got = margin(method, [future], {0: 8})

    assert got.maintenance[0] == pytest.approx(29_197.44, rel=1e-12)
    # Three ranges at 32 per cent lose less than one in full.
    assert parameters.scenarios[got.active[0, 0]].name == "-1/up"


def test_two_commodities_that_hedge_each_other_are_credited():
    method = a_method(
        commodities={"A": PLAIN, "B": PLAIN},
        credits=[
            {"credit": 0.6, "legs": [leg("commodity", "A", 2, "a"), leg("commodity", "B", 1, "b")]}
        ],
    )
    series = [
        a_future(method, commodity="A", scan_range=600.0),
        a_future(method, commodity="B", scan_range=900.0),
    ]

    got = margin(method, series, {0: 2, 1: -1}, {0: 2, 1: 1}, {0: -2, 1: 1}, {0: 2})

    assert got.scan.tolist() == [[1200, 900], [1200, 900], [1200, 900], [1200, 0]]
    assert got.credit[0].tolist() == pytest.approx([720.0, 540.0])
    assert got.maintenance.tolist() == pytest.approx([840.0, 2100.0, 840.0, 1200.0])


def test_an_earlier_credit_takes_the_delta_that_a_later_one_would_have_used():
    def priority(*rates: float) -> dict[str, Any]:
        return a_method(
            commodities={"A": PLAIN, "B": PLAIN, "C": PLAIN},
            credits=[
                {
                    "credit": rate,
                    "legs": [leg("commodity", "A", 1, "a"), leg("commodity", other, 1, "b")],
                }
                for rate, other in zip(rates, ("B", "C"), strict=True)
            ],
        )

    method = priority(0.5, 0.9)
    series = [a_future(method, commodity=name, scan_range=100.0) for name in "ABC"]

    got = margin(method, series, {0: 3, 1: -2, 2: -5})

    # Two spreads of A and B at 50 %, then the one A that is left with C at 90 %.
    assert got.credit[0].tolist() == pytest.approx([190.0, 100.0, 90.0])


TIERS = {
    "tiers": [
        {"name": "spot", "delivery": {"spread": 3, "outright": 10}},
        {"name": "near"},
        {"name": "far"},
    ],
    "spreads": [
        {"charge": 40, "legs": [leg("tier", "spot", 1, "a"), leg("tier", "near", 1, "b")]},
        {"charge": 25, "legs": [leg("tier", "near", 1, "a"), leg("tier", "near", 1, "b")]},
        {"charge": 70, "legs": [leg("tier", "spot", 1, "a"), leg("tier", "far", 2, "b")]},
    ],
    "short_option_minimum": 0,
}


def test_months_against_each_other_are_charged_by_priority_and_near_delivery_twice():
    method = a_method(commodities={"A": TIERS})
    series = [
        a_future(method, commodity="A", scan_range=500.0, tier=tier, month=month)
        for tier, month in (("spot", "1"), ("near", "2"), ("near", "3"), ("far", "9"))
    ]

    got = margin(method, series, {0: 5, 1: -2, 2: 1, 3: -4})

    # Spot 5, near long 1 and short 2, far short 4: two spot-near spreads use up the short near
    # delta, so none is left against the long one; two of the three spot are spread with far.
    assert got.spread.tolist() == [[2 * 40 + 2 * 70]]
    assert got.delivery.tolist() == [[4 * 3 + 1 * 10]]
    assert got.scan.tolist() == [[0.0]]


def test_a_tier_is_spread_with_itself_where_its_months_differ_in_sign():
    method = a_method(commodities={"A": TIERS})
    series = [
        a_future(method, commodity="A", scan_range=500.0, tier="near", month=month)
        for month in ("2", "3")
    ]

    got = margin(method, series, {0: 4, 1: -3}, {0: -4, 1: 3}, {0: 4, 1: 3})

    assert got.spread.tolist() == [[75.0], [75.0], [0.0]]


def test_short_options_have_a_minimum_and_options_held_are_set_against_the_risk():
    terms = PLAIN | {"short_option_minimum": 30}
    method = a_method(commodities={"A": terms})
    flat = a_future(method, commodity="A", scan_range=0.0)
    call, put = flat | {"call": True, "value": 12.0}, flat | {"call": False, "value": 50.0}

    got = margin(method, [call, put], {0: -3, 1: -1}, {0: -3, 1: 1}, {0: 5})
    larger = margin(method | {"short_options_counted": "larger"}, [call, put], {0: -3, 1: -1})

    assert got.floor.tolist() == [[120.0], [90.0], [0.0]]
    assert got.option_value.tolist() == [[-86.0], [14.0], [60.0]]
    assert got.maintenance.tolist() == [206.0, 76.0, 0.0]
    assert larger.floor.tolist() == [[90.0]]


def test_long_options_of_one_commodity_reach_another_only_where_the_method_says_so():
    method = a_method(commodities={"A": PLAIN, "B": PLAIN})
    rich = a_future(method, commodity="A", scan_range=0.0) | {"call": True, "value": 400.0}
    series = [rich, a_future(method, commodity="B", scan_range=1000.0)]

    near = margin(method, series, {0: 1, 1: 1})
    far = margin(method | {"option_value_reaches": "account"}, series, {0: 1, 1: 1})

    assert near.maintenance.tolist() == [1000.0]
    assert far.maintenance.tolist() == [600.0]


@settings(deadline=None)
@given(SEEDS)
def test_every_component_agrees_with_the_slow_one(seed):
    method, series, accounts = a_random_house(seed)

    got = margin(method, series, *accounts)

    for row, lots in enumerate(accounts):
        expected = oracle.requirement(method, series, lots)
        for name in ("scan", "spread", "delivery", "credit", "risk"):
            by_commodity = [float(value) for value in expected[name].values()]
            assert getattr(got, name)[row].tolist() == pytest.approx(
                by_commodity, rel=1e-11, abs=1e-9
            ), name
        for level in ("initial", "maintenance"):
            assert getattr(got, level)[row] == pytest.approx(
                float(expected[level]), rel=1e-11, abs=1e-9
            )


@settings(deadline=None)
@given(SEEDS, st.integers(2, 40))
def test_a_book_as_large_again_needs_as_much_again(seed, times):
    method, series, accounts = a_random_house(seed)
    larger = [{row: times * lots for row, lots in held.items()} for held in accounts]

    once, again = margin(method, series, *accounts), margin(method, series, *larger)

    np.testing.assert_allclose(again.maintenance, times * once.maintenance, rtol=1e-12, atol=1e-7)
    np.testing.assert_array_equal(again.scan, times * once.scan)
    np.testing.assert_array_equal(again.active, once.active)


@settings(deadline=None)
@given(SEEDS)
def test_the_scan_of_two_books_together_is_never_more_than_of_both(seed):
    method, series, (one, other) = a_random_house(seed, accounts=2)
    both = {row: one.get(row, 0) + other.get(row, 0) for row in one | other}

    got = margin(method, series, one, other, both)

    assert (got.scan[2] <= got.scan[0] + got.scan[1]).all()


@settings(deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_neither_the_order_of_series_nor_of_accounts_nor_a_chunk_matters(seed, rng):
    method, series, accounts = a_random_house(seed)
    order = list(range(len(series)))
    rng.shuffle(order)
    mixed = [series[row] for row in order]
    moved = [{order.index(row): lots for row, lots in held.items()} for held in accounts]

    got = margin(method, series, *accounts)
    again = margin(method, mixed, *reversed(moved))
    contracts, parameters = as_contracts(method, series)
    alone = array_margin(
        as_positions(accounts, series=len(series)), contracts, parameters, accounts_at_once=1
    )

    # Losses are whole and deltas have few binary digits, so every sum here is exact.
    for each in fields(ArrayMargin):
        whole = getattr(got, each.name)
        np.testing.assert_array_equal(getattr(again, each.name)[::-1], whole)
        np.testing.assert_array_equal(getattr(alone, each.name), whole)


@settings(deadline=None)
@given(
    SEEDS, st.sampled_from(["charge", "delivery", "minimum", "credit", "scenario", "no credits"])
)
def test_stricter_terms_never_ask_for_less(seed, stricter):
    method, series, accounts = a_random_house(seed)
    before = margin(method, series, *accounts)
    harder = copy.deepcopy(method)
    for terms in harder["commodities"].values():
        if stricter == "charge":
            for spread in terms["spreads"]:
                spread["charge"] += 13
        if stricter == "delivery" and "delivery" in terms["tiers"][0]:
            terms["tiers"][0]["delivery"]["outright"] += 7
        if stricter == "minimum":
            terms["short_option_minimum"] += 40
    for credit in harder["credits"]:
        if stricter == "credit":
            credit["credit"] /= 2
    if stricter == "no credits":
        harder["credits"] = harder["credits"][:-1]
    if stricter == "scenario":
        harder["scenarios"].append({"name": "more", "price": -5, "vol": "none", "cover": 1})
        series = [each | {"losses": [*each["losses"], each["losses"][0] * 3]} for each in series]
        harder["credits"] = method["credits"] = []
        before = margin(
            method, [each | {"losses": each["losses"][:-1]} for each in series], *accounts
        )

    after = margin(harder, series, *accounts)

    assert (after.maintenance >= before.maintenance - 1e-9).all()
    assert (after.initial >= after.maintenance - 1e-9).all()


def test_whole_losses_that_could_not_be_summed_exactly_are_refused():
    method = a_method()
    future = a_future(method, commodity="NIKKEI-225", scan_range=570_000.0)
    future["losses"] = [round(loss) for loss in future["losses"]]
    contracts, parameters = as_contracts(method, [future])

    with pytest.raises(SumOverflow, match="account 1"):
        array_margin(csr_array(np.array([[5], [10**11]])), contracts, parameters)


def test_where_nothing_loses_the_first_scenario_stands_and_nothing_is_at_risk():
    method = a_method()
    gains = a_future(method, commodity="NIKKEI-225", scan_range=0.0) | {"losses": [-9, *[-1] * 15]}

    got = margin(method, [gains], {0: 4}, {0: -4})

    assert got.scan.tolist() == [[0.0], [36.0]]
    assert got.active.tolist() == [[0], [0]]
    assert got.maintenance.tolist() == [0.0, 36.0]


def test_nobody_at_all_needs_nothing():
    method = a_method()
    contracts, parameters = as_contracts(
        method, [a_future(method, commodity="NIKKEI-225", scan_range=1.0)]
    )

    got = array_margin(csr_array(np.zeros((0, 1), np.int64)), contracts, parameters)

    assert got.maintenance.shape == (0,)
    assert got.scan.shape == (0, 1)


# From prices to an array ---------------------------------------------------------------------------


def test_an_option_array_is_its_loss_in_each_scenario_and_a_share_of_the_extremes():
    scenarios = load_array_parameters(a_method()).scenarios
    price, vol = np.array([100.0]), np.array([0.2])
    prices = moved_prices(price, np.array([6.0]), scenarios)
    vols = moved_vols(vol, np.array([0.05]), scenarios)
    terms = {"strike": 102.0, "years": 0.1, "is_call": True}
    values = black_76(forward=prices, vol=vols, **terms)
    base = black_76(forward=price, vol=vol, **terms)

    losses = covered_losses(base, values, scenarios)[0]

    assert prices[0, -2:].tolist() == [118.0, 82.0]
    assert vols[0, :2].tolist() == pytest.approx([0.25, 0.15])
    assert vols[0, -1] == 0.2
    by_hand = (base[0] - black_76(forward=118.0, vol=0.2, **terms)) * 0.33
    assert losses[-2] == pytest.approx(by_hand, rel=1e-12)
    assert losses.argmax() == 13  # a range down and volatility down, in full
    assert (losses[[10, 11, 14]] < 0).all()


def test_volatility_moved_below_zero_is_none():
    scenarios = load_array_parameters(a_method()).scenarios

    assert moved_vols(np.array([0.03]), np.array([0.05]), scenarios).min() == 0.0


def test_the_composite_delta_of_a_future_is_one_although_the_weights_are_rounded():
    weights = load_array_parameters(a_method()).delta_weights
    option = np.array([0.5, 0.6, 0.4, 0.7, 0.3, 0.8, 0.2])

    got = composite_delta(np.stack([np.ones(7), option]), weights)

    assert got.tolist() == pytest.approx([1.0, 0.5])
    assert sum(each.weight for each in weights) == pytest.approx(0.998)


def test_losses_in_doubles_do_what_whole_ones_do():
    method, series, accounts = a_random_house(3)
    contracts, parameters = as_contracts(method, series)
    positions = as_positions(accounts, series=len(series))

    whole = array_margin(positions, contracts, parameters)
    other = array_margin(
        positions, replace(contracts, losses=contracts.losses.astype(float)), parameters
    )

    np.testing.assert_array_equal(other.maintenance, whole.maintenance)


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "value", "field", "reason"),
    [
        (("scenarios", 3, "cover"), 1.2, "scenarios[3].cover", "at most 1"),
        (("scenarios", 3, "vol"), "sideways", "scenarios[3].vol", "one of up, none, down"),
        (("scenarios", 3, "name"), "0/up", "scenarios[3].name", "taken"),
        (("scenarios", 3, "pair"), "nobody", "scenarios[3].pair", "not among"),
        (("scenarios", 3, "pair"), "0/up", "scenarios[2].pair", "same price"),
        (("delta_weights", 1, "price"), 0.5, "delta_weights[1].price", "no price"),
        (("delta_weights", 1, "price"), 0, "delta_weights[1].price", "no price"),
        (("delta_weights", 1, "weight"), 0, "delta_weights[1].weight", "more than 0"),
        (("short_options_counted",), "all", "short_options_counted", "one of"),
        (("option_value_reaches",), "all", "option_value_reaches", "one of"),
        (("level", "initial"), 0.9, "level.initial", "maintenance"),
        (("commodities",), {}, "commodities", "at least one"),
        (("commodities", "A", "tiers"), [], "commodities.A.tiers", "list"),
        (("commodities", "A", "tiers", 1, "name"), "spot", "commodities.A.tiers[1].name", "taken"),
        (
            ("commodities", "A", "tiers", 0, "delivery", "spread"),
            -1,
            "commodities.A.tiers[0].delivery.spread",
            "at least 0",
        ),
        (
            ("commodities", "A", "spreads", 0, "legs", 1, "tier"),
            "never",
            "commodities.A.spreads[0].legs[1].tier",
            "not among",
        ),
        (
            ("commodities", "A", "spreads", 0, "legs", 1, "side"),
            "a",
            "commodities.A.spreads[0].legs",
            "both sides",
        ),
        (
            ("commodities", "A", "spreads", 0, "legs", 1, "ratio"),
            0,
            "commodities.A.spreads[0].legs[1].ratio",
            "more than 0",
        ),
        (("commodities", "A", "months"), [], "commodities.A.months", "known"),
        (("credits", 0, "credit"), 1.5, "credits[0].credit", "at most 1"),
        (("credits", 0, "legs", 1, "commodity"), "A", "credits[0].legs[1].commodity", "both sides"),
    ],
)
def test_a_method_that_cannot_be_used_is_refused_by_its_field(place, value, field, reason):
    broken = a_method(
        commodities={"A": TIERS, "B": PLAIN},
        credits=[
            {"credit": 0.6, "legs": [leg("commodity", "A", 2, "a"), leg("commodity", "B", 1, "b")]}
        ],
    )
    at: Any = broken
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value

    with pytest.raises(ParameterError, match=reason) as refused:
        load_array_parameters(broken)

    assert refused.value.field == field


def test_scenarios_without_an_unmoved_price_have_no_time_risk_and_are_refused():
    broken = a_method()
    broken["scenarios"] = broken["scenarios"][2:]

    with pytest.raises(ParameterError, match="unmoved price"):
        load_array_parameters(broken)
