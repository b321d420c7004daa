"""How an account stands, by one rule."""

from __future__ import annotations

import pytest

from margin.domain.calls import Coverage


def levels(equity: int, *, maintenance: int = 1_000) -> Coverage:
    """Maintenance 1000 and initial 1200 unless said otherwise, so that equity reads as per mille."""
    return Coverage(equity=equity, maintenance=maintenance, initial=maintenance * 12 // 10)


@pytest.mark.parametrize(
    ("equity", "maintenance", "standing"),
    [
        (1_200, 1_000, "fine"),
        (1_199, 1_000, "below-initial"),
        (1_100, 1_000, "below-initial"),
        (1_099, 1_000, "below-call"),
        (1_000, 1_000, "below-call"),
        (999, 1_000, "below-maintenance"),
        (800, 1_000, "below-maintenance"),
        (799, 1_000, "severe"),
        (0, 1_000, "severe"),
        (-1, 1_000, "debt"),
        (-1, 0, "debt"),
        (0, 0, "fine"),
        (1, 0, "fine"),
    ],
)
def test_standings_change_where_the_rules_do(equity, maintenance, standing):
    found = levels(equity, maintenance=maintenance)

    assert found.standing == standing
    assert found.below_call is (found.standing not in ("below-initial", "fine"))


@pytest.mark.parametrize(
    ("equity", "maintenance", "percent"),
    [
        (1_099_999, 1_000_000, "109.9"),
        (1, 3, "33.3"),
        (-1, 3, "-33.4"),
        (0, 7, "0.0"),
        (5, 0, None),
    ],
)
def test_coverage_is_rounded_against_the_account(equity, maintenance, percent):
    found = levels(equity, maintenance=maintenance).coverage

    assert (found if found is None else str(found)) == percent


def test_what_is_free_is_above_initial_and_never_less_than_nothing():
    assert [levels(equity).free for equity in (-5, 1_199, 1_200, 1_201)] == [0, 0, 0, 1]
