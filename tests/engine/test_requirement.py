"""The integer path is close to the unrounded one, and what it asks is sane."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from margin.engine import risk_array, scenarios
from margin.engine.parameters import Discount, Scenario, Threshold, Vol, load
from margin.engine.requirement import reference_requirement, requirement
from margin.engine.shapes import Book, Kind, Market
from tests.engine.builders import (
    a_book,
    a_described_portfolio,
    a_plain_portfolio,
    a_random_book,
    a_random_market,
)

METHOD = load(Path(__file__).parents[2] / "margin" / "methods" / "derive-pmrm2-test.json")
SEEDS = st.integers(0, 2**32 - 1)
MARKET = a_random_market(np.random.default_rng(11))
BOOK = a_random_book(np.random.default_rng(12), MARKET)
ARRAY = risk_array.build(MARKET, METHOD)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_integers_stay_within_half_a_unit_per_contract_of_the_reference(seed):
    rng = np.random.default_rng(seed)
    market = a_random_market(rng, strikes=3)
    book = a_random_book(rng, market, accounts=10)

    array = risk_array.build(market, METHOD)
    rounded = requirement(book, market, METHOD, array)
    exact = reference_requirement(book, market, METHOD)

    half, whole = rounding_bound(book, market, array)
    assert (np.abs(rounded.equity - exact.equity) <= half).all()
    for level in ("initial", "maintenance"):
        assert (np.abs(getattr(rounded, level) - getattr(exact, level)) <= whole).all()


def rounding_bound(book: Book, market: Market, array) -> tuple[np.ndarray, np.ndarray]:
    """(A,) half a unit per contract, and the most that the later steps can make of it.

    A price enters a scenario once shocked, at most times the steeper static discount, and once as
    base; then dampening and the loss factor; then mark-to-market; then the static charges.
    """
    expiries = market.expiries
    steepest = max(
        1.0,
        scenarios.static_discount_short(
            expiries.seconds, expiries.rate, METHOD.discount_short
        ).max(),
    )
    weight = scenarios.basis_weight(expiries.seconds, METHOD.basis).max()
    factor = METHOD.loss_factor.initial + METHOD.peg.scale * METHOD.peg.level
    charges = sum(
        each.initial + each.maintenance
        for each in (METHOD.linear_charge, METHOD.short_option_charge)
    )
    grown = factor * max(1.0 + steepest, 2.0 * weight) + 1.0 + charges + METHOD.confidence.scale
    lots = abs(book.positions).astype(float)
    half = lots @ (array.unit[market.series.underlying] / 2.0)
    # Floating point itself, on amounts as large as everything held.
    gross = lots @ np.abs(array.values).max(axis=1) * array.unit.max() + np.abs(book.cash) + 1e7
    return half + 1e-13 * gross, half * grown + 1e-13 * gross


@given(SEEDS, st.sampled_from([2, 4, 64]))
@settings(max_examples=15, deadline=None)
def test_twice_the_book_is_twice_the_balance(seed, times):
    book = a_random_book(np.random.default_rng(seed), MARKET, accounts=5)
    larger = Book(**{each.name: getattr(book, each.name) * times for each in fields(Book)})

    once, more = (requirement(each, MARKET, METHOD, ARRAY) for each in (book, larger))

    # A power of two scales a float without rounding, so this holds to the last bit.
    assert (more.initial == times * once.initial).all()
    assert (more.maintenance == times * once.maintenance).all()
    assert (more.scenarios == times * once.scenarios).all()


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_netting_never_costs(seed):
    """Without skews and confidences: there a published rule may charge a hedge above its legs."""
    rng = np.random.default_rng(seed)
    method = replace(
        METHOD,
        scenarios=tuple(each for each in METHOD.scenarios if not each.vol.is_skew),
        confidence=Threshold(level=0.0, scale=1.0),
    )
    one, other = (a_random_book(rng, MARKET, accounts=5) for _ in range(2))
    both = Book(
        **{each.name: getattr(one, each.name) + getattr(other, each.name) for each in fields(Book)}
    )

    together, first, second = (requirement(each, MARKET, method) for each in (both, one, other))

    for level in ("initial", "maintenance"):
        apart = getattr(first, level) + getattr(second, level)
        assert (getattr(together, level) >= apart - 1e-6).all()


@given(st.floats(-1e9, 1e9))
@settings(max_examples=20, deadline=None)
def test_cash_shifts_the_balance_by_itself(amount):
    broke = requirement(replace(BOOK, cash=np.zeros(40)), MARKET, METHOD, ARRAY)
    paid = requirement(replace(BOOK, cash=np.full(40, amount)), MARKET, METHOD, ARRAY)

    for level in ("initial", "maintenance", "equity"):
        assert (getattr(paid, level) == getattr(broke, level) + amount).all()


def test_a_flat_account_has_its_cash():
    flat = requirement(BOOK, MARKET, METHOD, ARRAY)

    assert BOOK.positions[[0]].nnz == 0
    assert flat.initial[0] == flat.maintenance[0] == flat.equity[0] == BOOK.cash[0]
    assert (flat.worst[0] == 0.0).all()


@given(SEEDS, st.floats(0.3, 4.0), st.sampled_from([Vol.UP, Vol.NONE, Vol.DOWN]))
@settings(max_examples=15, deadline=None)
def test_one_more_scenario_never_lowers_the_requirement(seed, spot, vol):
    book = a_random_book(np.random.default_rng(seed), MARKET, accounts=5)
    another = Scenario(name="another", spot=spot, vol=vol, dampening=1.0)
    wider = replace(METHOD, scenarios=(*METHOD.scenarios, another))

    before, after = (reference_requirement(book, MARKET, each) for each in (METHOD, wider))

    assert (after.initial <= before.initial).all()
    assert (after.maintenance <= before.maintenance).all()


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_maintenance_never_asks_more_than_initial(seed):
    book = a_random_book(np.random.default_rng(seed), MARKET, accounts=5)

    got = requirement(book, MARKET, METHOD, ARRAY)

    assert (got.initial <= got.maintenance).all()
    assert (got.worst <= 0.0).all()


def test_a_synthetic_forward_moves_like_a_future_where_nothing_is_discounted():
    plain = Discount(base=1.0, rate_multiple=0.0, addition=0.0)
    method = replace(METHOD, discount_long=plain, discount_short=plain)
    synthetic, market = a_described_portfolio(
        a_plain_portfolio(options=[(3.0, "call", 90_000.0), (-3.0, "put", 90_000.0)])
    )
    future, on_future = a_described_portfolio(
        a_plain_portfolio()
        | {
            "linear": {
                "quantity": 3.0,
                "mark": 96_000.0,
                "confidence": 1.0,
                "unrealised": 0.0,
                "funding": 0.0,
            }
        }
    )

    options = reference_requirement(synthetic, market, method).scenarios[0, 0]
    linear = reference_requirement(future, on_future, method).scenarios[0, 0]

    grid = [place for place, each in enumerate(method.scenarios) if not each.vol.is_skew]
    np.testing.assert_allclose(options[grid], linear[grid], atol=1e-9 * 3 * 96_000.0)


@pytest.mark.parametrize(
    ("calls", "puts", "naked"),
    [(-2, -3, 5), (-2, 3, 0), (-3, 2, 1), (2, -3, 1), (2, 3, 0), (-2, 0, 2), (0, 0, 0)],
)
def test_only_the_net_short_of_a_strike_is_naked(calls, puts, naked):
    book, market = a_described_portfolio(
        a_plain_portfolio(options=[(1.0, "call", 90_000.0), (1.0, "put", 90_000.0)])
    )
    book = a_book(lots=np.array([[calls, puts]]), market=market)

    got = requirement(book, market, METHOD)

    expected = naked * 95_663.5 * METHOD.short_option_charge.maintenance
    assert got.maintenance_contingency[0, 0] == pytest.approx(expected, rel=1e-6)


def test_shorts_at_different_strikes_or_expiries_do_not_offset_longs():
    book, market = a_described_portfolio(
        a_plain_portfolio(options=[(-1.0, "call", 90_000.0), (1.0, "call", 90_001.0)])
    )

    got = requirement(book, market, METHOD)

    expected = 95_663.5 * METHOD.short_option_charge.maintenance
    assert got.maintenance_contingency[0, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("moving", [True, False])
def test_a_debit_of_coin_moves_and_is_charged_like_a_debt(moving):
    held = {
        "quantity": -2.0,
        "price": 95_663.5,
        "confidence": 1.0,
        "initial_haircut": 0.01,
        "maintenance_haircut": 0.02,
        "risk_cancelling": moving,
    }
    book, market = a_described_portfolio(a_plain_portfolio() | {"collateral": [held]})

    got = requirement(book, market, METHOD)

    value = 2 * 95_663.5
    assert got.equity[0] == -value
    assert got.maintenance_contingency[0, 0] == pytest.approx(0.02 * value)
    assert got.initial_contingency[0, 0] == pytest.approx(0.01 * value)
    assert got.worst[0, 0] == pytest.approx(-0.18 * value if moving else 0.0)


def test_a_calendar_spread_is_charged_on_both_legs():
    market = a_random_market(np.random.default_rng(1), underlyings=1)
    linear = np.flatnonzero(market.series.kind == Kind.LINEAR)
    lots = np.zeros((1, len(market.series.kind)))
    lots[0, linear] = 5, -5

    got = reference_requirement(a_book(lots=lots, market=market), market, METHOD)

    gross = 10 * 0.01 * market.underlyings.spot[0]
    assert got.maintenance_contingency[0, 0] == pytest.approx(0.015 * gross)


def test_groups_add_up():
    rng = np.random.default_rng(3)
    book = a_random_book(rng, MARKET, accounts=6)
    owner = MARKET.series.underlying

    whole = requirement(book, MARKET, METHOD, ARRAY)

    apart = np.zeros(6)
    for group in range(3):
        mine = np.arange(3) == group
        only = csr_array(book.positions.multiply(owner == group)).astype(np.int64)
        only.eliminate_zeros()
        part = Book(
            positions=only,
            collateral=book.collateral * mine,
            cash=np.zeros(6),
            cost=book.cost * mine,
            coin_cost=book.coin_cost * mine,
        )
        apart += requirement(part, MARKET, METHOD, ARRAY).initial
    np.testing.assert_allclose(whole.initial, apart + book.cash, rtol=1e-12, atol=1e-6)
