"""A grid in coin: the published response, the oracle, and what it must never do."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from margin.engine.checks import MarketRefused
from margin.engine.coin_grid import (
    Holdings,
    Instruments,
    load,
    reference_requirement,
    requirement,
    rounding_bound,
    vectors,
)
from margin.engine.reading import ParameterError
from margin.engine.risk_array import ArrayRefused
from tests.oracle.coin_grid import Contract, margin

METHODS = Path(__file__).parents[2] / "margin" / "methods" / "coin_grid"
METHOD = load(METHODS / "deribit-pme-btc-2024.json")
KEEPS_GAINS = replace(METHOD, gain_share=0.6, dampener=25.0, decimals=30)
INDEX = 65_666.19
DAY = 86_400.0
SEEDS = st.integers(0, 2**32 - 1)

# What the oracle is told; typed in again, so that a wrong parameter file is found.
RULES = {
    "price_range": 0.16,
    "buckets": 4,
    "tails": [-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0],
    "dampener": 25.0,
    "gain_share": 0.6,
    "range_up": 0.5,
    "range_down": 0.25,
    "minimum_up": 0.5,
    "short_power": 0.3,
    "long_power": 0.13,
    "floor_days": 1,
    "annual": 0.075,
    "least": 0.01,
    "per_coin": 5e-5,
    "threshold": 20_000_000,
    "most": 0.1,
    "maintenance_factor": 0.8,
}


def test_the_published_response_is_reproduced():
    perpetual, future = 0.314538364, -0.001187534
    contracts = [Contract(coins=perpetual, seconds=0.0), Contract(coins=future, seconds=11 * DAY)]
    holdings, instruments = as_arrays([contracts], other=[0.06 + 0.000018212])

    got = reference_requirement(holdings, instruments, INDEX, METHOD)

    prices = vectors.price(instruments, INDEX, METHOD)
    np.testing.assert_allclose(
        prices[0, :27:3],
        [
            *(-0.05991206933, -0.04289159509, -0.02735116209, -0.01310576517, 0.0),
            *(0.01209762938, 0.02329913807, 0.0337005390, 0.04338460193),
        ],
        atol=0.51e-11,
    )
    np.testing.assert_allclose(prices[0, 27:29], -0.0599120693, atol=0.51e-10)
    np.testing.assert_allclose(prices[0, 29:35], 0.0433846019, atol=0.51e-10)
    assert -got.outcomes[0].min() == pytest.approx(0.05968587238095239, rel=1e-12)
    assert (got.outcomes[0, 27:] == 0.0).all(), "the dampener takes all of so small a book"
    assert got.binding[0] == 0
    assert got.roll[0] == pytest.approx(0.00315725898, rel=1e-12)
    assert got.delta_shock[0] == 0.0
    assert got.risk[0] == pytest.approx(0.06284313098, rel=1e-12)
    assert got.initial[0] == pytest.approx(0.122861343, abs=0.51e-9)
    assert got.maintenance[0] == pytest.approx(0.050274504784, rel=1e-12)


@given(SEEDS)
@settings(max_examples=6, deadline=None)
def test_random_books_with_options_agree_with_the_oracle(seed):
    rng = np.random.default_rng(seed)
    books = [a_random_book(rng) for _ in range(4)]
    other = rng.uniform(0.0, 1.0, 4)
    holdings, instruments = as_arrays(books, other=other)

    got = reference_requirement(holdings, instruments, INDEX, KEEPS_GAINS)

    for row, book in enumerate(books):
        right = margin(book, INDEX, float(other[row]), RULES)
        size = 1e-12 * sum(abs(each.coins) for each in book)
        for name in ("initial", "maintenance", "worst", "roll", "delta_shock"):
            ours = getattr(got, name)[row]
            assert ours == pytest.approx(float(getattr(right, name)), rel=1e-9, abs=size), name
        np.testing.assert_allclose(
            got.outcomes[row], [float(each) for each in right.outcomes], rtol=1e-9, atol=size
        )


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_the_integer_path_stays_within_its_bound_and_alone_has_the_same_bits(seed):
    rng = np.random.default_rng(seed)
    holdings, instruments = as_arrays([a_random_book(rng) for _ in range(5)], other=np.ones(5))
    array = vectors.build(instruments, INDEX, METHOD)

    rounded = requirement(holdings, instruments, INDEX, METHOD, array)
    exact = reference_requirement(holdings, instruments, INDEX, METHOD)

    bounds = rounding_bound(holdings, instruments, INDEX, METHOD, array)
    for name, bound in zip(("initial", "maintenance"), bounds, strict=True):
        away = np.abs(getattr(rounded, name) - getattr(exact, name))
        assert (away <= bound).all()
        assert (away > 0.0).any(), "nothing was rounded, so nothing was tested"
    for row in range(5):
        one = Holdings(positions=csr_array(holdings.positions[[row]]), other=holdings.other[[row]])
        alone = requirement(one, instruments, INDEX, METHOD, array)
        for each in fields(alone):
            assert (
                getattr(alone, each.name)[0].tobytes() == getattr(rounded, each.name)[row].tobytes()
            )


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_two_books_together_never_ask_for_more_than_apart_while_no_size_is_charged(seed):
    """The shock of large deltas grows with the square, and the dampener is taken off once a book."""
    rng = np.random.default_rng(seed)
    plain = replace(KEEPS_GAINS, dampener=0.0, liquidity=replace(METHOD.liquidity, per_coin=0.0))
    holdings, instruments = as_arrays([a_random_book(rng) for _ in range(2)], other=np.zeros(2))
    both = Holdings(
        positions=csr_array(holdings.positions[[0]] + holdings.positions[[1]]), other=np.zeros(1)
    )

    apart = reference_requirement(holdings, instruments, INDEX, plain)
    together = reference_requirement(both, instruments, INDEX, plain)

    assert together.initial[0] <= apart.initial.sum() * (1.0 + 1e-9) + 1e-9
    assert (apart.maintenance <= apart.initial).all()


def test_a_flat_account_asks_for_what_its_orders_do():
    _, instruments = as_arrays([[Contract(coins=1.0, seconds=0.0)]], other=[0.0])
    flat = Holdings(positions=csr_array((1, 1), dtype=np.int64), other=np.array([0.25]))

    got = requirement(flat, instruments, INDEX, METHOD)

    assert (got.initial[0], got.maintenance[0], got.roll[0]) == (0.25, 0.0, 0.0)


def test_a_large_delta_is_charged_beyond_its_threshold_and_up_to_the_most():
    threshold = METHOD.liquidity.threshold / INDEX
    sizes = [threshold * 0.999, threshold + 100.0, threshold + 1e6]
    books = [[Contract(coins=each, seconds=0.0)] for each in sizes]
    holdings, instruments = as_arrays(books, other=np.zeros(3))

    got = reference_requirement(holdings, instruments, INDEX, METHOD)

    expected = [0.0, sizes[1] * 5e-5 * 100.0, sizes[2] * 0.1]
    np.testing.assert_allclose(got.delta_shock, expected, rtol=1e-9)


def test_an_array_of_another_method_and_a_price_that_is_none_are_refused():
    holdings, instruments = as_arrays([[Contract(coins=1.0, seconds=0.0)]], other=[0.0])
    wider = vectors.build(instruments, INDEX, replace(METHOD, price_range=0.2))

    with pytest.raises(ArrayRefused):
        requirement(holdings, instruments, INDEX, METHOD, wider)
    with pytest.raises(MarketRefused, match="index"):
        requirement(holdings, instruments, float("nan"), METHOD)


@pytest.mark.parametrize("path", sorted(METHODS.glob("*.json")), ids=lambda path: path.stem)
def test_every_such_method_that_is_shipped_can_be_read_and_states_its_source(path):
    method = load(path)

    assert method.name == path.stem
    assert len(method.source) > 20


def test_a_missing_field_is_named():
    with pytest.raises(ParameterError, match="price_range"):
        load({"name": "x", "source": "y"})


def a_random_book(rng: np.random.Generator) -> list[Contract]:
    """A perpetual, a future and options of two expiries, near and far from the money."""
    book = [
        Contract(coins=float(rng.normal(0, 400)), seconds=0.0),
        Contract(coins=float(rng.normal(0, 50)), seconds=11 * DAY),
    ]
    for seconds in (11 * DAY, 200 * DAY):
        forward = INDEX * float(rng.uniform(0.98, 1.08))
        for _ in range(4):
            book.append(
                Contract(
                    coins=float(rng.normal(0, 30)),
                    seconds=seconds,
                    strike=forward * float(rng.uniform(0.5, 1.8)),
                    is_call=bool(rng.random() < 0.5),
                    vol=float(rng.uniform(0.2, 1.2)),
                    forward=forward,
                )
            )
    return book


def as_arrays(books: list[list[Contract]], *, other) -> tuple[Holdings, Instruments]:
    """Every contract of every book is an instrument of its own, held by its book alone."""
    held = [each for book in books for each in book]
    owner = [row for row, book in enumerate(books) for _ in book]
    times = sorted({each.seconds for each in held})
    lots = np.zeros((len(books), len(held)), np.int64)
    lots[owner, np.arange(len(held))] = [1 if each.coins > 0 else -1 for each in held]
    instruments = Instruments(
        expiry=np.array([times.index(each.seconds) for each in held]),
        seconds=np.array([each.seconds for each in held]),
        is_option=np.array([each.strike > 0 for each in held]),
        is_call=np.array([each.is_call for each in held]),
        strike=np.array([each.strike for each in held]),
        vol=np.array([each.vol for each in held]),
        forward=np.array([each.forward for each in held]),
        size=np.array([abs(each.coins) for each in held]),
    )
    return Holdings(positions=csr_array(lots), other=np.asarray(other, float)), instruments
