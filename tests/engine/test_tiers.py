"""Tiers of exposure: published tables, continuity, and a slow sum tier by tier."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.engine.reading import ParameterError
from margin.engine.tiers import (
    Tiers,
    beyond,
    initial,
    inverse_exposure,
    linear_exposure,
    load_tiers,
    maintenance,
)
from tests.oracle import tiers as oracle

METHODS = Path(__file__).parents[2] / "margin" / "methods" / "tiered"
BINANCE = load_tiers(METHODS / "binance-btcusdt.json")
BYBIT = load_tiers(METHODS / "bybit-inverse-illustration.json")
GOOD = json.loads((METHODS / "binance-btcusdt.json").read_text())
FIRST = np.zeros(1, np.int64)


def one(exposure: float, tiers: Tiers) -> float:
    return float(maintenance(np.array([exposure]), table=FIRST, tiers=tiers)[0])


def as_fractions(tiers: Tiers, table: int = 0) -> list[oracle.Tier]:
    return [
        (Fraction(limit), Fraction(rate).limit_denominator(10**6))
        for limit, rate in zip(tiers.limits[table], tiers.rates[table], strict=True)
    ]


@pytest.mark.parametrize("path", sorted(METHODS.glob("*.json")), ids=lambda path: path.stem)
def test_every_table_that_is_shipped_can_be_read_and_states_its_source(path):
    tiers = load_tiers(path)

    assert tiers.name == path.stem
    assert len(tiers.source) > 20


def test_the_published_maintenance_amounts_follow_from_limits_and_rates():
    bare = copy.deepcopy(GOOD)
    for tier in bare["tables"]["BTCUSDT"]["tiers"]:
        del tier["deduction"]

    derived = load_tiers(bare)

    np.testing.assert_allclose(derived.deductions, BINANCE.deductions, rtol=1e-12)
    assert BINANCE.deductions[0, -1] == 100_016_300


def test_the_published_illustrations():
    held = inverse_exposure(lots=10_000, size=1.0, price=400.0)
    needed = initial(held[None], leverage=10.0, table=FIRST, tiers=BYBIT)

    assert held == 25.0
    assert one(25.0, BYBIT) == pytest.approx(0.45, rel=1e-12)
    assert BYBIT.deductions[0, 2] == pytest.approx(0.30, rel=1e-12)
    assert needed[0] == pytest.approx(2.5, rel=1e-12)
    assert one(3_000_000.0, BINANCE) == pytest.approx(58_700.0, rel=1e-12)


def test_a_linear_exposure_is_money_and_has_no_side():
    assert linear_exposure(lots=np.array([3, -3]), size=0.01, price=50_000.0).tolist() == [1500] * 2


@pytest.mark.parametrize("tiers", [BINANCE, BYBIT], ids=lambda tiers: tiers.name)
def test_the_charge_is_continuous_at_every_limit(tiers):
    for limit in tiers.limits[0, :-1]:
        at, after = one(limit, tiers), one(np.nextafter(limit, np.inf), tiers)

        assert after == pytest.approx(at, rel=1e-13)


@given(st.floats(0, 1e9), st.sampled_from([BINANCE, BYBIT]))
def test_it_is_the_sum_of_each_tiers_part(exposure, tiers):
    expected = oracle.charge(Fraction(exposure), as_fractions(tiers))

    assert one(exposure, tiers) == pytest.approx(float(expected), rel=1e-9, abs=1e-300)


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=20))
def test_more_exposure_never_needs_less(exposures):
    exposures = np.sort(np.array(exposures))
    tables = np.zeros(len(exposures), np.int64)

    charges = maintenance(exposures, table=tables, tiers=BINANCE)

    assert (np.diff(charges) >= 0).all()


@given(st.floats(1, 1e9), st.floats(1, 1e9))
def test_one_large_position_needs_at_least_what_two_halves_do(first, second):
    together = one(first + second, BINANCE)

    assert together >= (one(first, BINANCE) + one(second, BINANCE)) * (1 - 1e-12)


@given(st.floats(0, 6e8), st.integers(0, 9), st.floats(0, 0.3))
def test_a_higher_rate_anywhere_never_needs_less(exposure, place, more):
    stricter = copy.deepcopy(GOOD)
    rows = stricter["tables"]["BTCUSDT"]["tiers"]
    for each in rows:
        del each["deduction"]
    for each in rows[place:]:
        each["rate"] = min(each["rate"] + more, 0.99)

    assert one(exposure, load_tiers(stricter)) >= one(exposure, BINANCE) * (1 - 1e-12)


@given(st.floats(1, 4e8), st.floats(1.0, 125.0))
def test_initial_margin_is_never_below_maintenance(exposure, leverage):
    held = np.array([exposure])

    needed = initial(held, leverage=leverage, table=FIRST, tiers=BINANCE)

    assert needed[0] >= one(exposure, BINANCE)
    assert needed[0] >= exposure / leverage


@given(st.permutations(range(6)))
def test_positions_do_not_see_each_other(order):
    both = copy.deepcopy(GOOD)
    both["tables"]["SHORT"] = {"tiers": [{"limit": 5, "rate": 0.1}]}
    tiers = load_tiers(both)
    exposures = np.array([1.0, 60_000.0, 3e6, 7.0, 5.0, 4e8])
    tables = np.array([0, 0, 0, 1, 1, 0])

    alone = maintenance(exposures, table=tables, tiers=tiers)
    shuffled = maintenance(exposures[list(order)], table=tables[list(order)], tiers=tiers)

    assert shuffled.tolist() == alone[list(order)].tolist()
    assert alone[3:5].tolist() == pytest.approx([0.7, 0.5])


def test_an_exposure_above_the_last_limit_is_pointed_out_and_still_charged():
    exposures = np.array([5e8, np.nextafter(5e8, np.inf), 6e8])
    tables = np.zeros(3, np.int64)

    assert beyond(exposures, table=tables, tiers=BINANCE).tolist() == [False, True, True]
    assert one(6e8, BINANCE) == pytest.approx(6e8 * 0.5 - 100_016_300, rel=1e-12)


TIER = ("tables", "BTCUSDT", "tiers", 3)


@pytest.mark.parametrize(
    ("place", "value", "field", "reason"),
    [
        (("name",), 7, "name", "text"),
        (("tables",), {}, "tables", "at least one"),
        (("tables", "BTCUSDT", "tiers"), [], "tables.BTCUSDT.tiers", "list"),
        ((*TIER, "limit"), 1_000_000, "tables.BTCUSDT.tiers[3].limit", "more than"),
        ((*TIER, "rate"), 0.009, "tables.BTCUSDT.tiers[3].rate", "at least 0.01"),
        ((*TIER, "rate"), 1, "tables.BTCUSDT.tiers[3].rate", "less than 1"),
        ((*TIER, "rate"), "2.5 %", "tables.BTCUSDT.tiers[3].rate", "number"),
        ((*TIER, "deduction"), 16_301, "tables.BTCUSDT.tiers[3].deduction", "16300"),
        ((*TIER, "cum"), 16_300, "tables.BTCUSDT.tiers[3].cum", "known"),
        (("kind",), "tiers", "kind", "known"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_its_field(place, value, field, reason):
    broken = copy.deepcopy(GOOD)
    at = broken
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value

    with pytest.raises(ParameterError, match=reason) as refused:
        load_tiers(broken)

    assert refused.value.field == field


def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path):
    (tmp_path / "list.json").write_text("[]")

    with pytest.raises(ParameterError, match=r"absent\.json"):
        load_tiers(tmp_path / "absent.json")
    with pytest.raises(ParameterError, match="must be an object"):
        load_tiers(tmp_path / "list.json")
