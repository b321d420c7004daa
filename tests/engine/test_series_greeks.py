"""Greeks of a whole market: its own values, moved a little, and added up by positions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

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


def test_delta_and_gamma_predict_a_small_move_of_a_linear_and_an_option_book():
    market = a_random_market(np.random.default_rng(4))
    book = a_random_book(np.random.default_rng(5), market)
    kept = replace(market.series, vol=np.where(market.series.kind == Kind.OPTION, 0.6, 0.0))
    market = replace(market, series=kept)
    late = replace(market.expiries, seconds=np.maximum(market.expiries.seconds, 5 * 86_400.0))
    market = replace(market, expiries=late)
    shift = 1e-3
    higher = replace(
        market,
        expiries=replace(late, forward=late.forward * (1 + shift)),
        series=replace(kept, mark=kept.mark * (1 + shift)),
    )
    each = series_greeks(market, window_seconds=WINDOW)
    is_option = kept.kind == Kind.OPTION
    price = np.where(is_option, late.forward[kept.expiry], kept.mark)
    inverse = kept.kind == Kind.INVERSE
    lots = book.positions.toarray() * ~inverse

    gain = lots @ (base(higher) - base(market))

    group = np.zeros(len(price), np.int64)
    first = np.abs(lots) @ np.abs(each.delta * price * shift)
    step = price * shift
    told = lots @ (each.delta * step + 0.5 * each.gamma * step**2)
    assert np.abs(gain - told)[1:].max() <= 2e-3 * shift * first[1:].max() * 10
    held = held_greeks(book.positions, each, group=group, groups=1)
    assert held.delta[:, 0] == pytest.approx(book.positions.toarray() @ each.delta, rel=1e-9)


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
    assert (got.delta[0] == 0.0).all()
