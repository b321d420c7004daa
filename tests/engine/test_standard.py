"""Standard margin: published portfolios, the oracle, and what it must never do."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from margin.cases.holdings import Expiry, Group, Held, Linear, Option, one_account
from margin.engine.aggregate import SumOverflow
from margin.engine.checks import MarketRefused
from margin.engine.reading import ParameterError
from margin.engine.risk_array import ArrayRefused
from margin.engine.shapes import Book, Kind, Market
from margin.engine.standard import array as standard_array
from margin.engine.standard import load, reference_requirement, requirement, rounding_bound
from tests.engine.arrays import as_engine_arrays
from tests.engine.builders import a_book, a_random_book, a_random_market, some_accounts
from tests.oracle.books import batches
from tests.oracle.standard import account_margin
from tests.seeds import seed_of

METHODS = Path(__file__).parents[2] / "margin" / "methods" / "standard"
METHOD = load(METHODS / "derive-standard-test.json")
SEEDS = st.integers(0, 2**32 - 1)
PER_ACCOUNT = ("initial", "maintenance", "equity")

# The market of the published tests: spot, perpetual and carry, all vols a half.
SPOT, PERPETUAL, DAY = 2000.0, 2001.0, 86_400.0
JAN_11 = (10 * DAY + 28_800, SPOT + 2.83305)
JAN_18 = (17 * DAY + 28_800, SPOT + 4.7545)
EXACT, FOUR_DECIMALS = 0.0, 0.51e-4

PUBLISHED = {
    "a short call in the money": ([(JAN_11, -1, "call", 1500)], -802.844, -652.844, 0.51e-3),
    "a short call out of the money": (
        [(JAN_18, -1, "call", 2500)],
        -201.9281,
        -151.9281,
        FOUR_DECIMALS,
    ),
    "a short put far out of the money": ([(JAN_11, -1, "put", 1100)], -200, -150, FOUR_DECIMALS),
    "a call spread the wrong way round": (
        [(JAN_11, -1, "call", 1800), (JAN_11, 1, "call", 2000)],
        -200,
        -200,
        EXACT,
    ),
    "a call spread wider than its margin": (
        [(JAN_11, -1, "call", 2300), (JAN_11, 1, "call", 4000)],
        -203.7736,
        -153.7736,
        FOUR_DECIMALS,
    ),
    "a put spread": ([(JAN_11, 1, "put", 2500), (JAN_11, -1, "put", 3000)], -500, -500, EXACT),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_option_portfolio_gets_its_published_balance(name):
    legs, initial, maintenance, printed = PUBLISHED[name]
    book, market = one_account([a_group(legs)], cash=0.0)

    got = reference_requirement(book, market, METHOD)

    assert got.initial[0] == pytest.approx(initial, rel=1e-9, abs=printed)
    assert got.maintenance[0] == pytest.approx(maintenance, rel=1e-9, abs=printed)


@pytest.mark.parametrize(
    ("quantity", "entry", "initial", "maintenance"),
    [(1.0, 2005.0, -134.065, -104.05), (-1.0, 2200.0, 68.935, 98.95)],
    ids=["long", "short"],
)
def test_a_published_perpetual_gets_its_published_balance(quantity, entry, initial, maintenance):
    unrealised = quantity * (PERPETUAL - entry)
    held = Linear(quantity=quantity, mark=PERPETUAL, unrealised=unrealised)
    book, market = one_account([Group(spot=SPOT, stable=1.0, linear=(held,))], cash=0.0)

    got = reference_requirement(book, market, METHOD)

    assert got.initial[0] == pytest.approx(initial, rel=1e-9)
    assert got.maintenance[0] == pytest.approx(maintenance, rel=1e-9)


def test_published_collateral_of_a_badly_known_price_gets_its_published_balance():
    terms = METHOD.terms_of("ETH")
    held = Held(
        quantity=1.0,
        price=SPOT,
        confidence=0.1,
        initial_haircut=terms.initial_haircut,
        maintenance_haircut=terms.maintenance_haircut,
    )
    group = Group(spot=SPOT, stable=1.0, spot_confidence=0.1, collateral=(held,))

    got = reference_requirement(*one_account([group], cash=0.0), METHOD)

    assert got.initial[0] == pytest.approx(880.0, rel=1e-9)
    assert got.maintenance[0] == pytest.approx(1600.0, rel=1e-9)


def test_random_books_agree_with_the_oracle_part_by_part():
    seed = seed_of("standard")
    print(f"seed {seed}")

    wrong = []
    for books in batches(seed, markets=8, books=20):
        found = reference_requirement(*as_engine_arrays(books), METHOD)
        wrong += disagreements(books, found)

    assert wrong == []


def disagreements(books, found) -> list[str]:
    """Every number further from the oracle's than 1e-9, or 1e-12 of the book's gross notional."""
    names = list(dict.fromkeys(group.name for book in books for group in book.groups))
    wrong = []
    for row, book in enumerate(books):
        right = account_margin(book)
        pairs = [(name, getattr(found, name)[row], getattr(right, name)) for name in PER_ACCOUNT]
        for group, levels in zip(book.groups, right.groups, strict=True):
            column = names.index(group.name)
            for level, parts in levels.items():
                for ours, theirs in (
                    (f"option_{level}", parts.options),
                    (f"linear_{level}", parts.perpetuals),
                    (f"collateral_{level}", parts.collateral),
                ):
                    pairs.append((ours, getattr(found, ours)[row, column], theirs))
            charged = levels["initial"]
            pairs.append(("confidence", found.confidence[row, column], charged.confidence))
            pairs.append(("peg", found.peg[row, column], charged.peg))
        for name, ours, theirs in pairs:
            error = abs(float(ours) - float(theirs))
            if not error <= max(1e-9 * abs(float(theirs)), 1e-12 * float(right.gross)):
                wrong.append(f"account {row}: {name} is {ours!r}, should be {float(theirs)!r}")
    return wrong


# Integers -----------------------------------------------------------------------------------------


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_the_integer_path_stays_within_its_bound(seed):
    book, market = a_random_house(seed)
    array = standard_array.build(market, METHOD)

    rounded = requirement(book, market, METHOD, array)
    exact = reference_requirement(book, market, METHOD)

    for level, bound in zip(
        ("initial", "maintenance"), rounding_bound(book, market, METHOD, array), strict=True
    ):
        away = np.abs(getattr(rounded, level) - getattr(exact, level))
        assert (away <= bound + 1e-9 * np.abs(getattr(exact, level))).all()
        assert (away > 0.0).any(), "nothing was rounded, so nothing was tested"


@given(SEEDS, st.integers(1, 12))
@settings(max_examples=15, deadline=None)
def test_no_chunk_and_no_order_of_accounts_changes_a_bit(seed, step):
    book, market = a_random_house(seed)
    order = np.random.default_rng(seed).permutation(book.positions.shape[0])
    array = standard_array.build(market, METHOD)

    whole = requirement(book, market, METHOD, array)
    chunked = requirement(book, market, METHOD, array, accounts_at_once=step)
    moved = requirement(some_accounts(book, order), market, METHOD, array)

    for each in fields(whole):
        assert getattr(whole, each.name).tobytes() == getattr(chunked, each.name).tobytes()
    for name in PER_ACCOUNT:
        assert getattr(whole, name)[order].tobytes() == getattr(moved, name).tobytes()


def test_an_account_alone_has_the_same_bits_as_among_others():
    book, market = a_random_house(7)

    whole = requirement(book, market, METHOD)

    for row in range(book.positions.shape[0]):
        alone = requirement(some_accounts(book, [row]), market, METHOD)
        assert alone.initial[0] == whole.initial[row]
        assert alone.maintenance[0] == whole.maintenance[row]


def test_an_array_of_another_market_or_method_is_refused():
    book, market = a_random_house(1)
    _, fewer = one_account([a_group([(JAN_11, -1, "call", 1500)])], cash=0.0)

    with pytest.raises(ArrayRefused):
        requirement(book, market, METHOD, standard_array.build(fewer, METHOD))


def test_sums_too_large_to_be_exact_are_refused():
    book, market = one_account([a_group([(JAN_11, -1, "call", 1500)])], cash=0.0)
    huge = replace(book, positions=csr_array(book.positions * 2**40))

    with pytest.raises(SumOverflow):
        requirement(huge, market, METHOD)


def test_a_price_that_is_missing_is_refused_by_its_row():
    book, market = one_account([a_group([(JAN_11, -1, "call", 1500)])], cash=0.0)
    unpriced = replace(market, series=replace(market.series, vol=np.array([np.nan])))

    with pytest.raises(MarketRefused, match=r"series\.vol\[0\]"):
        reference_requirement(book, unpriced, METHOD)


# What it must never do ----------------------------------------------------------------------------


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_maintenance_never_asks_for_more_than_initial(seed):
    book, market = a_random_house(seed)

    got = requirement(book, market, METHOD)

    assert (got.initial <= got.maintenance).all()


@given(SEEDS, st.integers(2, 5))
@settings(max_examples=20, deadline=None)
def test_a_book_so_many_times_as_large_asks_for_so_many_times_as_much(seed, times):
    book, market = a_random_house(seed)
    larger = Book(
        positions=csr_array(book.positions * times),
        **{each.name: getattr(book, each.name) * times for each in fields(Book)[1:]},
    )

    once, more = (reference_requirement(each, market, METHOD) for each in (book, larger))

    for name in PER_ACCOUNT:
        np.testing.assert_allclose(
            getattr(more, name), times * getattr(once, name), rtol=1e-9, atol=1e-6
        )


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_cash_moves_the_balance_by_exactly_itself(seed):
    book, market = a_random_house(seed)
    cash = np.ldexp(np.random.default_rng(seed).integers(-(2**30), 2**30, len(book.cash)), -4)
    bare = replace(book, cash=np.zeros_like(cash))

    with_cash = requirement(replace(book, cash=cash), market, METHOD)
    without = requirement(bare, market, METHOD)

    for name in PER_ACCOUNT:
        assert (getattr(with_cash, name) == getattr(without, name) + cash).all()


def test_a_flat_account_has_its_cash():
    _, market = a_random_house(3)
    flat = a_book(lots=np.zeros((1, len(market.series.kind))), market=market, cash=np.array([12.5]))

    got = requirement(flat, market, METHOD)

    assert got.initial[0] == got.maintenance[0] == got.equity[0] == 12.5
    assert len(got.account) == 0


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_options_that_are_only_held_long_ask_for_nothing(seed):
    book, market = a_random_house(seed)
    options = np.where(market.series.kind == Kind.OPTION, 1, 0)
    lots = np.abs(book.positions.toarray()) * options

    got = requirement(a_book(lots=lots, market=market), market, METHOD)

    assert (got.initial == 0.0).all()
    assert (got.maintenance == 0.0).all()


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_strike_that_nobody_holds_changes_no_bit(seed):
    book, market = a_random_house(seed)
    listed = np.diff(csr_array(book.positions).tocsc().indptr) > 0
    keep = np.flatnonzero(listed | (market.series.kind != Kind.OPTION))
    fewer = some_series(market, keep)
    held = replace(book, positions=csr_array(book.positions[:, keep]))

    among_more = reference_requirement(book, market, METHOD)
    alone = reference_requirement(held, fewer, METHOD)

    np.testing.assert_array_equal(among_more.initial, alone.initial)
    np.testing.assert_array_equal(among_more.maintenance, alone.maintenance)


def test_two_books_may_ask_for_more_together_than_apart():
    """The rule takes one of two sums for a whole expiry, and each book alone took another."""
    call, spread = (JAN_11, -1, "call", 2500), [(JAN_11, 1, "put", 2500), (JAN_11, -1, "put", 3000)]
    legs = {"call": [call], "spread": spread, "both": [call, *spread]}
    got = {
        name: reference_requirement(*one_account([a_group(each)], cash=0.0), METHOD)
        for name, each in legs.items()
    }

    assert got["call"].initial[0] == got["call"].isolated_initial[0]
    assert got["spread"].initial[0] == got["spread"].bounded_initial[0] == -500.0
    assert got["both"].initial[0] == pytest.approx(
        got["call"].isolated_initial[0] + got["spread"].isolated_initial[0], rel=1e-12
    )
    assert got["both"].initial[0] < got["call"].initial[0] + got["spread"].initial[0] - 700.0


# The parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(METHODS.glob("*.json")), ids=lambda path: path.stem)
def test_every_standard_method_that_is_shipped_can_be_read_and_states_its_source(path):
    method = load(path)

    assert method.name == path.stem
    assert len(method.source) > 20


def test_a_misspelt_field_is_named():
    with pytest.raises(ParameterError, match="short_option"):
        load({"name": "x", "source": "y", "charges": {}})


def a_group(legs) -> Group:
    """The published market with these legs: ((seconds, forward), quantity, type, strike)."""
    found: dict[tuple[float, float], list[Option]] = {}
    for expiry, quantity, kind, strike in legs:
        option = Option(quantity=quantity, strike=float(strike), is_call=kind == "call", vol=0.5)
        found.setdefault(expiry, []).append(option)
    return Group(
        spot=SPOT,
        stable=1.0,
        expiries=tuple(
            Expiry(seconds=seconds, forward=forward, options=tuple(options))
            for (seconds, forward), options in found.items()
        ),
    )


def a_random_house(seed: int) -> tuple[Book, Market]:
    rng = np.random.default_rng(seed)
    market = a_random_market(rng, strikes=3)
    return a_random_book(rng, market, accounts=8), market


def some_series(market: Market, keep: np.ndarray) -> Market:
    columns = {each.name: getattr(market.series, each.name)[keep] for each in fields(market.series)}
    return replace(market, series=type(market.series)(**columns))
