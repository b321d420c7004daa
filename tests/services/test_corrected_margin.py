"""A wrong settlement price: who was margined, called and closed on it, once it is corrected."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clearing import selectors as record
from clearing.services import cycles, pricing, timekeeping
from liquidation import selectors as liquidation
from liquidation.services import flags
from margin import selectors as margin
from margin.services import calls
from tests.builders import CAUSE, PERPETUAL, a_price_set, run_due_jobs
from tests.services.breached import (
    NORTH,
    an_account,
    lots,
    names,
    seal,
    the_case,
    told,
    trade,
    up_to_liquidation,
)

pytestmark = pytest.mark.django_db


def long_one_bitcoin(funds: str = "20000") -> None:
    an_account(funds)
    trade("t-1")
    up_to_liquidation()


def correct(index: str, *, wrong: int) -> int:
    """Two hours after the set was sealed."""
    at = record.prices_at(wrong).at
    timekeeping.advance(at + timedelta(hours=2), cause=CAUSE)
    found = a_price_set(index, at=at)
    return pricing.correct(wrong, found, reason="a decimal was lost", cause=CAUSE)


def wrong_set(index: str) -> int:
    seal(index)
    return record.latest_prices().sequence


def results() -> list[tuple[int, int, str]]:
    rows = margin.requirements(NORTH).order_by("id")
    return [(row.price_sequence, row.equity, row.result_hash) for row in rows]


def test_a_call_on_a_wrong_price_is_met_by_the_run_on_the_price_that_stands():
    long_one_bitcoin()
    wrong = wrong_set("83000")
    up_to_liquidation()
    assert [call.state for call in margin.calls()] == ["issued"]
    before = results()

    correction = correct("90000", wrong=wrong)
    run_due_jobs()

    assert [call.state for call in margin.calls()] == ["covered"]
    assert results()[: len(before)] == before
    latest = margin.latest_requirement(NORTH)
    assert (latest.price_sequence, latest.equity) == (correction, 20_000_000_000)
    assert liquidation.flagged_cases().count() == 0


def test_a_call_that_the_corrected_price_makes_as_well_stands():
    long_one_bitcoin()
    wrong = wrong_set("83000")
    up_to_liquidation()

    correct("83500", wrong=wrong)
    run_due_jobs()

    (call,) = margin.calls()
    assert call.state in ("issued", "overdue", "breached")


def test_a_price_that_was_too_kind_calls_when_it_is_corrected():
    long_one_bitcoin()
    wrong = wrong_set("90000")
    run_due_jobs()
    assert not list(margin.calls())

    correct("82000", wrong=wrong)
    up_to_liquidation()

    (call,) = margin.calls()
    assert call.state in ("issued", "breached")


def test_a_breach_whose_case_has_traded_nothing_yet_is_restored_without_a_trade():
    long_one_bitcoin()
    wrong = wrong_set("79000")
    up_to_liquidation()
    assert [call.state for call in margin.calls()] == ["breached"]

    correct("90000", wrong=wrong)
    run_due_jobs()

    assert (the_case().state, the_case().steps, lots(NORTH)) == ("closed", 0, 1_000)
    assert the_case().flagged is None


def test_wrong_price_call_liquidation_and_two_hours_later_the_correction():
    long_one_bitcoin()
    wrong = wrong_set("79000")
    cycles.settle_now(cause=CAUSE)
    run_due_jobs()
    assert (the_case().state, the_case().steps) == ("closed", 1)
    closed, before, carried = lots(NORTH), results(), record.account(NORTH).cost(PERPETUAL)
    penalty = the_case().penalty

    correction = correct("90000", wrong=wrong)
    run_due_jobs()

    # what is still held is carried at the price that stands, and the difference was paid
    assert lots(NORTH) == closed
    assert record.account(NORTH).cost(PERPETUAL) == 90_000_000_000 * closed // 1_000 > carried
    # past results stand, and the newest is on the prices that stand
    assert results()[: len(before)] == before
    assert margin.latest_requirement(NORTH).price_sequence == correction
    # the case is flagged, once
    flag = told()[-1]
    assert (flag.case_id, flag.correction, flag.plans, flag.penalty) == (
        the_case().case_id,
        correction,
        1,
        penalty,
    )
    assert (the_case().state, the_case().flagged_because) == ("closed", flag.reason)
    assert names().count("case-flagged") == 1
    assert all(members + house == 0 for _, members, house in record.trial_balance())


def test_flagging_and_margining_again_change_nothing():
    long_one_bitcoin()
    wrong = wrong_set("79000")
    run_due_jobs()
    correct("90000", wrong=wrong)
    run_due_jobs()
    (done,) = [
        it.sequence
        for it in record.stream("prices")
        if it.fact.NAME == "clearing.prices-resettled.v1"
    ]
    before = (results(), names())

    assert flags.flag_all(done, cause=CAUSE) == 0
    run_due_jobs()

    assert (results(), names()) == before


def test_who_is_decided_on_by_a_run_on_a_wrong_price_is_margined_afresh_first():
    """The run was complete before the correction, the decision comes after it."""
    long_one_bitcoin()
    wrong = wrong_set("79000")
    only(*("clearing.settle_expiries", "margin.remargin_all", "margin.price_chunk"))
    correct("90000", wrong=wrong)

    assert calls.decide(NORTH, run_id=margin.last_completed_run_of_all().run_id, cause=CAUSE) == []

    assert not list(margin.calls())


def only(*kinds: str) -> None:
    from importlib import import_module

    for kind in kinds:
        for job in record.jobs().filter(state="due", kind=kind).order_by("id"):
            app, _, name = kind.partition(".")
            getattr(import_module(f"{app}.tasks"), name)(job_id=job.id)
