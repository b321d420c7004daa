"""Margin runs: frozen books, chunks that may die, accounts that cannot be priced, slots of time."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from accounts.services import register
from clearing import selectors as record
from clearing.domain.policy import Policy
from clearing.services import collateral, jobs, pricing, reference, settlement, timekeeping, trades
from margin import models
from margin import selectors as margin
from margin.services import runs
from tests.builders import (
    CALL,
    CAUSE,
    FUTURE,
    INVERSE,
    PERPETUAL,
    a_house,
    a_price_set,
    a_third_member,
    a_trade,
    after,
    run_due_jobs,
)

pytestmark = pytest.mark.django_db
EVERYBODY = ["NORTH-1", "RING-1", "SOUTH-1"]
LEVELS = ("equity", "maintenance", "initial", "array_digest", "result_hash")


class Died(Exception):
    """A worker that did not come back."""


def an_open_house(**funds: str) -> int:
    """A house with prices, margined on them; the sequence of the set."""
    a_house(**funds)
    sequence = pricing.seal(a_price_set(), cause=CAUSE)
    run_due_jobs()
    return sequence


def novate(trade_id: str = "t-1", **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)


def a_mixed_book() -> None:
    novate("t-1")
    novate("t-2", symbol=CALL, quantity="0.5", price="0.0123")
    novate("t-3", symbol=INVERSE, quantity="5000", price="90000")
    novate("t-4", symbol=FUTURE, quantity="0.3", price="90100", buyer="SOUTH-1", seller="NORTH-1")
    for number in range(5):
        name = f"WEST-{number}"
        register.open_account(
            name, member_id="NORTH", kind="client", title=name, at=timekeeping.now(), cause=CAUSE
        )
    collateral.deposit(
        "WEST-3", key="w", asset="BTC", amount="2", at=timekeeping.now(), cause=CAUSE
    )
    run_due_jobs()


def run_of_all(slot: str) -> models.Run:
    run_id = runs.start("night", slot=slot, cause=CAUSE)
    run_due_jobs()
    return margin.run(run_id)


def rows(run_id: str) -> list[models.Requirement]:
    return list(models.Requirement.objects.filter(run_id=run_id).order_by("account"))


# --- the frozen book --------------------------------------------------------------------------


def test_a_trade_after_the_start_is_not_in_the_run():
    an_open_house()
    run_id = runs.start("night", slot="tonight", cause=CAUSE)

    novate()
    run_due_jobs()

    frozen = margin.requirement_in(run_id, "NORTH-1")
    assert (frozen.maintenance, frozen.equity) == (0, 1_000_000_000_000)
    latest = margin.latest_requirement("NORTH-1")
    assert latest.account_version == frozen.account_version + 1
    assert latest.maintenance > 0


def test_every_account_but_the_houses_own_has_one_row():
    an_open_house()

    run = run_of_all("tonight")

    assert [row.account for row in rows(run.run_id)] == EVERYBODY
    assert (run.accounts, run.unpriced, run.completed) == (3, 0, True)


def test_the_frozen_book_is_dropped_once_the_run_is_complete():
    an_open_house()

    run = run_of_all("tonight")

    assert record.frozen_book(run.run_id, first=0, last=10).accounts == []


def test_starting_a_slot_again_changes_nothing():
    an_open_house()
    run = run_of_all("tonight")
    novate()
    run_due_jobs()

    again = run_of_all("tonight")

    assert (again.run_id, again.result_hash) == (run.run_id, run.result_hash)
    assert models.Run.objects.filter(kind="night").count() == 1


# --- chunks -----------------------------------------------------------------------------------


def test_the_result_does_not_depend_on_the_size_of_the_chunks(settings):
    an_open_house()
    a_mixed_book()

    hashes = set()
    for size in (1, 2, 3, 7, 8, 1_000):
        settings.SURETY_CHUNK_ACCOUNTS = size
        run = run_of_all(f"by-{size}")
        assert len(rows(run.run_id)) == 8
        hashes.add(run.result_hash)

    assert len(hashes) == 1


def test_a_chunk_that_is_run_twice_or_dies_half_way_is_taken_up_again(settings):
    an_open_house()
    a_mixed_book()
    undisturbed = run_of_all("undisturbed")
    settings.SURETY_CHUNK_ACCOUNTS = 3
    run_id = runs.start("night", slot="disturbed", cause=CAUSE)

    runs.price_chunk(run_id, first=0, last=3, cause=CAUSE)
    with pytest.raises(Died), transaction.atomic():
        runs.price_chunk(run_id, first=3, last=6, cause=CAUSE)
        raise Died
    runs.price_chunk(run_id, first=0, last=3, cause=CAUSE)
    half_way = margin.run(run_id)
    run_due_jobs()

    run = margin.run(run_id)
    assert (half_way.completed, run.completed) == (False, True)
    assert run.result_hash == undisturbed.result_hash
    assert len(rows(run_id)) == 8


def test_a_run_is_not_finished_while_an_account_is_missing(settings):
    an_open_house()
    settings.SURETY_CHUNK_ACCOUNTS = 2
    run_id = runs.start("night", slot="tonight", cause=CAUSE)
    runs.price_chunk(run_id, first=0, last=2, cause=CAUSE)

    assert runs.finish(run_id, cause=CAUSE) is False
    runs.price_chunk(run_id, first=2, last=4, cause=CAUSE)
    assert runs.finish(run_id, cause=CAUSE) is True
    completed = [it.fact.NAME for it in record.stream(f"run-{run_id}")]
    assert completed == ["margin.run-completed.v1"]


def test_the_last_chunk_may_die_before_the_run_is_finished():
    an_open_house()
    run_id = runs.start("night", slot="tonight", cause=CAUSE)
    with pytest.raises(Died), transaction.atomic():
        runs.price_chunk(run_id, first=0, last=9_999, cause=CAUSE)
        raise Died

    run_due_jobs()

    assert margin.run(run_id).completed


# --- results ----------------------------------------------------------------------------------


def test_the_completed_fact_carries_the_hash_of_the_rows():
    an_open_house()
    a_mixed_book()

    run = run_of_all("tonight")

    (fact,) = [it.fact for it in record.stream(f"run-{run.run_id}")]
    joined = "".join(row.result_hash for row in rows(run.run_id))
    assert fact.result_hash == hashlib.sha256(joined.encode()).hexdigest() == run.result_hash
    assert (fact.accounts, fact.unpriced, fact.kind) == (8, 0, "night")


def test_an_account_alone_gets_the_result_it_gets_among_all():
    an_open_house()
    a_mixed_book()
    alone = {row.account: row for row in margin.latest_requirements() if row.account_version}

    run = run_of_all("tonight")

    for row in rows(run.run_id):
        if row.account not in ("NORTH-1", "SOUTH-1", "WEST-3"):
            continue  # nothing has moved there, so nobody margined it alone
        assert alone[row.account].run_id.startswith("account-")
        assert {name: getattr(row, name) for name in LEVELS} == {
            name: getattr(alone[row.account], name) for name in LEVELS
        }


def test_remargining_twice_leaves_one_row():
    an_open_house()
    novate()
    run_due_jobs()
    before = models.Requirement.objects.count()

    first = runs.remargin("NORTH-1", cause=CAUSE)
    again = runs.remargin("NORTH-1", cause=CAUSE)

    assert first.id == again.id
    assert models.Requirement.objects.count() == before


def test_an_account_has_one_row_in_a_run():
    an_open_house()
    row = rows(run_of_all("tonight").run_id)[0]
    row.id = None

    with pytest.raises(IntegrityError, match="requirement_once"), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.parametrize("change", ["update", "delete"])
def test_a_result_never_changes(change: str):
    an_open_house()
    row = margin.latest_requirement("NORTH-1")

    with pytest.raises(DatabaseError), transaction.atomic():
        if change == "update":
            models.Requirement.objects.filter(id=row.id).update(maintenance=1)
        else:
            models.Requirement.objects.filter(id=row.id).delete()

    assert margin.latest_requirement("NORTH-1").result_hash == row.result_hash


# --- what cannot be priced --------------------------------------------------------------------


def test_an_account_that_cannot_be_priced_gets_a_reason_and_the_others_a_number():
    an_open_house()
    novate(symbol=INVERSE, quantity="5000", price="90000", buyer="NORTH-1", seller=a_third_member())
    whole = a_price_set(at=after(hours=2))
    quotes = {symbol: quote for symbol, quote in whole.quotes.items() if symbol != INVERSE}

    pricing.seal(replace(whole, quotes=quotes), cause=CAUSE)
    run_due_jobs()

    found = {row.account: row for row in rows(margin.last_run_of_all().run_id)}
    assert found["NORTH-1"].reason == f"price-missing: {INVERSE} is not in the price set"
    assert found["EAST-1"].reason == found["NORTH-1"].reason
    assert (found["SOUTH-1"].reason, found["SOUTH-1"].equity) == ("", 1_000_000_000_000)
    assert margin.last_run_of_all().unpriced == 2


def test_an_asset_without_an_index_counts_for_nothing_and_a_debt_of_it_is_a_reason():
    """Otherwise a speck of it would shield its owner from every call."""
    an_open_house()
    collateral.deposit(
        "NORTH-1", key="e", asset="ETH", amount="3", at=timekeeping.now(), cause=CAUSE
    )

    run_due_jobs()

    row = margin.latest_requirement("NORTH-1")
    assert (row.reason, row.equity) == ("", 1_000_000_000_000)


def test_nobody_is_called_on_stale_prices():
    an_open_house(NORTH="10")
    timekeeping.advance(after(days=3), cause=CAUSE)

    novate()
    run_due_jobs()

    assert margin.latest_requirement("NORTH-1").reason.startswith("price-stale")
    assert margin.calls().count() == 0


def test_a_result_on_prices_that_have_grown_stale_since_is_no_longer_good():
    an_open_house()
    novate()
    run_due_jobs()
    fresh = runs.remargin("NORTH-1", cause=CAUSE)
    timekeeping.advance(after(days=3), cause=CAUSE)

    stale = runs.remargin("NORTH-1", cause=CAUSE)
    again = runs.remargin("NORTH-1", cause=CAUSE)

    assert fresh.reason == ""
    assert stale.reason.startswith("price-stale")
    assert again.id == stale.id


def test_a_policy_that_takes_older_prices_makes_them_good_again():
    an_open_house()
    timekeeping.advance(after(days=3), cause=CAUSE)
    novate()
    run_due_jobs()
    reference.set_policy(
        Policy(price_max_age_seconds=10 * 86_400), at=timekeeping.now(), cause=CAUSE
    )

    found = runs.remargin("NORTH-1", cause=CAUSE)

    assert found.reason == ""
    assert found.maintenance > 0


# --- when -------------------------------------------------------------------------------------


def test_a_set_whose_expiries_are_not_settled_is_waited_for():
    an_open_house()
    sequence = pricing.seal(a_price_set(at=after(hours=2)), cause=CAUSE)

    with pytest.raises(jobs.NotYet):
        runs.start("night", slot="tonight", cause=CAUSE)
    assert runs.remargin("NORTH-1", cause=CAUSE) is None
    settlement.settle_expiries(sequence, cause=CAUSE)
    assert runs.start("night", slot="tonight", cause=CAUSE) == "night-tonight"


def test_nothing_is_margined_before_there_are_prices():
    a_house()

    assert runs.start("night", slot="tonight", cause=CAUSE) is None
    assert runs.remargin("NORTH-1", cause=CAUSE) is None
    assert runs.schedule(cause=CAUSE) == []


def test_a_period_without_a_run_gets_one_and_not_two():
    an_open_house()
    period = timedelta(seconds=record.policy().margin_period_seconds)
    before = models.Run.objects.filter(kind="periodic").count()
    timekeeping.advance(timekeeping.now() + period, cause=CAUSE)

    first = runs.schedule(cause=CAUSE)
    restarted = runs.schedule(cause=CAUSE)
    run_due_jobs()
    once_done = runs.schedule(cause=CAUSE)

    assert [slot for slot in first if slot.startswith("periodic")]
    assert restarted == first
    assert once_done == []
    assert models.Run.objects.filter(kind="periodic").count() == before + 1


def test_no_period_is_filled_while_prices_keep_coming():
    an_open_house()

    for minutes in (30, 60, 90, 120):
        pricing.seal(a_price_set(at=after(hours=1, minutes=minutes)), cause=CAUSE)
        run_due_jobs()

    assert models.Run.objects.filter(kind="periodic").count() == 0


def test_every_day_has_one_night_run():
    an_open_house()
    for hours in (5, 20, 26, 30, 47, 50):
        timekeeping.advance(after(hours=hours), cause=CAUSE)
        runs.schedule(cause=CAUSE)
        run_due_jobs()

    nights = models.Run.objects.filter(kind="night").order_by("run_id")
    assert [run.run_id for run in nights] == [
        "night-2026-01-01",
        "night-2026-01-02",
        "night-2026-01-03",
    ]


def test_a_single_accounts_run_is_no_run_of_all():
    an_open_house()
    last = margin.last_run_of_all().run_id

    novate(symbol=PERPETUAL)
    collateral.request_withdrawal(
        "SOUTH-1", key="w", asset="USDC", amount="1", at=timekeeping.now(), cause=CAUSE
    )
    run_due_jobs()

    assert margin.last_run_of_all().run_id == last
