"""A split: nobody is richer or poorer by it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clearing.domain import adjustment
from clearing.domain.adjustment import (
    AdjustmentNotPossible,
    Ratio,
    RatioNotValid,
    adjusted,
    exchange,
    ratio_of,
)
from clearing.domain.amendment import Codes
from clearing.domain.amounts import AmountNotExact, AmountOutOfRange
from clearing.domain.entries import effects
from clearing.domain.instrument import Payoff, value_at_mark
from tests.domain.instruments import EXPIRY, FUTURE, INVERSE, PERPETUAL, SPOT, an_option
from tests.feed_rows import DATA, NO_DATA
from tests.listed import QUOTED_AFTER, aapl, rows_of

SEVEN_FOR_ONE = Ratio(numerator=7, denominator=1)
RATIOS = st.builds(
    lambda n, d: (n, d), st.integers(1, 20), st.sampled_from([1, 2, 4, 5, 8, 10])
).filter(lambda it: it[0] != it[1])


def an_equity_option(strike: str = "645", **but):
    usual = {
        "symbol": f"AAPL-20140621-{strike}-C",
        "payoff": Payoff.LINEAR,
        "underlying": "AAPL",
        "quote": "USD",
        "settlement": "USD",
        "scale": 2,
        "underlying_scale": 0,
        "lot_size": D(100),
        "tick_size": D("0.01"),
        "strike": D(strike),
        "expiry_at": EXPIRY,
    }
    return an_option(**(usual | but))


def test_seven_for_one_makes_seven_lots_at_a_seventh_of_the_strike():
    it = adjusted(an_equity_option("645"), SEVEN_FOR_ONE)

    assert it.method == "lots"
    assert it.lots_factor == 7
    assert (it.new.symbol, it.new.strike) == ("AAPL-20140621-92.14-C", D("92.14"))
    assert it.new.lot_size == 100
    assert it.strike_rounding == -2  # 700 x 92.14 is 64,498, not 64,500


@pytest.mark.parametrize(
    ("ratio", "strike", "lot", "new_strike", "symbol"),
    [
        ("3:2", "645", "150", "430", "AAPL1-20140621-430-C"),
        ("3:2", "640", "150", "426.67", "AAPL1-20140621-426.67-C"),
        ("1:10", "645", "10", "6450", "AAPL1-20140621-6450-C"),
        ("5:4", "64", "125", "51.2", "AAPL1-20140621-51.2-C"),
        ("6:4", "645", "150", "430", "AAPL1-20140621-430-C"),
    ],
)
def test_any_other_ratio_changes_the_deliverable(ratio, strike, lot, new_strike, symbol):
    it = adjusted(an_equity_option(strike), ratio_of(ratio))

    assert (it.method, it.lots_factor) == ("deliverable", 1)
    assert (it.new.lot_size, it.new.strike) == (D(lot), D(new_strike))
    assert it.new.symbol == symbol


def test_a_future_keeps_its_cost_and_its_worth():
    it = adjusted(replace(FUTURE, symbol="AAPL-M4", lot_size=D(1)), SEVEN_FOR_ONE)
    fact = exchange(it, account_id="NORTH-1", lots=-3, cost=-270_000_000)

    assert it.new.symbol == "AAPL1-M4"
    assert it.strike_rounding == 0
    before = value_at_mark(it.old, lots=-3, cost=-270_000_000, mark=D("84"))
    after = value_at_mark(it.new, lots=-21, cost=-270_000_000, mark=D("12"))
    assert before == after
    assert {entry.asset: entry.amount for entry in effects(fact) if entry.account == "NORTH-1"} == {
        "lots:AAPL-M4": 3,
        "lots:AAPL1-M4": -21,
        "cost:AAPL-M4": 270_000_000,
        "cost:AAPL1-M4": -270_000_000,
    }


@given(RATIOS, st.integers(1, 4_000), st.integers(-1_000, 1_000), st.sampled_from([1, 100]))
def test_the_units_behind_a_position_are_exactly_the_old_ones_times_the_ratio(
    terms, strike_halves, lots, lot
):
    ratio = ratio_of(f"{terms[0]}:{terms[1]}")
    strike = D(strike_halves) / 2
    try:
        it = adjusted(an_equity_option(str(strike), lot_size=D(lot)), ratio)
    except (AdjustmentNotPossible, AmountNotExact):
        assume(False)
        raise

    units = Fraction(lots * it.lots_factor) * Fraction(it.new.lot_size)
    assert units == Fraction(lots * lot) * ratio.fraction
    exact = Fraction(strike) / ratio.fraction
    assert abs(Fraction(it.new.strike) - exact) <= Fraction(1, 200)
    per_lot = Fraction(it.new.lot_size) * it.lots_factor
    assert Fraction(it.strike_rounding) == (Fraction(it.new.strike) - exact) * per_lot


@given(RATIOS, st.lists(st.tuples(st.integers(-99, 99), st.integers(-999, 999)), min_size=1))
def test_everything_moved_balances_and_lots_still_sum_to_zero(terms, held):
    """The last holder is on the other side of all the others."""
    ratio = ratio_of(f"{terms[0]}:{terms[1]}")
    it = adjusted(replace(FUTURE, lot_size=D(1000)), ratio)
    held = [*held, (-sum(lots for lots, _ in held), -sum(cost for _, cost in held))]
    facts = [
        exchange(it, account_id=f"A-{place}", lots=lots, cost=cost)
        for place, (lots, cost) in enumerate(held)
    ]

    totals: dict[tuple[bool, str], int] = {}
    for fact in facts:
        for entry in effects(fact):
            key = (entry.account.startswith("ccp-"), entry.asset)
            totals[key] = totals.get(key, 0) + entry.amount
    assert not any(totals.values())


@pytest.mark.parametrize(
    "it", [SPOT, INVERSE, an_option(symbol="BTC-C")], ids=["spot", "inverse", "inverse option"]
)
def test_what_pays_in_what_is_split_is_refused(it):
    with pytest.raises(AdjustmentNotPossible):
        adjusted(it, SEVEN_FOR_ONE)


def test_a_deliverable_that_is_no_decimal_is_refused():
    with pytest.raises(AdjustmentNotPossible) as refused:
        adjusted(an_equity_option(), ratio_of("4:3"))

    assert refused.value.field == "ratio"


def test_a_strike_that_would_round_away_is_refused():
    with pytest.raises(AdjustmentNotPossible):
        adjusted(an_equity_option("2"), ratio_of("900:1"))


def test_lots_that_no_column_could_hold_are_refused():
    it = adjusted(PERPETUAL, SEVEN_FOR_ONE)

    with pytest.raises(AmountOutOfRange):
        exchange(it, account_id="NORTH-1", lots=2**62, cost=0)


@pytest.mark.parametrize("text", ["7", "1:1", "2:2", "0:1", "7:0", "-7:1", "7.5:1", "1001:1", ""])
def test_what_is_no_ratio_is_refused(text):
    with pytest.raises(RatioNotValid):
        ratio_of(text)


def test_the_new_contract_keeps_the_codes_that_are_still_true():
    known = Codes(isin="US0378331005", cfi="OCESCS", mic="XCBO", contract_size="100")

    whole = adjustment.codes_after(adjusted(an_equity_option(), SEVEN_FOR_ONE), known)
    other = adjustment.codes_after(adjusted(an_equity_option(), ratio_of("3:2")), known)

    assert whole == Codes(cfi="OCESCS", mic="XCBO", contract_size="100")
    assert other == Codes(cfi="OCESCS", mic="XCBO", contract_size="150")


def test_a_bound_on_old_prices_is_no_bound_on_new_ones():
    it = adjusted(an_equity_option(price_step=D("0.05"), highest_price=D(500)), SEVEN_FOR_ONE)

    assert (it.new.price_step, it.new.highest_price) == (None, None)


# --- the real case: Apple, seven for one, 9 June 2014 ---------------------------------------------


@pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA)
def test_every_series_quoted_after_the_real_split_is_found_and_no_other_is_needed():
    before = {key for key in rows_of("2014-06-06") if key[0] > "2014-06-06"}
    after = {
        key for key, row in rows_of("2014-06-09").items() if row["ask_close"] or row["bid_close"]
    }

    made = {}
    for expiry, strike, option_type in before:
        it = adjusted(aapl(expiry, strike, option_type), SEVEN_FOR_ONE).new
        made[expiry, it.strike, option_type] = it.symbol

    assert len(after) == QUOTED_AFTER
    assert after <= made.keys()
    assert len(set(made.values())) == len(before)  # no two series become one
