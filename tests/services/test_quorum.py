"""A window closes: several sources make one sealed set, or nothing is margined on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from clearing import models, selectors
from clearing.domain import observations, prices, quorum
from clearing.domain.prices import PriceMissing
from clearing.domain.sources import (
    ONE_SOURCE,
    PolicyNotValid,
    PricePolicy,
    Source,
    SourceAlreadyAdmitted,
    SourceUnknown,
)
from clearing.services import observing, pricing, timekeeping, trades, verification
from clearing.services import quorum as windows
from clearing.services.pricing import QuorumNeeded
from clearing.store import KeyReused
from margin import selectors as margin
from tests.builders import (
    CALL,
    CAUSE,
    PERPETUAL,
    START,
    a_house,
    a_price_set,
    a_trade,
    after,
    run_due_jobs,
)
from tests.quotes import POLICY, SOURCES, a_board, admit, everybody, report
from tests.tampering import as_owner

pytestmark = pytest.mark.django_db
NOON = after(hours=1)


@pytest.fixture(autouse=True)
def several():
    a_house(NORTH="20000")
    admit()
    timekeeping.advance(NOON, cause=CAUSE)


def close(*, seconds: int = 0):
    if seconds:
        timekeeping.advance(timekeeping.now() + timedelta(seconds=seconds), cause=CAUSE)
    return windows.seal_window(cause=CAUSE)


def why(outcome: str) -> set[tuple[str, str, str]]:
    return {(it.subject, it.source, it.why.value) for it in selectors.rejections(outcome)}


def test_three_sources_make_a_set_that_is_margined_on():
    trades.novate(a_trade(), at=NOON, cause=CAUSE)
    for name, index in zip(SOURCES, ("90000", "90010", "90040"), strict=True):
        report(name, a_board(index, at=NOON))

    closed = close()
    run_due_jobs()

    sealed = selectors.latest_prices()
    assert closed.sealed
    assert closed.sequence == sealed.sequence
    assert sealed.prices.indices == {"BTC": "90010"}
    assert sealed.prices.quote(CALL) == prices.Quote("0.0123", "0.5")
    assert sealed.prices.source == "quorum"
    assert sealed.settled
    assert margin.latest_requirement("NORTH-1").price_sequence == closed.sequence
    assert verification.verify() == []


def test_a_window_is_closed_once():
    everybody(at=NOON)

    first, again = close(), close()

    assert first.sealed
    assert again is None
    assert close(seconds=59) is None
    assert selectors.price_sets().count() == 1


def test_what_comes_late_is_looked_at_in_the_next_window():
    for name in SOURCES[:2]:
        report(name, a_board("90000", at=NOON))
    first = close()
    report("XTHR", a_board("90300", at=NOON))
    for name in SOURCES[:2]:
        report(name, a_board("90020", at=NOON + timedelta(seconds=50)))

    second = close(seconds=60)

    assert selectors.prices_at(first.sequence).prices.indices == {"BTC": "90000"}
    found = selectors.prices_at(second.sequence).prices
    assert found.indices == {"BTC": "90020"}
    assert len(found.made_of.batches) == 5


FAULTS = {
    "forty percent off": {"mark": "126000"},
    "zero": {"mark": "0"},
    "negative": {"mark": "-1"},
    "crossed": {"bid": "90001", "ask": "90000"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_bad_feed_of_three_moves_nothing_and_is_named(fault):
    """Fault case 5: excluded, with the reason kept beside the set."""
    report("XONE", a_board("90000", at=NOON))
    report("XTWO", a_board("90010", at=NOON))
    report("XTHR", a_board("90005", at=NOON, but={"index BTC": FAULTS[fault]}))

    closed = close()

    sealed = selectors.prices_at(closed.sequence)
    assert sealed.prices.indices == {"BTC": "90005"}
    assert {(it.subject, it.source) for it in selectors.rejections(sealed.name)} == {
        ("index BTC", "XTHR")
    }


def test_without_a_quorum_the_run_is_deferred_nobody_is_called_and_somebody_is_told():
    """Fault case 5: stale, off, zero and negative; no call from an unsealed set; an escalation."""
    trades.novate(a_trade(), at=NOON, cause=CAUSE)
    everybody(at=NOON)
    sealed = close()
    run_due_jobs()
    later = NOON + timedelta(seconds=600)
    timekeeping.advance(later, cause=CAUSE)
    run_due_jobs()  # the periodic run, on the set in force
    ran, called = events("margin.run-completed.v1"), events("margin.call-issued.v1")
    report("XONE", a_board("50000", at=later))  # would call everybody
    report("XTWO", a_board("0", at=later))
    report("XTHR", a_board("-50000", at=later))

    closed = close()
    run_due_jobs()

    assert not closed.sealed
    assert selectors.latest_prices().sequence == sealed.sequence
    assert margin.latest_requirement("NORTH-1").price_sequence == sealed.sequence
    assert events("margin.call-issued.v1") == called
    assert events("margin.run-completed.v1") == ran
    missed = selectors.deferred_since()
    assert missed.sequence == closed.sequence
    assert "BTC 1 of 2 sources" in missed.reason
    assert ("index BTC", "XTWO", "zero") in why(missed.evidence)
    assert ("index BTC", "XTHR", "negative") in why(missed.evidence)
    assert verification.verify() == []


def events(name: str) -> int:
    return models.Event.objects.filter(name=name).count()


def test_stale_feeds_seal_nothing_and_the_silence_is_a_fact():
    everybody(at=NOON)
    close()

    stale = close(seconds=180)
    silent = close(seconds=600)

    assert not stale.sealed
    assert ("index BTC", "XONE", "stale") in why(selectors.deferrals()[1].evidence)
    assert selectors.deferrals()[0].reason == "no source said anything"
    assert selectors.deferred_since().sequence == stale.sequence
    everybody(at=timekeeping.now())
    assert silent.at == timekeeping.now()
    assert close() is None, "that window was closed without a set, and stays so"
    everybody(at=timekeeping.now() + timedelta(seconds=60))
    assert close(seconds=60).sealed
    assert selectors.deferred_since() is None


def test_where_several_sources_are_asked_for_no_feed_gives_a_set_alone():
    with pytest.raises(QuorumNeeded):
        pricing.seal(a_price_set(), cause=CAUSE)

    observing.set_price_policy(ONE_SOURCE, at=NOON, cause=CAUSE)
    assert pricing.seal(a_price_set(), cause=CAUSE)


def test_a_suspended_source_is_not_heard_until_it_is_resumed():
    everybody(at=NOON)
    observing.suspend_source("XTWO", reason="a drill", at=NOON, cause=CAUSE)
    assert observing.suspend_source("XTWO", reason="again", at=NOON, cause=CAUSE) is None
    first = close()
    observing.resume_source("XTWO", reason="over", at=NOON, cause=CAUSE)
    assert observing.resume_source("XTWO", reason="again", at=NOON, cause=CAUSE) is None
    everybody(at=NOON + timedelta(seconds=60))
    second = close(seconds=60)

    assert why(selectors.prices_at(first.sequence).name) == {
        (it.subject, "XTWO", "suspended") for it in a_board(at=NOON)
    }
    assert why(selectors.prices_at(second.sequence).name) == set()


def test_sources_are_admitted_once_and_each_venue_speaks_for_one():
    known = selectors.price_sources()["XONE"]

    assert observing.admit_source(known, title="", at=NOON, cause=CAUSE) is None
    for other in (replace(known, weight=2), replace(known, name="XOTHER")):
        with pytest.raises(SourceAlreadyAdmitted):
            observing.admit_source(other, title="", at=NOON, cause=CAUSE)
    for unknown in (observing.suspend_source, observing.resume_source):
        with pytest.raises(SourceUnknown):
            unknown("XNOBODY", reason="none", at=NOON, cause=CAUSE)
    with pytest.raises(SourceUnknown):
        report("XNOBODY", a_board(at=NOON))


def test_the_same_policy_is_set_once():
    assert observing.set_price_policy(POLICY, at=NOON, cause=CAUSE) is None
    with pytest.raises(PolicyNotValid):
        observing.set_price_policy(PricePolicy(quorum_index=0), at=NOON, cause=CAUSE)


def test_the_same_batch_is_kept_once_and_a_key_is_for_one_batch():
    first = report("XONE", a_board(at=NOON), key="k-1")
    again = report("XONE", a_board(at=NOON), key="k-1")
    unkeyed = report("XONE", a_board(at=NOON))

    assert (first.batch, first.new) == (again.batch, True)
    assert not again.new and not unkeyed.new
    with pytest.raises(KeyReused):
        report("XONE", a_board("91000", at=NOON), key="k-1")
    assert report("XTWO", a_board("91000", at=NOON), key="k-1").new, "keys are each one's own"
    assert models.ObservationBatch.objects.count() == 2


def test_anybody_can_make_a_set_again_from_what_was_kept():
    report("XONE", a_board("90000", at=NOON, but={"index BTC": {"mark": "1"}}))
    everybody("90100", at=NOON)
    sealed = selectors.prices_at(close().sequence)
    bodies = models.ObservationBatch.objects.filter(name__in=sealed.prices.made_of.batches)

    again = quorum.made_again(
        sealed.prices,
        [observations.read(row.body) for row in bodies],
        instruments=selectors.instruments(),
    )

    assert prices.name_of(prices.content(again.prices)) == sealed.name


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        (
            "UPDATE clearing_observationbatch SET body = replace(body, '90000', '91000')",
            "observations",
        ),
        ("DELETE FROM clearing_observationbatch WHERE source = 'XONE'", "price sets made again"),
        ("DELETE FROM clearing_pricerejection", "price sets made again"),
        ("UPDATE clearing_pricerejection SET says = 'nothing'", "price sets made again"),
    ],
)
def test_verify_finds_evidence_that_was_tampered_with(statement, check):
    everybody(at=NOON - timedelta(seconds=1))
    report("XTHR", a_board(at=NOON, but={"index BTC": {"mark": "0"}}))
    close()
    assert verification.verify() == []

    with as_owner() as cursor:
        cursor.execute(statement)

    assert check in {it.check for it in verification.verify()}


# --- pegs -------------------------------------------------------------------------------------


def test_a_peg_is_a_price_where_it_is_quoted_and_says_so_where_it_is_not():
    with pytest.raises(PriceMissing):
        selectors.peg("USDT")
    assert selectors.peg("USDC").by_definition

    for name, price in zip(SOURCES, ("0.97", "0.972", "0.65"), strict=True):
        report(name, a_board(at=NOON, but={"index USDC": {"mark": price}}))
    close()

    found = selectors.peg("USDC")
    assert (found.price, found.by_definition) == (Decimal("0.971"), False)
    assert found.sequence == selectors.latest_prices().sequence
    assert selectors.pegs() == [found]


def test_one_own_venues_print_does_not_depeg_what_two_others_hold():
    """Fault case 12: no forced sale on an own-venue print."""
    own = Source(name="XOWN", kind="own")
    observing.admit_source(own, title="our book", at=START, cause=CAUSE)
    for name, price in (("XONE", "0.999"), ("XTWO", "0.998"), ("XOWN", "0.65")):
        report(name, a_board(at=NOON, but={"index USDE": {"mark": price}}))
    close()

    assert selectors.peg("USDE").price == Decimal("0.9985")
    assert PERPETUAL in selectors.latest_prices().prices.quotes
