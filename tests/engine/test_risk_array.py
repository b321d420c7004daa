"""One pricing of a market: rounded once, hashed, and refused where it cannot be right."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from margin.engine import risk_array
from margin.engine.aggregate import SumOverflow
from margin.engine.checks import MarketRefused
from margin.engine.parameters import load
from margin.engine.requirement import requirement
from margin.engine.risk_array import ArrayRefused
from tests.engine.builders import (
    a_described_portfolio,
    a_plain_portfolio,
    a_random_book,
    a_random_market,
)

METHOD = load(Path(__file__).parents[2] / "margin" / "methods" / "derive-pmrm2-test.json")
MARKET = a_random_market(np.random.default_rng(11))
BOOK = a_random_book(np.random.default_rng(12), MARKET)
ARRAY = risk_array.build(MARKET, METHOD)


def test_the_array_is_within_half_a_unit_of_every_price_and_as_fine_as_it_may_be():
    exact = risk_array.price(MARKET, METHOD)

    unit = ARRAY.unit[MARKET.series.underlying][:, None]
    assert (np.abs(ARRAY.values * unit - exact) <= unit / 2).all()
    assert np.abs(ARRAY.values).max() <= 2**30
    for group, size in enumerate(ARRAY.unit):
        largest = np.abs(exact[MARKET.series.underlying == group]).max()
        assert size == 2.0**-20 or 2**29 * size < largest <= 2**30 * size


@pytest.mark.parametrize("seconds", [0.0, -3600.0])
def test_an_expired_option_is_its_payoff_and_nothing_moves_it(seconds):
    expired = a_plain_portfolio(options=[(2.0, "call", 90_000.0)])
    expired["expiries"][0]["seconds"] = seconds
    _, market = a_described_portfolio(expired)

    values = risk_array.price(market, METHOD)

    assert (values[0, :-1] == 2.0 * (96_000.0 - 90_000.0)).all()


def test_half_way_through_its_window_an_option_takes_half_a_shock():
    settling = a_plain_portfolio(options=[(1.0, "call", 50_000.0)])
    settling["expiries"][0]["seconds"] = 900.0
    _, market = a_described_portfolio(settling)

    values = risk_array.price(market, METHOD)

    down = ARRAY.columns.index("0.82/up")
    assert values[0, 0] - values[0, down] == pytest.approx(0.09 * 96_000.0, rel=1e-9)


def test_the_digest_is_of_the_published_byte_form():
    sealed = risk_array.seal(
        np.array([[1, -2], [3, 2**31 - 1]]), unit=np.array([0.5]), columns=("base", "exposure")
    )

    names = b'["base","exposure"]'
    written = b"surety.risk-array.v1\n" + struct.pack("<4q", 2, 2, 1, len(names)) + names
    written += struct.pack("<d", 0.5) + struct.pack("<4q", 1, -2, 3, 2**31 - 1)
    assert sealed.digest == hashlib.sha256(written).hexdigest()
    with pytest.raises(ValueError, match="read-only"):
        sealed.values[0, 0] = 7


@pytest.mark.parametrize(
    ("values", "unit", "columns"),
    [
        ([[1, -3]], [0.5], ("base", "exposure")),
        ([[1, -2]], [0.25], ("base", "exposure")),
        ([[1, -2]], [0.5], ("base", "exposed")),
        ([[1], [-2]], [0.5], ("base",)),
    ],
)
def test_another_value_unit_or_name_is_another_digest(values, unit, columns):
    usual = risk_array.seal(np.array([[1, -2]]), unit=np.array([0.5]), columns=("base", "exposure"))

    other = risk_array.seal(np.array(values), unit=np.array(unit), columns=columns)

    assert other.digest != usual.digest


@pytest.mark.parametrize(
    ("values", "unit", "reason"),
    [
        ([[2**31]], [1.0], "31 bits"),
        ([[-(2**31)]], [1.0], "31 bits"),
        ([[1]], [0.3], "power of two"),
        ([[1]], [np.nan], "power of two"),
        ([[1, 2]], [1.0], "columns named"),
    ],
)
def test_what_cannot_be_a_risk_array_is_refused(values, unit, reason):
    with pytest.raises(ArrayRefused, match=reason):
        risk_array.seal(np.array(values), unit=np.array(unit), columns=("base",))


def test_an_account_too_large_for_exact_sums_is_refused_by_its_row():
    positions = BOOK.positions.copy()
    positions.data[positions.indptr[7]] = 2**61

    with pytest.raises(SumOverflow, match="account 7"):
        requirement(replace(BOOK, positions=positions), MARKET, METHOD, ARRAY)


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ("series", "vol", np.nan),
        ("series", "vol", -0.1),
        ("series", "strike", 0.0),
        ("series", "size", np.inf),
        ("expiries", "forward", -1.0),
        ("expiries", "rate", np.nan),
        ("underlyings", "stable", 0.0),
        ("collateral", "price", np.nan),
    ],
)
@pytest.mark.parametrize("given", [ARRAY, None], ids=["array given", "array built"])
def test_a_price_that_is_no_price_is_refused_by_its_place(table, name, value, given):
    held = getattr(MARKET, table)
    column = getattr(held, name).copy()
    column[1] = value
    market = replace(MARKET, **{table: replace(held, **{name: column})})

    with pytest.raises(MarketRefused, match=rf"{table}\.{name}\[1\]"):
        requirement(BOOK, market, METHOD, given)


def test_a_value_too_large_to_exist_is_refused_by_its_row():
    size = MARKET.series.size.copy()
    size[5] = 1e308
    market = replace(MARKET, series=replace(MARKET.series, size=size))

    with pytest.raises(ArrayRefused, match="series 5"), np.errstate(over="ignore"):
        requirement(BOOK, market, METHOD)


def test_the_array_of_another_method_or_market_is_refused():
    fewer = replace(METHOD, scenarios=METHOD.scenarios[:-1])
    short = risk_array.seal(ARRAY.values[:-1], unit=ARRAY.unit, columns=ARRAY.columns)

    with pytest.raises(ArrayRefused, match="another parameter set"):
        requirement(BOOK, MARKET, fewer, ARRAY)
    with pytest.raises(ArrayRefused, match="series"):
        requirement(BOOK, MARKET, METHOD, short)
