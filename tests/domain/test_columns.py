"""Movements as columns: read back as they were, and folded to the unit."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain.entries import Movement
from clearing.domain.evidence import columns

NAMES = st.sampled_from([f"A-{number}" for number in range(6)] + ["ccp-novation", "Ö-1"])
ASSETS = st.sampled_from(["cash:USDC", "lots:BTC-PERP", "cost:BTC-PERP"])
SMALL, ANY = st.integers(-(10**12), 10**12), st.integers(-(2**63) + 1, 2**63 - 1)


def moved(amounts=SMALL, *, most: int = 30):
    one = st.tuples(st.integers(0, 400), NAMES, NAMES, ASSETS, amounts)
    return st.lists(one, max_size=most).map(
        lambda rows: [
            (1_000 + at, Movement(*row)) for at, *row in sorted(rows, key=lambda it: it[0])
        ]
    )


def summed(movements, up_to: int | None = None) -> dict[str, dict[str, int]]:
    """With integers of any size, one by one."""
    cells: Counter[tuple[str, str]] = Counter()
    for sequence, it in movements:
        if up_to is None or sequence <= up_to:
            cells[it.to, it.asset] += it.amount
            cells[it.source, it.asset] -= it.amount
    found: dict[str, dict[str, int]] = {}
    for (account, asset), amount in cells.items():
        if amount:
            found.setdefault(account, {})[asset] = amount
    return found


@given(moved(ANY))
def test_what_was_packed_is_read_back(movements):
    body = columns.packed(1_000, movements)

    assert columns.movements(body) == [it for it in movements if it[1].amount]


@given(st.lists(moved(), max_size=5), st.integers(990, 1_410))
def test_a_fold_of_blocks_is_the_sum_up_to_any_sequence(blocks, up_to):
    bodies = [columns.packed(1_000, movements) for movements in blocks]
    every = [it for movements in blocks for it in movements]

    assert columns.balances(bodies) == summed(every)
    assert columns.balances(bodies, up_to=up_to) == summed(every, up_to)


@given(st.lists(moved(ANY), max_size=5))
def test_sums_past_64_bits_are_exact(blocks):
    bodies = [columns.packed(1_000, movements) for movements in blocks]

    assert columns.balances(bodies) == summed([it for movements in blocks for it in movements])


@given(st.lists(moved(), max_size=5))
def test_many_accounts_are_folded_by_sorted_keys_to_the_same(blocks):
    bodies = [columns.packed(1_000, movements) for movements in blocks]
    dense = columns.DENSEST
    columns.DENSEST = 0
    try:
        fold = columns.Fold()
        fold._dense = fold._dense[:1, :1].copy()
        for body in bodies:
            fold.add(columns.unpacked(body))
        found = fold.balances()
    finally:
        columns.DENSEST = dense

    assert found == summed([it for movements in blocks for it in movements])


def test_house_totals_past_64_bits_are_exact():
    """One account against the house, each time by nearly all that a column holds."""
    body = columns.packed(
        1, [(1, Movement(f"A-{number}", "ccp-novation", "cost:X", 2**62)) for number in range(7)]
    )

    assert columns.balances([body, body])["ccp-novation"] == {"cost:X": -14 * 2**62}


def test_columns_are_views_of_the_bytes():
    body = columns.packed(1, [(1, Movement("A-1", "A-2", "cash:X", 5))])

    assert not columns.unpacked(body).amount.flags.owndata


@pytest.mark.parametrize(
    "cut", [lambda it: it[:-1], lambda it: it + b"x", lambda it: b"x" + it[1:]]
)
def test_what_is_cut_short_is_no_columns(cut):
    body = columns.packed(1, [(1, Movement("A-1", "A-2", "cash:X", 5))])

    with pytest.raises(ValueError):
        columns.unpacked(cut(body))


def test_amounts_beyond_a_column_are_refused():
    with pytest.raises(OverflowError):
        columns.packed(1, [(1, Movement("A-1", "A-2", "cash:X", 2**63))])
