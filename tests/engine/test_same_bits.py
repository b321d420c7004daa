"""However the house is cut, ordered or traded into being, an account gets the same bits."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from margin.engine import risk_array
from margin.engine.parameters import load
from margin.engine.requirement import requirement
from margin.engine.shapes import Requirement
from tests.engine.builders import (
    a_random_book,
    a_random_market,
    some_accounts,
)

METHOD = load(Path(__file__).parents[2] / "margin" / "methods" / "derive-pmrm2-test.json")
SEEDS = st.integers(0, 2**32 - 1)
MARKET = a_random_market(np.random.default_rng(11))
BOOK = a_random_book(np.random.default_rng(12), MARKET)
ARRAY = risk_array.build(MARKET, METHOD)


@pytest.mark.parametrize("accounts_at_once", [1, 3, 7, 40, 1000])
def test_any_chunk_gives_the_same_bits(accounts_at_once):
    whole = requirement(BOOK, MARKET, METHOD, ARRAY)

    assert_same_bits(
        requirement(BOOK, MARKET, METHOD, ARRAY, accounts_at_once=accounts_at_once), whole
    )


@given(st.permutations(range(40)))
@settings(max_examples=10, deadline=None)
def test_any_order_of_accounts_gives_the_same_bits(order):
    shuffled = requirement(some_accounts(BOOK, order), MARKET, METHOD, ARRAY)

    assert_same_bits(shuffled, rows_of(requirement(BOOK, MARKET, METHOD, ARRAY), order))


def test_an_account_alone_gets_the_same_bits_as_in_a_batch():
    batch = requirement(BOOK, MARKET, METHOD, ARRAY)

    for account in range(len(BOOK.cash)):
        alone = requirement(some_accounts(BOOK, [account]), MARKET, METHOD, ARRAY)
        assert_same_bits(alone, rows_of(batch, [account]))


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_any_order_of_trades_gives_the_same_bits(seed):
    rng = np.random.default_rng(seed)
    held = BOOK.positions.tocoo()
    rows, columns, lots = held.row, held.col, held.data
    bought = rng.integers(-1000, 1000, len(lots))
    trades = np.stack([np.tile(rows, 2), np.tile(columns, 2), np.append(bought, lots - bought)])
    trades = trades[:, rng.permutation(trades.shape[1])]

    booked = csr_array(
        coo_array((trades[2], (trades[0], trades[1])), shape=BOOK.positions.shape, dtype=np.int64)
    )
    booked.sum_duplicates()
    traded = replace(BOOK, positions=booked)

    assert_same_bits(
        requirement(traded, MARKET, METHOD, ARRAY), requirement(BOOK, MARKET, METHOD, ARRAY)
    )


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_any_order_of_series_gives_the_same_bits(seed):
    order = np.random.default_rng(seed).permutation(len(MARKET.series.kind))
    series = type(MARKET.series)(
        **{name: getattr(MARKET.series, name)[order] for name in type(MARKET.series).__slots__}
    )
    positions = csr_array(BOOK.positions[:, order])
    positions.sort_indices()
    array = risk_array.seal(ARRAY.values[order], unit=ARRAY.unit, columns=ARRAY.columns)

    got = requirement(
        replace(BOOK, positions=positions), replace(MARKET, series=series), METHOD, array
    )

    assert_same_bits(got, requirement(BOOK, MARKET, METHOD, ARRAY))


def rows_of(result: Requirement, order) -> Requirement:
    order = list(order)
    return Requirement(
        **{each.name: getattr(result, each.name)[order] for each in fields(Requirement)}
    )


def assert_same_bits(one: Requirement, other: Requirement) -> None:
    for each in fields(Requirement):
        ours, theirs = getattr(one, each.name), getattr(other, each.name)
        assert ours.tobytes() == theirs.tobytes(), each.name
