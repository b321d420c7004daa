"""The arithmetic of a statement, and what each of its lines is called."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import spreadsheet, statement
from clearing.domain.events import CollateralDeposited
from clearing.domain.statement import CursorNotValid, PeriodNotValid, Place, Running
from tests.builders import START

SOME = st.one_of(st.integers(-9, -1), st.integers(1, 9))
AMOUNTS = st.dictionaries(st.sampled_from("ab"), SOME)
MOVES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-9, 9)))


@given(AMOUNTS, MOVES)
def test_opening_and_movements_are_closing_or_it_says_so(opening, moves):
    running = Running()
    for asset, amount in opening.items():
        running.opens(asset, amount)
    closing = dict(opening)
    for asset, amount in moves:
        closing[asset] = closing.get(asset, 0) + amount
        assert running.moves(asset, amount) == closing[asset]

    for asset, amount in closing.items():
        if amount:
            assert running.closes(asset, amount).balance == amount
    running.ends()


@given(SOME, SOME)
def test_a_closing_that_is_off_by_anything_is_an_error(amount, off):
    running = Running()
    running.opens("a", amount)

    with pytest.raises(statement.StatementBroken):
        running.closes("a", amount + off)


def test_a_balance_that_was_never_closed_is_an_error():
    running = Running()
    running.opens("a", 1)

    with pytest.raises(statement.StatementBroken):
        running.ends()


@given(st.integers(0, 10**18 - 1), st.sampled_from(["cash:USDC", "lots:BTC-30JAN26-80000-P"]))
def test_a_place_is_read_as_it_is_written(sequence, asset):
    place = Place(sequence=sequence, asset=asset)

    assert statement.place(str(place)) == place


@pytest.mark.parametrize("text", ["", "x", "1", "1.", ".a", "-1.a", "1.a b", "1" * 19 + ".a"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(CursorNotValid):
        statement.place(text)


def test_a_period_ends_after_it_starts():
    statement.check_period(None, START)
    statement.check_period(START, START + timedelta(seconds=1))
    with pytest.raises(PeriodNotValid):
        statement.check_period(START, START)


def test_a_fact_nobody_thought_of_says_its_own_name_and_its_correlation_serves_as_reference():
    assert statement.kind("clearing.trade-novated.v1") == "trade novated"
    assert statement.kind("someday.moon-settled.v3") == "moon settled"
    assert statement.kind("odd") == "odd"
    assert statement.reference(object()) == ""
    told = CollateralDeposited(account_id="A-1", deposit_id="wire-1", asset="USDC", amount=1)
    assert statement.reference(told) == "wire-1"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1"])
def test_a_text_that_begins_as_a_formula_stands_behind_an_apostrophe(text):
    assert spreadsheet.inert(text) == "'" + text


@pytest.mark.parametrize("text", ["", "t-1", "NORTH-1", "1+1", "'=1", " =1"])
def test_any_other_text_stands_as_it_is(text):
    assert spreadsheet.inert(text) == text
