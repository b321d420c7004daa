"""How much may leave in an hour, and when the rest may."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain.outflows import WINDOW, Outflow, OutflowTooLarge, Side, check, limit_of
from tests.builders import START, after

NOW = after(hours=5)


def left(minutes_ago: int, amount: int) -> Outflow:
    return Outflow(at=NOW - timedelta(minutes=minutes_ago), amount=amount)


def side(limit: int | None, *gone: Outflow, ahead: int = 0, name: str = "house") -> Side:
    return Side(name=name, limit=limit, gone=gone, ahead=ahead)


def test_up_to_the_limit_it_leaves_at_once():
    assert check(40, sides=[side(100, left(10, 60))], now=NOW) is None


def test_beyond_it_waits_until_enough_is_an_hour_old():
    gone = (left(50, 30), left(40, 30), left(5, 40))

    assert check(10, sides=[side(100, *gone)], now=NOW).goes_at == NOW + timedelta(minutes=10)
    assert check(31, sides=[side(100, *gone)], now=NOW).goes_at == NOW + timedelta(minutes=20)


def test_what_left_an_hour_ago_counts_no_more():
    assert check(100, sides=[side(100, left(60, 100))], now=NOW) is None


def test_what_could_not_leave_in_an_empty_hour_is_refused():
    with pytest.raises(OutflowTooLarge):
        check(101, sides=[side(100)], now=NOW)


def test_the_later_of_two_limits_decides():
    sides = [side(100, left(50, 95)), side(50, left(20, 45), name="member NORTH")]

    wait = check(10, sides=sides, now=NOW)

    assert (wait.whose, wait.goes_at) == ("member NORTH", NOW + timedelta(minutes=40))


def test_who_waits_ahead_goes_first():
    assert check(10, sides=[side(100, ahead=95)], now=NOW).goes_at == NOW + WINDOW
    assert check(5, sides=[side(100, ahead=95)], now=NOW) is None


def test_a_share_is_of_what_was_held_when_the_hour_began():
    found = limit_of(amount=None, share=Decimal("0.25"), scale=6, held=75, gone=25)

    assert found == 25
    assert (
        limit_of(amount=Decimal("0.00001"), share=Decimal("0.25"), scale=6, held=75, gone=25) == 10
    )
    assert limit_of(amount=None, share=None, scale=6, held=75, gone=25) is None


@given(
    st.integers(1, 1_000),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 400)), min_size=1, max_size=60),
)
def test_no_hour_ever_sees_more_than_the_limit(limit, asked):
    """Whoever asks, in any order, again at the time they were told."""
    gone: list[Outflow] = []
    queue = sorted((START + timedelta(minutes=at), amount) for at, amount in asked)
    while queue:
        at, amount = queue.pop(0)
        if amount > limit:
            continue
        wait = check(amount, sides=[side(limit, *gone)], now=at)
        if wait is None:
            gone.append(Outflow(at=at, amount=amount))
        else:
            assert wait.goes_at > at
            queue.append((wait.goes_at, amount))
            queue.sort()

    for it in gone:
        hour = [each.amount for each in gone if it.at <= each.at < it.at + WINDOW]
        assert sum(hour) <= limit
