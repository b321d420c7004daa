"""Exercise, assignment and expiry: who is paid what, and by which draw."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import assignment, expiry, instrument
from clearing.domain.events import OptionAssigned, OptionExercised, OptionExpired
from clearing.domain.expiry import Final, InstructionNotValid
from tests.domain.instruments import CALL, FUTURE, PERPETUAL

BOOK = {"EAST-1": (-4, 0), "NORTH-1": (10, 0), "SOUTH-1": (-6, 0)}


def final(index="125000", **but):
    usual = {"cycle_id": "c", "index": Decimal(index), "price_set": "p", "seed_set": "p"}
    return Final(**(usual | but))


def paid(facts):
    return {fact.account_id: getattr(fact, "cash", 0) for fact in facts}


def test_in_the_money_everybody_is_exercised_and_everybody_assigned():
    facts, drawn = expiry.payouts(CALL, BOOK, final(), abandoned={})

    assert [type(fact) for fact in facts] == [OptionAssigned, OptionExercised, OptionAssigned]
    assert paid(facts) == {"EAST-1": -8_000_000, "NORTH-1": 20_000_000, "SOUTH-1": -12_000_000}
    assert json.loads(drawn.assigned) == [["EAST-1", 4], ["SOUTH-1", 6]]


@pytest.mark.parametrize("index", ["100000", "99999.99", "1"])
def test_at_the_strike_and_beyond_nothing_is_paid_and_nothing_drawn(index):
    facts, drawn = expiry.payouts(CALL, BOOK, final(index), abandoned={"NORTH-1": 3})

    assert {(type(fact), fact.reason) for fact in facts} == {(OptionExpired, "worthless")}
    assert drawn is None


def test_what_a_holder_abandons_is_not_paid_and_not_assigned():
    facts, drawn = expiry.payouts(CALL, BOOK, final(), abandoned={"NORTH-1": 7})

    exercised = next(fact for fact in facts if isinstance(fact, OptionExercised))
    assert (exercised.exercised, exercised.lots, exercised.cash) == (3, 10, 6_000_000)
    assert sum(lots for _, lots in json.loads(drawn.assigned)) == 3
    assert sum(paid(facts).values()) == 0
    assert sum(fact.lots for fact in facts) == 0


def test_a_holder_who_abandons_everything_is_paid_nothing():
    facts, drawn = expiry.payouts(CALL, BOOK, final(), abandoned={"NORTH-1": 99})

    assert {fact.reason for fact in facts} == {"abandoned", "not-assigned"}
    assert drawn is None


@given(
    st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 60), min_size=1),
    st.integers(0, 10_000),
    st.integers(0, 40),
)
def test_payouts_cancel_but_for_half_a_unit_an_account(shorts, cents, abandoned):
    book = {name: (-lots, 0) for name, lots in shorts.items()}
    book["LONG"] = (sum(shorts.values()), 0)
    index = Decimal(100_001) + Decimal(cents) / 100

    facts, _ = expiry.payouts(CALL, book, final(str(index)), abandoned={"LONG": abandoned})

    assert 2 * abs(sum(paid(facts).values())) <= len(book)
    assert {fact.account_id: fact.lots for fact in facts} == {a: it[0] for a, it in book.items()}


def test_a_position_is_paid_as_a_whole():
    """A lot of the call pays 0.1 x (100,000.37 - 100,000) / 100,000.37 coin, which is 36.9998 units."""
    assert instrument.payout(CALL, Decimal("100000.37")) == 37
    assert instrument.payout(CALL, Decimal("100000.37"), lots=10_000) == 369_999


@given(st.integers(-(10**6), 10**6), st.decimals("1000", "500000", places=2))
def test_both_sides_of_one_size_are_paid_by_one_integer(lots, index):
    for it in (CALL, FUTURE):
        there, back = (instrument.payout(it, index, lots=side * lots) for side in (1, -1))
        assert there == -back


# --- the draw ---------------------------------------------------------------------------------

SHORTS = st.dictionaries(st.text("ABCDEFGH", min_size=1, max_size=3), st.integers(1, 30)).map(
    lambda found: sorted(found.items())
)


@given(SHORTS, st.data())
def test_a_draw_assigns_as_many_lots_as_were_exercised_and_no_more_than_written(shorts, data):
    total = sum(lots for _, lots in shorts)
    exercised = data.draw(st.integers(0, total))

    drawn = assignment.drawn(shorts, exercised=exercised, seed="s")

    assert sum(drawn.values()) == exercised
    assert all(0 <= drawn[account] <= lots for account, lots in shorts)
    assert drawn == assignment.drawn(shorts, exercised=exercised, seed="s")


def test_a_draw_can_be_repeated_by_hand():
    """The published algorithm, written again from its description."""
    from hashlib import sha256

    from tests.oracle.settlement import assigned

    shorts, seed = [("A", 3), ("B", 5), ("C", 2)], assignment.seed_of(price_set="p", symbol="X")
    assert seed == sha256(b"p X").hexdigest()
    picks: list[int] = []
    number = 0
    while len(picks) < 4:
        found = int(sha256(f"{seed}|{number}".encode()).hexdigest(), 16) % 10
        number += 1
        if found not in picks:
            picks.append(found)
    tickets = [name for name, lots in shorts for _ in range(lots)]

    drawn = assignment.drawn(shorts, exercised=4, seed=seed)

    assert {name: lots for name, lots in drawn.items() if lots} == assigned(tickets, picks)


def test_over_many_seeds_every_lot_has_the_same_chance():
    shorts, times = [("A", 1), ("B", 2), ("C", 7)], 4_000
    total: Counter[str] = Counter()
    for number in range(times):
        total.update(assignment.drawn(shorts, exercised=3, seed=f"seed {number}"))

    for account, lots in shorts:
        assert abs(total[account] / (times * lots) - 0.3) < 0.03, account


@pytest.mark.parametrize(
    ("it", "abandon", "held"),
    [(FUTURE, 1, 5), (PERPETUAL, 0, 5), (CALL, 6, 5), (CALL, -1, 5), (CALL, 1, -5)],
)
def test_only_a_holder_of_an_option_may_abandon_it(it, abandon, held):
    with pytest.raises(InstructionNotValid):
        expiry.check_instruction(it, abandon=abandon, held=held)
    expiry.check_instruction(CALL, abandon=0, held=-5)
