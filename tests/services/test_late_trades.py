"""A late and back-dated trade: only what it adds is settled next, and what was computed stands."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.services import register
from clearing import models, selectors
from clearing.services import late_trades, pricing, reference, timekeeping
from clearing.services.late_trades import ExecutedTooEarly, ExecutionTimeNotValid
from clearing.store import KeyReused
from margin import models as margin_models
from margin import selectors as margin
from tests.builders import CAUSE, START, a_price_set, a_trade, after, run_due_jobs, terms
from tests.services.posttrade import VENUE, a_busy_house, assert_sound, bust, now, revalue, trade

pytestmark = pytest.mark.django_db

TODAY = after(days=1)


def tell_late(trade_id: str = "t-late", *, executed_at=START, **but) -> int:
    return late_trades.register(
        a_trade(trade_id=trade_id, **but), executed_at=executed_at, at=now(), cause=CAUSE
    )


def cash(account_id: str) -> int:
    return selectors.account(account_id).cash("USDC")


def test_only_what_it_adds_is_settled_next():
    """Fault case 8: the cycle before it stands; the next one pays its difference alone."""
    a_busy_house()
    trade(price="90000")
    timekeeping.advance(TODAY, cause=CAUSE)
    revalue("BTC-PERP", 94_000_000)
    settled = cash("NORTH-1")

    tell_late(price="91000", quantity="0.5")
    assert cash("NORTH-1") == settled
    revalue("BTC-PERP", 94_000_000)

    assert cash("NORTH-1") == settled + 500 * 3_000_000
    assert cash("SOUTH-1") == 1_000_000_000_000 - 4_000_000_000 - 500 * 3_000_000
    assert_sound()


def test_the_book_of_that_day_has_it_now_and_did_not_know_it_then():
    a_busy_house()
    timekeeping.advance(TODAY, cause=CAUSE)
    before = models.Event.objects.latest("sequence")

    tell_late(executed_at=after(hours=2))

    assert selectors.trade(VENUE, "t-late").executed_at == after(hours=2)
    as_of = {"effective_at": after(hours=3)}
    assert selectors.book_as_of("NORTH-1", **as_of)["lots:BTC-PERP"] == 1_000
    known = selectors.book_as_of("NORTH-1", **as_of, known_at=before.recorded_at)
    assert "lots:BTC-PERP" not in known
    assert "lots:BTC-PERP" not in selectors.book_as_of("NORTH-1", effective_at=after(hours=1))


def test_what_was_computed_before_stands_and_a_new_run_supersedes_it():
    a_busy_house()
    pricing.seal(a_price_set(), cause=CAUSE)
    trade()
    run_due_jobs()
    first = margin.latest_requirement("NORTH-1")
    kept = margin_models.Requirement.objects.filter(pk=first.pk).values().get()

    tell_late(executed_at=START, price="89000")
    run_due_jobs()

    latest = margin.latest_requirement("NORTH-1")
    assert latest.pk != first.pk
    assert latest.maintenance > first.maintenance
    assert margin_models.Requirement.objects.filter(pk=first.pk).values().get() == kept


def test_it_is_told_once_whoever_tells_it_and_whenever():
    a_busy_house()
    timekeeping.advance(TODAY, cause=CAUSE)

    first = tell_late(executed_at=START)

    assert tell_late(executed_at=START) == first
    with pytest.raises(KeyReused):
        tell_late(executed_at=after(hours=1))
    assert selectors.account("NORTH-1").lots("BTC-PERP") == 1_000


def test_it_can_be_busted_like_any_other():
    a_busy_house()
    timekeeping.advance(TODAY, cause=CAUSE)
    revalue("BTC-PERP", 94_000_000)
    tell_late()
    revalue("BTC-PERP", 95_000_000)

    bust("t-late")

    assert selectors.account("NORTH-1").holdings == {"cash:USDC": 1_000_000_000_000}
    assert_sound()


@pytest.mark.parametrize("executed_at", [after(days=1, seconds=1), START - timedelta(days=7)])
def test_it_was_made_before_it_is_told_and_not_too_long_ago(executed_at):
    a_busy_house()
    timekeeping.advance(TODAY, cause=CAUSE)

    with pytest.raises(ExecutionTimeNotValid):
        tell_late(executed_at=executed_at)


@pytest.mark.parametrize(
    ("but", "named"),
    [
        ({"symbol": "NEW-PERP"}, {"instrument": "NEW-PERP"}),
        ({"buyer": "NORTH-9"}, {"account": "NORTH-9"}),
        ({"seller": "NORTH-9"}, {"account": "NORTH-9"}),
    ],
)
def test_it_was_made_once_its_instrument_was_listed_and_its_accounts_were_open(but, named):
    a_busy_house()
    timekeeping.advance(TODAY, cause=CAUSE)
    reference.list_instruments([terms("NEW-PERP")], at=TODAY, cause=CAUSE)
    register.open_account(
        "NORTH-9", member_id="NORTH", kind="client", title="", at=TODAY, cause=CAUSE
    )
    before = models.Event.objects.count()

    with pytest.raises(ExecutedTooEarly) as found:
        tell_late(executed_at=TODAY - timedelta(microseconds=1), **but)

    assert found.value.field == "executed_at"
    assert named.items() <= found.value.facts.items()
    assert models.Event.objects.count() == before
    assert tell_late(executed_at=TODAY, **but), "the very moment is early enough"
