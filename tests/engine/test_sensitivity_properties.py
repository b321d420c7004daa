"""What must hold of any book and any calibration of the method by sensitivities."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margin.engine.sensitivities import ALL, steps
from tests.engine.sensitivity_builders import DOCUMENT, a_dense_book, a_row, margin_of, rows, totals
from tests.oracle.sensitivities import Row, margins

MANY = settings(max_examples=20, deadline=None)
SIZES = st.integers(-400_000_000, 400_000_000).map(lambda cents: cents / 100.0)
MODEST = st.integers(-20_000_000, 20_000_000).map(lambda cents: cents / 100.0)
ADDED = [
    ("north", "fixed", "", 1_000.0),
    ("north", "factor", "quanto", 12.5),
    ("north", "notional", "quanto", 4_000.0),
    ("south", "notional", "other", 9_000.0),
    ("west", "multiplier", "Swaps", 1.3),
    ("east", "fixed", "", 7.0),
]


def gross(book: list[Row]) -> float:
    return sum(abs(row.amount) for row in book)


@MANY
@given(rows(sizes=SIZES), st.sampled_from(["USD", "ZAR"]), st.sampled_from([1.0, 0.5, 17.0]))
def test_a_slow_implementation_of_the_formulas_says_the_same(book, currency, rate):
    ours = totals(margin_of(book, ADDED, currency=currency, rate=rate))

    theirs = margins(book, ADDED, DOCUMENT, currency, rate)

    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9 * gross(book))


@pytest.mark.parametrize("seed", range(8))
def test_so_it_does_of_a_book_that_holds_most_factors_with_most_others(seed):
    book = a_dense_book(seed)

    ours = totals(margin_of(book))["north"]

    assert ours == pytest.approx(margins(book, [], DOCUMENT, "USD")["north"], rel=1e-11)


@MANY
@given(rows(sizes=SIZES), st.randoms())
def test_the_order_of_rows_changes_no_bit(book, random):
    shuffled = random.sample(book, len(book))

    one, other = margin_of(book, ADDED), margin_of(shuffled, ADDED)

    assert totals(one) == totals(other)
    assert sorted(one.components) == sorted(other.components)


@MANY
@given(rows(sizes=SIZES))
def test_a_portfolio_has_the_same_bits_alone_as_among_others(book):
    together = totals(margin_of(book))

    for portfolio in {row.portfolio for row in book}:
        own = [row for row in book if row.portfolio == portfolio]
        assert totals(margin_of(own)) == {portfolio: together[portfolio]}


@MANY
@given(rows(sizes=SIZES), rows(sizes=SIZES), st.randoms())
def test_a_sensitivity_and_its_opposite_leave_no_trace(book, more, random):
    opposite = [row._replace(amount=-row.amount) for row in more]
    longer = [*book, *more, *opposite]
    random.shuffle(longer)

    before, after = totals(margin_of(book)), totals(margin_of(longer))

    assert after == {portfolio: before.get(portfolio, 0.0) for portfolio in after}


@MANY
@given(rows(sizes=MODEST), st.sampled_from([0.25, 0.7, 1.0, 2.0, 3.3]))
def test_below_the_thresholds_a_book_of_twice_the_size_costs_twice_as_much(book, scale):
    high = 1e6  # puts the thresholds out of reach
    scaled = [row._replace(amount=row.amount * scale) for row in book]

    once, more = totals(margin_of(book, rate=high)), totals(margin_of(scaled, rate=high))

    expected = {portfolio: scale * total for portfolio, total in once.items()}
    assert more == pytest.approx(expected, rel=1e-9, abs=1e-9 * gross(book))


@MANY
@given(rows(sizes=SIZES), st.floats(1.0, 50.0))
def test_past_them_it_costs_at_least_that(book, scale):
    single = [row._replace(portfolio=f"p{place}") for place, row in enumerate(book)]
    scaled = [row._replace(amount=row.amount * scale) for row in single]

    once, more = totals(margin_of(single)), totals(margin_of(scaled))

    assert all(more[each] >= scale * once[each] * (1.0 - 1e-12) for each in once)


@MANY
@given(rows(sizes=MODEST))
def test_one_bucket_of_a_class_never_costs_more_together_than_apart(book):
    # Sums across buckets are capped by their roots, and curvature by zero: subadditive are neither.
    ordinary = [
        row._replace(bucket="A", qualifier="USD" if row.risk_type in CURVES else row.qualifier)
        for row in book
        if row.risk_type in (*CURVES, "Share", "Loan", "LoanBase")
    ]
    apart = [row._replace(portfolio=f"p{place}") for place, row in enumerate(ordinary)]
    together = [row._replace(portfolio="all") for row in ordinary]

    sum_apart = sum(totals(margin_of(apart, rate=1e6)).values())
    at_once = totals(margin_of(together, rate=1e6)).get("all", 0.0)

    assert at_once <= sum_apart * (1.0 + 1e-12)


CURVES = ("Rate", "Prices", "Basis")


@MANY
@given(rows(sizes=st.just(0.0)))
def test_a_portfolio_of_zeros_owes_nothing(book):
    margin = margin_of(book)

    assert set(totals(margin).values()) <= {0.0}
    assert all(amount == 0.0 for *_, amount in margin.components)


def test_no_portfolio_owes_nothing():
    margin = margin_of([])

    assert margin.portfolios == ()
    assert list(margin.components) == []


@MANY
@given(rows(sizes=SIZES))
def test_no_part_is_negative_and_parts_are_told_once(book):
    told = list(margin_of(book, ADDED).components)

    assert all(amount >= 0.0 for *_, amount in told)
    assert len({each[:-1] for each in told}) == len(told)


@MANY
@given(rows(sizes=SIZES))
def test_a_total_is_the_sum_of_its_product_classes_and_what_is_on_top(book):
    margin = margin_of(book, ADDED)

    for portfolio, total in totals(margin).items():
        parts = margin.components.of(portfolio)
        products = [
            amount
            for (product, *rest), amount in parts.items()
            if product != ALL and rest == [ALL, ALL, ALL]
        ]
        assert sum(products) == pytest.approx(total, rel=1e-12)
        assert parts[ALL, ALL, ALL, ALL] == total


@MANY
@given(rows(sizes=SIZES))
def test_how_many_pairs_are_multiplied_at_once_changes_little_more_than_the_order_of_sums(book):
    usual = totals(margin_of(book))

    with mock.patch.object(steps, "_CELLS_AT_ONCE", 3):
        slowly = totals(margin_of(book))

    assert slowly == pytest.approx(usual, rel=1e-12, abs=1e-12 * gross(book))


def test_a_bucket_of_many_names_is_the_closed_form():
    names, amount = 1_300, 1_000.0
    book = [a_row(qualifier=f"name {number}", amount=amount) for number in range(names)]

    got = totals(margin_of(book))["north"]

    assert got == pytest.approx(11 * amount * np.sqrt(names + names * (names - 1) * 0.3), rel=1e-12)


def test_amounts_of_any_size_net_exactly():
    book = [
        a_row(amount=amount)
        for amount in (1e14, 0.1, -3.0, -1e14, 1e-9, 2.9, -(0.1 + 2.9 - 3.0), -1e-9)
    ]

    assert totals(margin_of(book)) == {"north": pytest.approx(0.0, abs=1e-12)}
    assert totals(margin_of([a_row(amount=1e14), a_row(amount=-1e14)])) == {"north": 0.0}
