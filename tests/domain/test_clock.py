"""Business time moves by facts, and never back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import clock
from clearing.domain.clock import ClockBackwards

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9000, 1, 1))


def test_it_starts_anywhere_and_goes_on_from_there():
    assert clock.advanced(now=None, to=NOON) == NOON
    assert clock.advanced(now=NOON, to=NOON) == NOON
    assert clock.advanced(now=NOON, to=NOON + timedelta(days=400)) > NOON


def test_it_never_goes_back():
    with pytest.raises(ClockBackwards):
        clock.advanced(now=NOON, to=NOON - timedelta(microseconds=1))


def test_a_time_without_a_zone_is_our_own_mistake():
    with pytest.raises(AssertionError):
        clock.advanced(now=None, to=datetime(2026, 3, 29, 12))


@given(INSTANTS, OFFSETS)
def test_wherever_it_was_spelled_it_is_kept_as_utc(naive, offset):
    at = naive.replace(tzinfo=offset)

    reached = clock.advanced(now=None, to=at)

    assert reached == at
    assert reached.tzinfo is UTC


@given(INSTANTS, OFFSETS)
def test_one_instant_has_one_spelling(naive, offset):
    at = naive.replace(tzinfo=offset)

    assert clock.text(at) == clock.text(at.astimezone(UTC))
    assert clock.parsed(clock.text(at)) == at
    assert len(clock.text(at)) == len("2026-03-29T12:00:00.000000Z")


@given(INSTANTS, INSTANTS)
def test_spellings_sort_like_instants(one, other):
    one, other = one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)

    assert (clock.text(one) < clock.text(other)) == (one < other)
