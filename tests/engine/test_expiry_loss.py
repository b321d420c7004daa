"""The most an option book can lose at an expiry: published books, and a sweep over prices."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from margin.engine import expiry_loss as module
from margin.engine.expiry_loss import expiry_charge, expiry_loss, load_unpaired_calls
from margin.engine.reading import ParameterError
from margin.engine.shapes import Kind, Series
from tests.oracle import tiers as oracle

PATH = Path(__file__).parents[2] / "margin" / "methods" / "expiry-loss" / "derive-srm.json"

Leg = tuple[int, bool, float]  # lots, call, strike


def a_book(*accounts: list[Leg], size: float = 1.0) -> tuple[csr_array, Series]:
    """Accounts of one expiry, with a future beside the options that must not matter."""
    listed = sorted({(call, strike) for legs in accounts for _, call, strike in legs})
    lots = np.zeros((len(accounts), len(listed) + 1), np.int64)
    for row, legs in enumerate(accounts):
        for held, call, strike in legs:
            lots[row, listed.index((call, strike))] += held
    lots[:, -1] = 77
    count = len(listed)
    series = Series(
        kind=np.array([Kind.OPTION] * count + [Kind.LINEAR]),
        underlying=np.zeros(count + 1, np.int64),
        expiry=np.array([0] * count + [-1]),
        strike=np.array([strike for _, strike in listed] + [0.0]),
        is_call=np.array([call for call, _ in listed] + [False]),
        vol=np.zeros(count + 1),
        mark=np.ones(count + 1),
        size=np.full(count + 1, size),
    )
    return csr_array(lots), series


@pytest.mark.parametrize(
    ("legs", "loss", "price"),
    [
        ([(-1, True, 1800.0), (1, True, 2000.0)], 200.0, 2000.0),
        ([(-1, True, 2300.0), (1, True, 4000.0)], 1700.0, 4000.0),
        ([(1, False, 2500.0), (-1, False, 3000.0)], 500.0, 0.0),
        ([(1, False, 1000.0), (1, True, 2000.0), (-1, True, 1000.0), (-1, False, 2000.0)], 1e3, 0),
        ([(1, True, 1800.0), (3, False, 900.0)], 0.0, 1800.0),
        ([(-2, False, 900.0)], 1800.0, 0.0),
    ],
)
def test_published_and_plain_books(legs, loss, price):
    found = expiry_loss(*a_book(legs), expiries=1)

    assert found.loss.tolist() == [[loss]]
    assert found.price.tolist() == [[price]] or loss == 0.0
    assert found.unpaired.tolist() == [[0.0]]


def test_calls_short_without_a_long_one_are_counted_and_charged_by_the_forward():
    multiple = load_unpaired_calls(PATH).multiple
    found = expiry_loss(*a_book([(-5, True, 1500.0), (2, True, 1800.0)], size=0.5), expiries=1)

    charge = expiry_charge(found, forward=np.array([2000.0]), multiple=multiple.initial)

    assert found.unpaired.tolist() == [[1.5]]
    assert found.loss.tolist() == [[750.0]]
    assert charge.tolist() == [[750.0 + 1.2 * 2000.0 * 1.5]]


def test_expiries_do_not_offset_each_other_and_an_empty_one_owes_nothing():
    lots, series = a_book([(-1, True, 100.0), (1, True, 110.0)])
    expiry = series.expiry.copy()
    expiry[1] = 2
    apart = Series(
        **{name: getattr(series, name) for name in series.__slots__ if name != "expiry"},
        expiry=expiry,
    )

    found = expiry_loss(lots, apart, expiries=3)

    assert found.unpaired.tolist() == [[1.0, 0.0, 0.0]]
    assert found.loss.tolist() == [[0.0, 0.0, 0.0]]


LEGS = st.lists(
    st.tuples(st.integers(-9, 9), st.booleans(), st.integers(1, 60).map(float)),
    min_size=1,
    max_size=12,
)


@given(LEGS)
def test_no_price_is_worse_than_the_worst_kink(legs):
    found = expiry_loss(*a_book(legs, size=0.25), expiries=1)

    exact = [(lots, call, Fraction(strike), Fraction(1, 4)) for lots, call, strike in legs]
    # Between the kinks nothing can be worse; above the last only unpaired calls lose more.
    far = Fraction(61)
    expected = oracle.worst_payoff(exact, beyond=far)
    reach = found.unpaired[0, 0] * (61.0 - max(strike for _, _, strike in legs))
    assert found.loss[0, 0] <= float(expected) <= found.loss[0, 0] + reach
    if found.unpaired[0, 0] == 0.0:
        assert found.loss[0, 0] == float(expected)


@given(LEGS, LEGS)
def test_two_books_together_never_lose_more_than_apart(one, other):
    found = expiry_loss(*a_book(one, other, one + other), expiries=1)

    assert found.loss[2, 0] <= found.loss[0, 0] + found.loss[1, 0]
    assert found.unpaired[2, 0] <= found.unpaired[0, 0] + found.unpaired[1, 0]


@given(LEGS, st.tuples(st.integers(1, 9), st.booleans(), st.integers(1, 60).map(float)))
def test_an_option_bought_never_costs_more(legs, bought):
    found = expiry_loss(*a_book(legs, [*legs, bought]), expiries=1)

    forward = np.array([30.0])
    before, after = expiry_charge(found, forward=forward, multiple=1.2)[:, 0]
    assert found.loss[1, 0] <= found.loss[0, 0]
    assert after <= before


@given(LEGS, st.integers(1, 50))
def test_a_book_as_large_again_loses_as_much_again(legs, times):
    larger = [(lots * times, call, strike) for lots, call, strike in legs]

    found = expiry_loss(*a_book(legs, larger), expiries=1)

    assert found.loss[1, 0] == times * found.loss[0, 0]


@given(LEGS, st.randoms(use_true_random=False))
def test_neither_the_order_of_series_nor_the_size_of_a_chunk_matters(legs, rng):
    lots, series = a_book(legs, legs[:1], [])
    order = list(range(lots.shape[1]))
    rng.shuffle(order)
    mixed = Series(**{name: getattr(series, name)[order] for name in series.__slots__})

    got = expiry_loss(lots, series, expiries=1)
    again = expiry_loss(csr_array(lots.toarray()[:, order]), mixed, expiries=1)

    assert again.loss.tolist() == got.loss.tolist()
    assert again.unpaired.tolist() == got.unpaired.tolist()
    assert again.price.tolist() == got.price.tolist()


def test_chunks_of_one_account_give_the_same(monkeypatch):
    lots, series = a_book([(-1, True, 10.0)], [(-3, False, 20.0)], [(2, True, 10.0)])
    whole = expiry_loss(lots, series, expiries=1)

    monkeypatch.setattr(module, "ACCOUNTS_AT_ONCE", 1)
    parts = expiry_loss(lots, series, expiries=1)

    assert parts.loss.tolist() == whole.loss.tolist()


def test_the_charge_is_refused_by_its_field():
    good = {"name": "n", "source": "s", "unpaired_call": {"initial": 1.2, "maintenance": -1}}

    with pytest.raises(ParameterError, match=r"unpaired_call\.maintenance: must be at least 0"):
        load_unpaired_calls(good)
