"""Whose lots of a trade that was undone an earlier time would not have had."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clearing.domain.undone import Adjusted, Ported, Took, family, lots_after, lots_before

OLD, NEW, NEWER = "OLD", "NEW", "NEWER"
LEGS = [Took(sequence=1, account="A", lots=10), Took(sequence=2, account="B", lots=-10)]
SPLIT = Adjusted(sequence=5, symbol=OLD, new_symbol=NEW, factor=7)
AGAIN = Adjusted(sequence=9, symbol=NEW, new_symbol=NEWER, factor=3)


def test_a_trade_is_with_its_parties_until_its_lots_move():
    assert lots_after(OLD, LEGS) == (OLD, {"A": 10, "B": -10})

    allocated = [Took(sequence=3, account="A", lots=-4), Took(sequence=4, account="C", lots=4)]

    assert lots_after(OLD, [*LEGS, *allocated]) == (OLD, {"A": 6, "B": -10, "C": 4})


def test_a_port_takes_along_what_its_giver_had_of_that_contract():
    port = Ported(sequence=3, giver="A", taker="C", symbol=OLD)
    other = Ported(sequence=4, giver="C", taker="D", symbol=NEW)
    back = Ported(sequence=6, giver="C", taker="A")

    assert lots_after(OLD, [*LEGS, port, other]) == (OLD, {"B": -10, "C": 10})
    assert lots_after(OLD, [*LEGS, port, other, back]) == (OLD, {"A": 10, "B": -10})


def test_who_ports_both_sides_to_one_account_leaves_nothing():
    assert lots_after(OLD, [*LEGS, Ported(sequence=3, giver="A", taker="B")]) == (OLD, {})


def test_an_adjustment_makes_them_lots_of_another_contract_and_moves_go_on_in_those():
    moved = [Took(sequence=6, account="A", lots=-14), Took(sequence=7, account="C", lots=14)]

    assert lots_after(OLD, [*LEGS, *moved, SPLIT]) == (NEW, {"A": 56, "B": -70, "C": 14})
    assert lots_after(OLD, [*LEGS, AGAIN, SPLIT]) == (NEWER, {"A": 210, "B": -210})


@given(st.integers(1, 10**6))
def test_lots_before_the_adjustments_are_those_that_become_the_lots_after_them(lots):
    legs = [Took(sequence=1, account="A", lots=lots)]
    symbol, held = lots_after(OLD, [*legs, SPLIT, AGAIN])

    assert lots_before(symbol, held["A"], [SPLIT, AGAIN]) == (OLD, lots)
    assert lots_before(NEW, 7 * lots + lots % 7, [SPLIT, AGAIN]) == (OLD, lots)
    assert lots_before("ANOTHER", lots, [SPLIT]) == ("ANOTHER", lots)


def test_a_family_is_all_a_contract_came_from_and_became():
    for symbol in (OLD, NEW, NEWER):
        assert family(symbol, [SPLIT, AGAIN]) == {OLD, NEW, NEWER}
    assert family("ANOTHER", [SPLIT, AGAIN]) == {"ANOTHER"}
