"""Greeks against published numbers, sixty digits, differences, another library, and at limits."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from typing import Any

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given
from hypothesis import strategies as st

from margin.engine.greeks import (
    Greeks,
    averaged_greeks,
    black_76_greeks,
    black_scholes_merton_greeks,
    in_coin,
    in_money,
    inverse_greeks,
    linear_greeks,
)
from margin.engine.pricing import YEAR_SECONDS, black_76
from tests.oracle import greeks as oracle

MP = oracle.MP
NAMES = oracle.NAMES
SMALLEST = MP.mpf(10) ** -290  # below it doubles lose digits one by one

VOLS = [1e-9, 1e-4, 0.01, 0.5, 3.0, 40.0]
YEARS = [1e-9, 1e-5, 1 / 365, 1.0, 10.0]
MONEYNESS = [1e-6, 0.02, 0.5, 0.9, 1 - 1e-3, 1 - 1e-12, 1.0, 1 + 1e-9, 1.1, 2.5, 50.0, 1e6]


def holds(got: Greeks, exact: dict[str, Any], sizes: dict[str, Any], tolerance: float) -> None:
    for name in NAMES:
        found = MP.mpf(float(getattr(got, name)))
        assert abs(found - exact[name]) <= tolerance * sizes[name] + SMALLEST, (
            name,
            float(found),
            float(exact[name]),
        )


@pytest.mark.parametrize("rate", [0.0, 0.07])
@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize(("vol", "years"), list(product(VOLS, YEARS)))
def test_values_and_greeks_agree_with_sixty_digits_to_a_part_in_a_trillion(vol, years, call, rate):
    forward = 2_682.99974360167
    for moneyness in MONEYNESS:
        terms = {"vol": vol, "years": years, "is_call": call, "rate": rate}

        got = black_76_greeks(forward=forward, strike=forward * moneyness, **terms)

        exact, sizes = oracle.by_forward(forward, forward * moneyness, vol, years, rate, call=call)
        holds(got, exact, sizes, 1e-12)
        for name in ("value", "delta", "gamma", "vega", "rho"):  # of themselves, however small
            error = abs(MP.mpf(float(getattr(got, name))) - exact[name])
            assert error <= 1e-12 * abs(exact[name]) + SMALLEST, name


@pytest.mark.parametrize(("rate", "carry"), [(0.05, 0.02), (0.0, 0.3), (0.08, 0.0)])
@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize(("vol", "years"), list(product(VOLS, YEARS)))
def test_by_spot_they_do_too(vol, years, call, rate, carry):
    spot = 2_682.99974360167
    for moneyness in MONEYNESS:
        got = black_scholes_merton_greeks(
            spot=spot,
            strike=spot * moneyness,
            vol=vol,
            years=years,
            rate=rate,
            carry=carry,
            is_call=call,
        )

        exact, sizes = oracle.by_spot(spot, spot * moneyness, vol, years, rate, carry, call=call)
        holds(got, exact, sizes, 1e-12)


POINTS = [
    (100.0, 90.0, 0.3, 0.4, 0.05, 0.02),
    (100.0, 140.0, 0.6, 0.02, 0.0, 0.1),
    (100.0, 100.0, 0.1, 2.0, 0.03, 0.0),
]


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize("point", POINTS)
def test_the_textbook_formulas_are_the_differences_of_the_value(point, call):
    s, k, vol, t, r, q = (MP.mpf(each) for each in point)
    named = {"s": s, "k": k, "vol": vol, "t": t, "r": r}

    by_forward = oracle.by_differences(
        lambda s, k, vol, t, r: oracle.value(s, k, vol, t, r, call=call),
        named,
        by="s",
        vol="vol",
        time="t",
        rate="r",
    )
    by_spot = oracle.by_differences(
        lambda s, k, vol, t, r: oracle.spot_value(s, k, vol, t, r, q, call=call),
        named,
        by="s",
        vol="vol",
        time="t",
        rate="r",
    )

    for differences, (exact, sizes) in (
        (by_forward, oracle.by_forward(s, k, vol, t, r, call=call)),
        (by_spot, oracle.by_spot(s, k, vol, t, r, q, call=call)),
    ):
        for name in NAMES:
            assert abs(differences[name] - exact[name]) <= 1e-20 * (1 + sizes[name]), name


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize("seconds", [1.0, 400.0, 1799.0, 1800.0, 90_000.0])
@pytest.mark.parametrize("strike", [99.9, 100.0, 100.05, 130.0])
def test_inside_the_settlement_window_they_are_the_differences_of_the_averaged_value(
    call, seconds, strike
):
    forward, vol, rate, window = 100.0, 0.7, 0.04, 1800.0

    got = averaged_greeks(
        forward=np.array(forward),
        strike=strike,
        vol=vol,
        seconds=np.array(seconds),
        is_call=call,
        window_seconds=window,
        rate=rate,
    )

    def averaged(s: Any, vol: Any, t: Any, r: Any) -> Any:
        share = min(MP.mpf(seconds) / window, MP.mpf(1))
        return oracle.value(forward + (s - forward) * share, MP.mpf(strike), vol, t, r, call=call)

    point = {"s": forward, "vol": vol, "t": MP.mpf(seconds) / YEAR_SECONDS, "r": rate}
    exact = oracle.by_differences(
        averaged,
        {name: MP.mpf(each) for name, each in point.items()},
        by="s",
        vol="vol",
        time="t",
        rate="r",
    )
    for name in NAMES:
        assert float(getattr(got, name)) == pytest.approx(
            float(exact[name]), rel=1e-11, abs=1e-18
        ), name


def test_after_the_window_no_move_of_spot_matters_and_the_value_stays():
    seconds = np.array([90_000.0, 1800.0, 900.0, 1.0, 0.0, -5.0])

    got = averaged_greeks(
        forward=np.full(6, 100.0),
        strike=99.0,
        vol=0.8,
        seconds=seconds,
        is_call=True,
        window_seconds=1800.0,
    )

    np.testing.assert_allclose(
        got.value,
        black_76(forward=100.0, strike=99.0, vol=0.8, years=seconds / YEAR_SECONDS, is_call=True),
        rtol=1e-13,
    )
    assert got.delta[3] == pytest.approx(1 / 1800.0, rel=1e-12)
    assert got.delta[-2:].tolist() == got.gamma[-2:].tolist() == [0.0, 0.0]


# Haug (1998), as carried by QuantLib's own tests; printed to four decimals.
HAUG = [
    # greek, call, strike, spot, carry, rate, years, vol, value
    ("delta", True, 100, 105, 0.10, 0.10, 0.50, 0.36, 0.5946),
    ("delta", False, 100, 105, 0.10, 0.10, 0.50, 0.36, -0.3566),
    ("gamma", True, 60, 55, 0.00, 0.10, 0.75, 0.30, 0.0278),
    ("vega", True, 60, 55, 0.00, 0.10, 0.75, 0.30, 18.9358),
    ("theta", False, 405, 430, 0.05, 0.07, 1 / 12, 0.20, -31.1924),
    ("rho", True, 75, 72, 0.00, 0.09, 1.00, 0.19, 38.7325),
    ("value", True, 65, 60, 0.00, 0.08, 0.25, 0.30, 2.1334),
    ("value", False, 95, 100, 0.05, 0.10, 0.50, 0.20, 2.4648),
    ("value", True, 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011),
    ("value", False, 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011),
    ("value", True, 100, 90, 0.10, 0.10, 0.10, 0.15, 0.0205),
    ("value", True, 100, 100, 0.10, 0.10, 0.50, 0.25, 6.6997),
    ("value", False, 100, 110, 0.10, 0.10, 0.50, 0.35, 5.7963),
]


@pytest.mark.parametrize("row", HAUG)
def test_published_greeks(row):
    name, call, strike, spot, carry, rate, years, vol, published = row

    got = black_scholes_merton_greeks(
        spot=spot, strike=strike, vol=vol, years=years, rate=rate, carry=carry, is_call=call
    )

    assert getattr(got, name) == pytest.approx(published, abs=1e-4)


@given(
    st.floats(20, 500),
    st.floats(20, 500),
    st.floats(0.05, 1.5),
    st.floats(0.01, 3.0),
    st.floats(0.0, 0.2),
    st.floats(0.0, 0.2),
    st.booleans(),
)
def test_another_library_says_the_same(spot, strike, vol, years, rate, carry, call):
    kind = ql.Option.Call if call else ql.Option.Put
    forward = spot * np.exp((rate - carry) * years)
    other = ql.BlackCalculator(
        ql.PlainVanillaPayoff(kind, strike), forward, vol * years**0.5, float(np.exp(-rate * years))
    )

    got = black_scholes_merton_greeks(
        spot=spot, strike=strike, vol=vol, years=years, rate=rate, carry=carry, is_call=call
    )

    theirs = {
        "value": other.value(),
        "delta": other.delta(spot),
        "gamma": other.gamma(spot),
        "vega": other.vega(years),
        "theta": other.theta(spot, years),
        "rho": other.rho(years),
    }
    for name, expected in theirs.items():
        # Its own cumulative normal is good to about 1e-15 of one: of the price, not of the value.
        assert getattr(got, name) == pytest.approx(expected, rel=1e-9, abs=1e-9), name


PRICES = st.floats(1.0, 1e5)
TERMS = (PRICES, st.floats(0.5, 2.0), st.floats(0.01, 3.0), st.floats(1e-4, 3.0), st.floats(0, 0.3))


@given(*TERMS)
def test_a_call_less_a_put_is_a_forward_in_every_greek(forward, moneyness, vol, years, rate):
    strike = forward * moneyness
    call, put = (
        black_76_greeks(
            forward=forward, strike=strike, vol=vol, years=years, rate=rate, is_call=side
        )
        for side in (True, False)
    )
    discount = np.exp(-rate * years)

    apart = {name: float(getattr(call, name) - getattr(put, name)) for name in NAMES}

    far = 1e-12 * (forward + strike)
    assert apart["value"] == pytest.approx(discount * (forward - strike), abs=far)
    assert apart["delta"] == pytest.approx(discount, rel=1e-13)
    assert apart["theta"] == pytest.approx(rate * discount * (forward - strike), abs=far)
    assert apart["rho"] == pytest.approx(-years * discount * (forward - strike), abs=3 * far)
    assert [apart[name] for name in ("gamma", "vega", "vanna", "volga")] == [0.0] * 4


@given(*TERMS, st.booleans())
def test_values_are_convex_and_grow_with_volatility(forward, moneyness, vol, years, rate, call):
    strikes = forward * moneyness * np.array([0.9, 1.0, 1.1])
    terms = {"forward": forward, "years": years, "rate": rate, "is_call": call}

    got = black_76_greeks(strike=strikes, vol=vol, **terms)
    more = black_76_greeks(strike=strikes, vol=vol * 1.01, **terms)

    butterfly = got.value[0] - 2.0 * got.value[1] + got.value[2]
    assert butterfly >= -1e-14 * (forward + strikes[1])
    assert (got.gamma >= 0.0).all()
    assert (got.vega >= 0.0).all()
    assert (more.value >= got.value - 1e-15 * (forward + strikes)).all()
    assert (np.diff(got.value) <= 0.0).all() if call else (np.diff(got.value) >= 0.0).all()


@given(*TERMS, st.booleans(), st.integers(1, 1000))
def test_in_another_currency_the_same_option_moves_alike(f, m, vol, years, rate, call, times):
    terms = {"vol": vol, "years": years, "rate": rate, "is_call": call}

    once = black_76_greeks(forward=f, strike=f * m, **terms)
    again = black_76_greeks(forward=f * times, strike=f * m * times, **terms)

    for name, power in {
        "value": 1, "delta": 0, "gamma": -1, "vega": 1, "theta": 1, "rho": 1, "volga": 1, "vanna": 0,
    }.items():  # fmt: skip
        size = abs(float(getattr(once, name))) + {"volga": f, "vanna": 1.0}.get(name, 0.0)
        assert getattr(again, name) == pytest.approx(
            float(getattr(once, name)) * float(times) ** power,
            rel=1e-10,
            abs=1e-11 * size * float(times) ** power + 1e-280,
        ), name


# Limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize(("vol", "years"), [(0.5, 0.0), (0.0, 1.0), (0.0, 0.0), (0.5, -1.0)])
def test_where_nothing_is_left_to_chance_only_the_payoff_moves(call, vol, years):
    strikes = np.array([0.0, 80.0, 130.0])

    got = black_76_greeks(forward=100.0, strike=strikes, vol=vol, years=years, is_call=call)

    paid = np.array([True, True, False]) == call
    assert got.value.tolist() == np.where(paid, np.abs(100.0 - strikes), 0.0).tolist()
    assert got.delta.tolist() == np.where(paid, 1.0 if call else -1.0, 0.0).tolist()
    for name in ("gamma", "vega", "theta", "vanna", "volga"):
        assert getattr(got, name).tolist() == [0.0, 0.0, 0.0], name


def test_at_the_strike_without_volatility_the_limits_are_those_from_above():
    terms = {"forward": 100.0, "strike": 100.0, "years": 0.25, "is_call": True}

    none = black_76_greeks(vol=0.0, **terms)
    little = black_76_greeks(vol=1e-12, **terms)

    assert none.gamma == np.inf
    for name in ("value", "delta", "vega", "theta", "vanna", "volga"):
        assert getattr(none, name) == pytest.approx(float(getattr(little, name)), abs=1e-10), name
    assert none.vega == pytest.approx(100.0 * 0.5 / np.sqrt(2 * np.pi), rel=1e-14)
    assert none.vanna == pytest.approx(0.25 / np.sqrt(2 * np.pi), rel=1e-14)


def test_at_the_strike_without_time_gamma_and_theta_have_no_bound():
    got = black_76_greeks(forward=100.0, strike=100.0, vol=0.5, years=0.0, is_call=True)

    assert (got.delta, got.gamma, got.theta) == (0.5, np.inf, -np.inf)
    assert (got.value, got.vega, got.vanna, got.volga) == (0.0, 0.0, 0.0, 0.0)


def test_at_the_strike_with_neither_time_nor_volatility_nothing_decays():
    got = black_76_greeks(forward=100.0, strike=100.0, vol=0.0, years=0.0, is_call=True)

    assert (got.delta, got.gamma, got.theta, got.value) == (0.5, np.inf, 0.0, 0.0)


@pytest.mark.parametrize("broken", ["forward", "strike", "vol", "years", "rate"])
def test_what_is_not_a_number_never_becomes_one(broken):
    terms = {"forward": 100.0, "strike": 90.0, "vol": 0.5, "years": 1.0, "rate": 0.1}

    got = black_76_greeks(is_call=True, **(terms | {broken: np.nan}))

    assert all(np.isnan(getattr(got, name)) for name in NAMES)


def test_rows_do_not_see_each_other():
    rng = np.random.default_rng(7)
    terms = {
        "forward": rng.uniform(50, 200, 40),
        "strike": rng.uniform(50, 200, 40),
        "vol": rng.choice([0.0, 1e-6, 0.3, 2.0], 40),
        "years": rng.choice([0.0, 1e-6, 0.3, 2.0], 40),
        "is_call": rng.random(40) < 0.5,
        "rate": rng.uniform(0, 0.1, 40),
    }

    together = black_76_greeks(**terms)

    for row in range(40):
        alone = black_76_greeks(**{name: each[row : row + 1] for name, each in terms.items()})
        for name in NAMES:
            assert getattr(alone, name)[0] == getattr(together, name)[row]


# Futures, perpetuals and coin ---------------------------------------------------------------------


def test_a_linear_contract_moves_one_for_one():
    got = linear_greeks(size=0.01, price=np.array([50_000.0]))

    assert (got.value, got.delta) == (500.0, 0.01)
    for name in NAMES[2:]:
        assert getattr(got, name).tolist() == [0.0], name


def test_an_inverse_contract_moves_as_its_quotient():
    size, price = 100.0, MP.mpf(50_000)

    got = inverse_greeks(size=size, price=float(price))

    assert got.value == -100.0 / 50_000
    assert got.delta == pytest.approx(float(MP.diff(lambda p: -size / p, price)), rel=1e-14)
    assert got.gamma == pytest.approx(float(MP.diff(lambda p: -size / p, price, 2)), rel=1e-14)


def test_an_inverse_position_in_money_moves_by_the_coin_it_was_bought_for():
    price, entry, size = 50_000.0, 40_000.0, 100.0
    lot = inverse_greeks(size=size, price=price)

    got = in_money(
        Greeks(
            **{each.name: getattr(lot, each.name) for each in fields(lot)}
            | {"value": lot.value + size / entry}
        ),
        price=price,
    )

    assert got.value == pytest.approx(size * price / entry - size, rel=1e-12)
    assert got.delta == pytest.approx(size / entry, rel=1e-12)
    assert got.gamma == pytest.approx(0.0, abs=1e-18)


def test_an_option_in_coin_moves_by_its_delta_less_its_value_in_coin():
    terms = {"forward": 60_000.0, "strike": 65_000.0, "vol": 0.6, "years": 0.1, "is_call": True}
    money = black_76_greeks(**terms)

    coin = in_coin(money, price=60_000.0)

    assert coin.delta * 60_000.0 == pytest.approx(float(money.delta - coin.value), rel=1e-13)
    exact = oracle.by_differences(
        lambda s, vol, t, r: oracle.value(s, MP.mpf(65_000), vol, t, r, call=True) / s,
        {"s": MP.mpf(60_000), "vol": MP.mpf(0.6), "t": MP.mpf(0.1), "r": MP.mpf(0)},
        by="s",
        vol="vol",
        time="t",
        rate="r",
    )
    for name in NAMES:
        assert getattr(coin, name) == pytest.approx(float(exact[name]), rel=1e-11), name


@given(*TERMS, st.booleans())
def test_to_coin_and_back_is_where_it_was(forward, moneyness, vol, years, rate, call):
    money = black_76_greeks(
        forward=forward, strike=forward * moneyness, vol=vol, years=years, rate=rate, is_call=call
    )

    back = in_money(in_coin(money, price=forward), price=forward)

    sizes = {"delta": 1.0, "gamma": 1 / forward, "vanna": float(money.vega / forward)}
    for name in NAMES:
        assert getattr(back, name) == pytest.approx(
            float(getattr(money, name)), rel=1e-12, abs=1e-14 * sizes.get(name, 0.0)
        ), name


@given(*TERMS, st.booleans(), st.integers(-50, 50))
def test_so_many_lots_move_so_many_times(forward, moneyness, vol, years, rate, call, lots):
    one = black_76_greeks(
        forward=forward, strike=forward * moneyness, vol=vol, years=years, rate=rate, is_call=call
    )

    many = one.times(lots)

    for name in NAMES:
        assert getattr(many, name) == getattr(one, name) * lots
