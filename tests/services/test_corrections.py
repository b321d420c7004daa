"""A wrong price is corrected by another set; which one stands when can be asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clearing import models, selectors
from clearing.domain.errors import NotFound
from clearing.domain.prices import PriceMissing, PriceRefused, Quote
from clearing.services import pricing, replays, timekeeping, trades, verification
from clearing.services.pricing import CorrectedAlready, CorrectionNotValid
from margin import selectors as margin
from tests.builders import CALL, CAUSE, a_house, a_price_set, a_trade, after, run_due_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def wrong():
    """Two sets; the first of them was wrong, and everybody was margined on it."""
    a_house()
    trades.novate(a_trade(), at=timekeeping.now(), cause=CAUSE)
    first = pricing.seal(a_price_set("90000", at=after(hours=1)), cause=CAUSE)
    run_due_jobs()
    pricing.seal(a_price_set("91000", at=after(hours=2)), cause=CAUSE)
    run_due_jobs()
    return first


def right(sequence: int, **but):
    found = {"indices": {}, "forwards": {}, "quotes": {}} | but
    return pricing.patched(sequence, **found)


def test_the_corrected_set_stands_for_its_own_time_and_for_no_later_one(wrong):
    sequence = pricing.correct(
        wrong, right(wrong, indices={"BTC": "89000"}), reason="a typo", cause=CAUSE
    )

    assert selectors.latest_prices().prices.indices == {"BTC": "91000"}
    assert selectors.prices_at(wrong).prices.indices == {"BTC": "90000"}, "nothing changes"
    at_one = selectors.prices_as_of(effective_at=after(hours=1))
    assert (at_one.sequence, at_one.prices.indices) == (sequence, {"BTC": "89000"})
    assert [row.sequence for row in selectors.sets_of_time(wrong)] == [wrong, sequence]
    assert verification.verify() == []


def test_what_was_known_then_is_still_what_was_known_then(wrong):
    before = models.Event.objects.order_by("-sequence").first()
    sequence = pricing.correct(
        wrong, right(wrong, indices={"BTC": "89000"}), reason="a typo", cause=CAUSE
    )

    known = selectors.prices_as_of(effective_at=after(hours=1), known_at=before.recorded_at)
    assert known.sequence == wrong
    assert selectors.prices_as_of(sequence=before.sequence).prices.indices == {"BTC": "91000"}
    assert selectors.prices_as_of(sequence=sequence).prices.indices == {"BTC": "91000"}


def test_the_set_in_force_is_corrected_at_once(wrong):
    latest = selectors.latest_prices()
    fixed = right(latest.sequence, quotes={CALL: "0.0119:0.48"})

    sequence = pricing.correct(latest.sequence, fixed, reason="a typo", cause=CAUSE)

    now = selectors.latest_prices()
    assert (now.sequence, now.settled) == (sequence, latest.settled)
    assert now.prices.quote(CALL) == Quote("0.0119", "0.48")
    assert now.prices.source == "test, corrected"
    later = pricing.seal(a_price_set("92000", at=after(hours=3)), cause=CAUSE)
    assert selectors.latest_prices().sequence == later


def test_a_run_before_the_correction_still_names_the_set_it_used(wrong):
    latest = selectors.latest_prices().sequence
    used = margin.latest_requirement("NORTH-1").price_sequence

    pricing.correct(latest, right(latest, indices={"BTC": "80000"}), reason="x", cause=CAUSE)

    assert used == latest
    assert margin.latest_requirement("NORTH-1").price_sequence == latest


def test_asking_again_is_the_same_correction(wrong):
    fixed = right(wrong, indices={"BTC": "89000"})

    first = pricing.correct(wrong, fixed, reason="a typo", cause=CAUSE)
    again = pricing.correct(wrong, fixed, reason="once more", cause=CAUSE)

    assert first == again
    assert models.PriceSet.objects.count() == 3


def test_a_correction_may_be_corrected_and_only_the_one_that_stands(wrong):
    first = pricing.correct(wrong, right(wrong, indices={"BTC": "89000"}), reason="1", cause=CAUSE)
    with pytest.raises(CorrectedAlready) as caught:
        pricing.correct(wrong, right(wrong, indices={"BTC": "88000"}), reason="2", cause=CAUSE)
    second = pricing.correct(first, right(first, indices={"BTC": "88000"}), reason="2", cause=CAUSE)

    assert caught.value.facts == {"stands": str(first)}
    assert selectors.prices_as_of(effective_at=after(hours=1)).sequence == second
    chain = selectors.sets_of_time(first)
    assert [(row.corrects, row.reason) for row in chain] == [(None, ""), (wrong, "1"), (first, "2")]


def test_what_corrects_nothing_is_refused(wrong):
    same = selectors.prices_at(wrong).prices
    with pytest.raises(CorrectionNotValid):
        pricing.correct(wrong, same, reason="none", cause=CAUSE)
    with pytest.raises(CorrectionNotValid) as caught:
        pricing.correct(
            wrong,
            a_price_set("1", at=after(hours=1) + timedelta(seconds=1)),
            reason="x",
            cause=CAUSE,
        )
    assert caught.value.field == "at"
    with pytest.raises(NotFound):
        pricing.correct(1, right(wrong, indices={"BTC": "89000"}), reason="none", cause=CAUSE)
    with pytest.raises(PriceRefused):
        pricing.correct(wrong, right(wrong, indices={"BTC": "0"}), reason="none", cause=CAUSE)
    with pytest.raises(PriceMissing):
        right(wrong, indices={"DOGE": "1"})
    assert models.PriceSet.objects.count() == 2


def test_rows_of_corrections_follow_from_the_log(wrong):
    pricing.correct(wrong, right(wrong, indices={"BTC": "89000"}), reason="a typo", cause=CAUSE)

    assert set(replays.rebuild().values()) == {0}
