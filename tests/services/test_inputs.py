"""Integers become arrays in one place; a slow loop says what should come out."""

from __future__ import annotations

import random

import numpy as np
import pytest

from clearing import selectors as record
from clearing.selectors import BookColumns
from clearing.services import pricing
from margin import selectors as margin
from tests.builders import CALL, CAUSE, FUTURE, INVERSE, PERPETUAL, PUT, a_house, a_price_set
from tests.builders import run_due_jobs as run

pytestmark = pytest.mark.django_db

ASSETS = (
    *(f"lots:{symbol}" for symbol in (PERPETUAL, FUTURE, INVERSE, CALL, PUT)),
    *(f"cost:{symbol}" for symbol in (PERPETUAL, FUTURE, INVERSE)),
    "cash:USDC",
    "cash:BTC",
)


def on_sealed_prices():
    a_house()
    pricing.seal(a_price_set(), cause=CAUSE)
    run()
    return margin.resolved(record.latest_prices(), margin.rules())


def a_book(rows) -> BookColumns:
    """rows: one dict of asset -> amount for each account."""
    cells = [(at, asset, amount) for at, row in enumerate(rows) for asset, amount in row.items()]
    return BookColumns(
        accounts=[f"A-{at}" for at in range(len(rows))],
        versions=[1] * len(rows),
        sequences=[1] * len(rows),
        row=[cell[0] for cell in cells],
        asset=[cell[1] for cell in cells],
        amount=[cell[2] for cell in cells],
    )


def test_arrays_hold_what_a_loop_over_holdings_would_put_there():
    on = on_sealed_prices()
    seed = 20260205
    print(f"seed {seed}")
    draw = random.Random(seed)
    rows = [
        {
            asset: draw.randint(-(10**12), 10**12)
            for asset in draw.sample(ASSETS, draw.randint(0, len(ASSETS)))
        }
        for _ in range(60)
    ]

    found = margin.arrays(a_book(rows), on)

    assert found.refused == {}
    group = on.underlyings.index("BTC")
    for at, row in enumerate(rows):
        lots = found.book.positions[[at], :].toarray()[0]
        assert {symbol: lots[column] for symbol, column in on.series.items() if lots[column]} == {
            asset.removeprefix("lots:"): amount
            for asset, amount in row.items()
            if asset.startswith("lots:")
        }
        money = row.get(f"cost:{PERPETUAL}", 0) + row.get(f"cost:{FUTURE}", 0)
        assert found.book.cost[at, group] == money / 10**6
        assert found.book.coin_cost[at, group] == row.get(f"cost:{INVERSE}", 0) / 10**8
        assert found.book.cash[at] == row.get("cash:USDC", 0) / 10**6
        assert found.book.collateral[at].sum() == row.get("cash:BTC", 0) / 10**8


def test_the_order_of_holdings_does_not_show():
    on = on_sealed_prices()
    row = {asset: 10**9 + at for at, asset in enumerate(ASSETS)}

    one = margin.arrays(a_book([row]), on).book
    other = margin.arrays(a_book([dict(reversed(row.items()))]), on).book

    assert (one.positions != other.positions).nnz == 0
    for name in ("collateral", "cash", "cost", "coin_cost"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_an_account_that_cannot_be_priced_is_left_out_with_its_reason():
    on = on_sealed_prices()
    rows = [{"cash:USDC": 5}, {"cash:ETH": -1, "lots:GONE": 2}, {}, {"lots:GONE": 1}]

    found = margin.arrays(a_book(rows), on)

    assert found.rows == [0, 2]
    assert sorted(found.refused) == [1, 3]
    assert "ETH" in found.refused[1]
    assert "GONE" in found.refused[3]
    assert found.book.cash.tolist() == [0.000005, 0.0]


def test_what_is_owned_and_nobody_prices_counts_for_nothing_and_shields_nobody():
    on = on_sealed_prices()

    found = margin.arrays(a_book([{"cash:USDC": 5, "cash:ETH": 1}]), on)

    assert found.refused == {}
    assert found.book.cash.tolist() == [0.000005]
    assert found.book.collateral.sum() == 0
