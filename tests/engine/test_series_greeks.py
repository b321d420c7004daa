"""Greeks of a whole market: its own values, moved a little, and added up by positions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from margin.engine import risk_array
from margin.engine.parameters import load
from margin.engine.series_greeks import held_greeks, series_greeks
from margin.engine.shapes import Kind, Market
from tests.engine.builders import a_random_book, a_random_market
from tests.oracle.greeks import NAMES

METHOD = load(Path(__file__).parents[2] / "margin" / "methods" / "derive-pmrm2-test.json")
WINDOW = METHOD.settlement_window_seconds


def base(market: Market) -> np.ndarray:
    return risk_array.price(market, METHOD)[:, risk_array.BASE]


def test_values_are_those_of_the_risk_array():
    market = a_random_market(np.random.default_rng(1))

    got = series_greeks(market, window_seconds=WINDOW)

    np.testing.assert_allclose(got.value, base(market), rtol=1e-11, atol=1e-9)


def test_vega_and_rho_are_how_the_risk_array_moves():
    market = a_random_market(np.random.default_rng(2))
    is_option = market.series.kind == Kind.OPTION
    step = 1e-6

    got = series_greeks(market, window_seconds=WINDOW)

    def moved(by: float) -> tuple[np.ndarray, np.ndarray]:
        vols = replace(market.series, vol=market.series.vol + by * is_option)
        rates = replace(market.expiries, rate=market.expiries.rate + by)
        return base(replace(market, series=vols)), base(replace(market, expiries=rates))

    (vol_up, rate_up), (vol_down, rate_down) = moved(step), moved(-step)
    scale = np.abs(got.value) + market.underlyings.spot[market.series.underlying]
    assert (np.abs((vol_up - vol_down) / (2 * step) - got.vega) <= 1e-7 * scale).all()
    assert (np.abs((rate_up - rate_down) / (2 * step) - got.rho) <= 1e-7 * scale).all()


def test_a_negative_rate_discounts_nothing_and_moves_nothing():
    market = a_random_market(np.random.default_rng(3))
    negative = replace(market.expiries, rate=np.full_like(market.expiries.rate, -0.01))

    got = series_greeks(replace(market, expiries=negative), window_seconds=WINDOW)

    assert (got.rho == 0.0).all()


def test_delta_and_gamma_are_how_the_risk_array_follows_its_prices():
    market = a_random_market(np.random.default_rng(4))
    late = replace(market.expiries, seconds=np.maximum(market.expiries.seconds, 5 * 86_400.0))
    series, is_option = market.series, market.series.kind == Kind.OPTION
    price = np.where(is_option, late.forward[series.expiry], series.mark)
    inverse = series.kind == Kind.INVERSE
    step = 1e-4

    def at(move: float) -> np.ndarray:
        marks = np.where(inverse, series.mark, series.mark * (1 + move))
        moved = replace(
            market,
            expiries=replace(late, forward=late.forward * (1 + move)),
            series=replace(series, mark=marks),
        )
        return base(moved)

    got = series_greeks(replace(market, expiries=late), window_seconds=WINDOW)

    low, middle, high = at(-step), at(0.0), at(step)
    # In shares of the price, so that cheap and dear underlyings meet one tolerance.
    slope = (high - low) / (2 * step) / price / series.size
    bend = (high - 2 * middle + low) / step**2 / price / series.size
    np.testing.assert_allclose(slope, got.delta / series.size, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(bend, got.gamma * price / series.size, rtol=1e-4, atol=1e-4)
    assert (got.delta[inverse] == 0.0).all()


def test_an_account_has_the_sum_of_its_lots_by_group():
    market = a_random_market(np.random.default_rng(6))
    book = a_random_book(np.random.default_rng(7), market)
    each = series_greeks(market, window_seconds=WINDOW)
    group = market.series.underlying

    got = held_greeks(book.positions, each, group=group, groups=3)

    dense = book.positions.toarray()
    for name in NAMES:
        for row in range(3):
            chosen = group == row
            np.testing.assert_allclose(
                getattr(got, name)[:, row],
                dense[:, chosen] @ getattr(each, name)[chosen],
                rtol=1e-9,
                atol=1e-6,
            )
    assert (got.delta[0] == 0.0).all()  # the first account holds nothing
