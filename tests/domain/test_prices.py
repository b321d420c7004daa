"""A sealed set is complete in itself and named by its content."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import clock, prices
from clearing.domain.amounts import NotANumber
from clearing.domain.prices import PriceMissing, PriceRefused, PriceSet, PriceStale, Quote
from tests.domain.instruments import CALL, EXPIRY, FUTURE, PERPETUAL

AT = datetime(2026, 1, 1, tzinfo=UTC)
LISTED = {it.symbol: it for it in (PERPETUAL, FUTURE, CALL)}
FORWARD = f"BTC {clock.text(EXPIRY)}"


def a_set(**but) -> PriceSet:
    usual = PriceSet(
        at=AT,
        source="test",
        simulated=True,
        indices={"BTC": "90000"},
        forwards={FORWARD: "90100.5"},
        quotes={
            "BTC-PERP": Quote("90000"),
            "BTC-FUT": Quote("90100"),
            "BTC-C": Quote("0.0123", "0.5"),
        },
    )
    return replace(usual, **but)


def test_a_usual_set_is_taken():
    prices.check(a_set(), LISTED)


def quoting(symbol: str, *quote: str) -> PriceSet:
    return a_set(quotes={symbol: Quote(*quote)})


@pytest.mark.parametrize(
    ("found", "field"),
    [
        (a_set(indices={}), "indices"),
        (a_set(indices={"BTC": "0"}), "index"),
        (a_set(indices={"BTC": "-1"}), "index"),
        (a_set(forwards={FORWARD: "0"}), "forward"),
        (quoting("DOGE-PERP", "1"), "symbol"),
        (quoting("BTC-PERP", "0"), "mark"),
        (quoting("BTC-FUT", "-1"), "mark"),
        (quoting("BTC-C", "-0.0001", "0.5"), "mark"),
        (quoting("BTC-C", "0.0123"), "vol"),
        (quoting("BTC-C", "0.0123", "0"), "vol"),
    ],
)
def test_a_price_that_cannot_be_right_is_refused(found, field):
    with pytest.raises(PriceRefused) as caught:
        prices.check(found, LISTED)

    assert caught.value.field == field


@pytest.mark.parametrize("found", [a_set(indices={"ETH": "1"}), a_set(forwards={})])
def test_an_option_needs_the_index_and_the_forward_it_hangs_on(found):
    with pytest.raises(PriceMissing):
        prices.check(found, LISTED)


@pytest.mark.parametrize("mark", ["", "NaN", "1e400"])
def test_a_price_is_a_number(mark):
    with pytest.raises(NotANumber):
        prices.check(quoting("BTC-PERP", mark), LISTED)


def test_a_deep_option_may_be_worth_nothing():
    prices.check(quoting("BTC-C", "0", "0.5"), LISTED)


def test_too_many_quotes_are_refused(monkeypatch):
    monkeypatch.setattr(prices, "MOST_QUOTES", 2)

    with pytest.raises(PriceRefused):
        prices.check(a_set(), LISTED)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SETS = st.builds(
    PriceSet,
    at=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),
    source=TEXT,
    simulated=st.booleans(),
    indices=st.dictionaries(TEXT, TEXT, max_size=3),
    forwards=st.dictionaries(TEXT, TEXT, max_size=3),
    quotes=st.dictionaries(TEXT, st.builds(Quote, TEXT, TEXT), max_size=3),
)


@given(SETS)
def test_what_is_kept_is_read_back(found):
    assert prices.read(prices.content(found)) == found


@given(SETS)
def test_the_same_content_has_the_same_name_in_whatever_order_it_came(found):
    backwards = replace(
        found,
        indices=dict(reversed(found.indices.items())),
        quotes=dict(reversed(found.quotes.items())),
    )

    assert prices.content(backwards) == prices.content(found)


@given(SETS, SETS)
def test_other_content_has_another_name(one, other):
    same = prices.name_of(prices.content(one)) == prices.name_of(prices.content(other))

    assert same == (one == other)


def test_a_price_is_asked_for_by_name():
    found = a_set()

    assert str(found.index("BTC")) == "90000"
    assert str(found.forward(CALL)) == "90100.5"
    for asked in (
        lambda: found.index("ETH"),
        lambda: found.quote("ETH-PERP"),
        lambda: a_set(forwards={}).forward(CALL),
    ):
        with pytest.raises(PriceMissing):
            asked()


@given(st.integers(0, 7_200))
def test_prices_grow_stale_when_they_are_older_than_allowed(age):
    at = AT + timedelta(seconds=age)

    if age > 3_600:
        with pytest.raises(PriceStale):
            prices.check_fresh(sealed_at=AT, at=at, max_age_seconds=3_600)
    else:
        prices.check_fresh(sealed_at=AT, at=at, max_age_seconds=3_600)
