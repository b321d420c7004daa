"""Lots: oldest first, split where only a part is needed, promised once, and held against a balance."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from clearing.domain.lots import Lot, against, encumber, encumbrance
from tests.builders import START

OUT, SWAP = encumbrance("withdrawal", "w-1"), encumbrance("substitution", "s-1")


def lots(*units: int, **but: str) -> list[Lot]:
    return [
        Lot(
            lot_id=f"lot-{at}",
            asset="BTC",
            units=each,
            custodian="BANK",
            deposited_at=START + timedelta(hours=at),
            sequence=at,
            **but,
        )
        for at, each in enumerate(units, 1)
    ]


def shape(found: list[Lot]) -> list[tuple[str, int, str]]:
    return [(it.lot_id, it.units, it.encumbered_by) for it in found]


def test_the_oldest_leaves_first_and_the_last_one_needed_is_split():
    found = encumber(lots(60, 40, 30), 75, by=OUT, sequence=9)

    assert shape(found) == [
        ("lot-1", 60, OUT),
        ("lot-2+9", 15, OUT),
        ("lot-2", 25, ""),
        ("lot-3", 30, ""),
    ]


def test_a_part_of_a_part_is_named_after_the_deposit_it_came_with():
    (part, rest) = encumber(lots(10), 4, by=OUT, sequence=7)
    freed = [rest, Lot(**{**_fields(part), "encumbered_by": ""})]

    assert shape(encumber(freed, 7, by=SWAP, sequence=8)) == [
        ("lot-1", 6, SWAP),
        ("lot-1+8", 1, SWAP),
        ("lot-1+7", 3, ""),
    ]


def _fields(lot: Lot) -> dict:
    return {name: getattr(lot, name) for name in lot.__dataclass_fields__}


def test_what_is_promised_is_passed_over():
    promised = encumber(lots(60, 40), 60, by=OUT, sequence=8)

    assert shape(encumber(promised, 10, by=SWAP, sequence=9)) == [
        ("lot-1", 60, OUT),
        ("lot-2+9", 10, SWAP),
        ("lot-2", 30, ""),
    ]


def test_where_lots_do_not_reach_the_rest_is_settled_cash():
    assert shape(encumber(lots(5), 8, by=OUT, sequence=9)) == [("lot-1", 5, OUT)]


def test_trading_uses_up_the_oldest_and_what_it_pays_in_has_no_lot():
    used = against(lots(60, 40), 30)
    more = against(lots(60, 40), 130)

    assert [(it.used, it.left) for it in used.lots] == [(60, 0), (10, 30)]
    assert (used.settled_cash, used.debt) == (0, 0)
    assert [it.used for it in more.lots] == [0, 0]
    assert more.settled_cash == 30


def test_a_debt_leaves_no_lot():
    found = against(lots(60), -5)

    assert (found.lots[0].left, found.settled_cash, found.debt) == (0, 0, 5)


def test_what_is_promised_to_a_substitution_is_used_up_last():
    found = against(encumber(lots(60, 40), 60, by=SWAP, sequence=9), 70)

    assert [(it.lot.lot_id, it.left) for it in found.lots] == [("lot-1", 60), ("lot-2", 10)]


UNITS = st.lists(st.integers(1, 10**12), max_size=8)
ASKED = st.lists(st.tuples(st.integers(1, 10**12), st.sampled_from([OUT, SWAP])), max_size=6)


@given(UNITS, ASKED)
def test_promising_moves_nothing_and_promises_nothing_twice(units, asked):
    found = lots(*units)
    for sequence, (amount, by) in enumerate(asked, 100):
        before = {it.lot_id: it for it in found}
        free = sum(it.units for it in found if not it.encumbered_by)
        found = encumber(found, amount, by=f"{by}{sequence}", sequence=sequence)

        taken = sum(it.units for it in found if it.encumbered_by == f"{by}{sequence}")
        assert taken == min(amount, free)
        assert len({it.lot_id for it in found}) == len(found)
        assert all(it in found for it in before.values() if it.encumbered_by)
    assert sum(it.units for it in found) == sum(units)
    assert all(it.units > 0 for it in found)


@given(UNITS, ASKED, st.integers(-(10**13), 10**13))
def test_lots_and_settled_cash_are_the_balance_to_the_last_unit(units, asked, balance):
    found = lots(*units)
    for sequence, (amount, by) in enumerate(asked, 100):
        found = encumber(found, amount, by=by, sequence=sequence)

    it = against(found, balance)

    assert sum(row.left for row in it.lots) + it.settled_cash - it.debt == balance
    assert all(0 <= row.left <= row.lot.units for row in it.lots)
