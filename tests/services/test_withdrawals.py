"""Withdrawals: encumbered at once, tested against margin, settled or refused with a reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from clearing import selectors as record
from clearing.domain import amounts, entries
from clearing.domain.account import BalanceTooSmall
from clearing.domain.prices import Quote
from clearing.services import collateral, jobs, pricing, reference, timekeeping, trades
from clearing.store import KeyReused
from liquidation import selectors as liquidation
from margin import selectors as margin
from margin.services import parameters, withdrawals
from tests.builders import (
    CAUSE,
    PARAMETERS,
    PUT,
    a_house,
    a_price_set,
    a_trade,
    after,
    run_due_jobs,
    terms,
)

pytestmark = pytest.mark.django_db
NORTH = "NORTH-1"


def a_long_account(funds: str = "30000") -> None:
    """NORTH-1 holds one bitcoin of perpetual at 90,000: its initial level is 18,000 and a bit."""
    a_house(NORTH=funds)
    pricing.seal(a_price_set("90000"), cause=CAUSE)
    run_due_jobs()
    trade("t-1")
    run_due_jobs()


def trade(trade_id: str, **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)


def ask(amount: str, *, key: str = "w-1", asset: str = "USDC") -> int:
    return collateral.request_withdrawal(
        NORTH, key=key, asset=asset, amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def outcome(key: str = "w-1") -> tuple[str, str]:
    row = record.withdrawal(f"{NORTH}:{key}")
    return row.status, row.reason.partition(":")[0]


def cash() -> int:
    return record.account(NORTH).cash("USDC")


def pending() -> int:
    return record.holdings(entries.PENDING).get("cash:USDC", 0)


def test_money_that_is_asked_for_is_gone_at_once_and_not_yet_paid():
    a_long_account()

    ask("5000")

    assert outcome() == ("requested", "")
    assert (cash(), pending()) == (25_000_000_000, 5_000_000_000)


def test_a_withdrawal_that_leaves_enough_is_settled():
    a_long_account()

    ask("11999")
    run_due_jobs()

    assert outcome() == ("settled", "")
    assert (cash(), pending()) == (18_001_000_000, 0)
    assert record.holdings(entries.CUSTODY)["cash:USDC"] == -2_018_001_000_000
    assert margin.calls().count() == 0


def test_a_withdrawal_that_would_leave_the_account_short_is_refused_and_the_money_is_back():
    a_long_account()

    ask("12001")
    run_due_jobs()

    assert outcome() == ("refused", "margin-short")
    short = amounts.shown(margin.latest_requirement(NORTH).initial - 17_999_000_000, scale=6)
    assert f"{short} USDC below its initial level" in record.withdrawal(f"{NORTH}:w-1").reason
    assert (cash(), pending()) == (30_000_000_000, 0)


def test_a_lack_of_one_smallest_unit_is_spelled_without_exponent():
    a_house(NORTH="0", SOUTH="0", RING="0")
    at, symbol = timekeeping.now(), "BTC-EUR-PERP"
    reference.admit_asset("EUR", scale=8, title="Euro", at=at, cause=CAUSE)
    listed = terms(symbol, quote="EUR", settlement="EUR")
    reference.list_instruments([listed], at=at, cause=CAUSE)
    document = json.loads(PARAMETERS.read_text()) | {"name": "in euro"}
    parameters.activate(document, reporting="EUR", at=at, cause=CAUSE)
    for account in (NORTH, "SOUTH-1"):
        collateral.deposit(account, key=account, asset="EUR", amount="30000", at=at, cause=CAUSE)
    pricing.seal(a_price_set("90000", quotes={symbol: Quote("90000")}), cause=CAUSE)
    trade("t-1", symbol=symbol)
    run_due_jobs()
    latest = margin.latest_requirement(NORTH)

    ask(record.shown("EUR", latest.equity - latest.initial + 1), asset="EUR")
    run_due_jobs()

    assert "would be 0.00000001 EUR below" in record.withdrawal(f"{NORTH}:w-1").reason


@pytest.mark.parametrize("amount", ["14500", "19000", "30000"])
def test_a_refused_withdrawal_calls_and_breaches_nobody(amount: str):
    a_long_account()

    ask(amount)
    run_due_jobs()

    assert outcome() == ("refused", "margin-short")
    assert margin.calls().count() == 0
    assert liquidation.cases().count() == 0
    assert record.account_row(NORTH).standing == "open"
    latest = margin.latest_requirement(NORTH)
    assert (latest.equity, latest.account_version) == (
        30_000_000_000,
        record.account_row(NORTH).version,
    )


def test_what_is_left_to_the_last_unit_may_go():
    a_long_account()
    initial = margin.latest_requirement(NORTH).initial

    ask(str(amounts.shown(30_000_000_000 - initial, scale=6)))
    run_due_jobs()

    assert outcome() == ("settled", "")
    ask("0.000001", key="w-2")
    run_due_jobs()
    assert outcome("w-2") == ("refused", "margin-short")


def test_asking_twice_is_once():
    a_long_account()

    first, again = ask("100"), ask("100")
    run_due_jobs()

    assert first == again == ask("100")
    assert cash() == 29_900_000_000
    with pytest.raises(KeyReused):
        ask("101")


def test_testing_twice_is_once():
    a_long_account()
    sequence = ask("100")
    before = record.account_row(NORTH).version

    withdrawals.test(sequence, cause=CAUSE)
    again = withdrawals.test(sequence, cause=CAUSE)
    run_due_jobs()

    assert again is None
    assert record.account_row(NORTH).version == before + 2  # approved once, settled once
    assert cash() == 29_900_000_000


def test_two_withdrawals_that_are_only_together_too_much_do_not_both_go():
    a_long_account()

    ask("7000")
    ask("7000", key="w-2")
    run_due_jobs()

    assert sorted(status for status, _ in (outcome(), outcome("w-2"))) == ["refused", "settled"]
    assert cash() == 23_000_000_000


def test_a_trade_that_arrives_while_the_withdrawal_is_pending_is_seen():
    a_long_account(funds="40000")
    before = margin.latest_requirement(NORTH)

    ask("20000")
    trade("t-2", quantity="0.5")
    run_due_jobs()

    assert outcome() == ("refused", "margin-short")
    tested = margin.requirement_in(f"withdrawal-{NORTH}:w-1", NORTH)
    assert tested.initial > before.initial * 1.49
    assert tested.account_version == before.account_version + 2


def test_stale_prices_refuse():
    a_long_account()
    timekeeping.advance(after(days=3), cause=CAUSE)

    ask("1")
    run_due_jobs()

    assert outcome() == ("refused", "price-stale")
    assert cash() == 30_000_000_000


def test_a_requirement_that_cannot_be_computed_refuses():
    """A short option that the latest set does not quote."""
    a_long_account()
    trade("t-short", symbol=PUT, quantity="0.1", price="0.01", buyer="SOUTH-1", seller=NORTH)
    whole = a_price_set("90000", at=after(hours=2))
    quotes = {symbol: quote for symbol, quote in whole.quotes.items() if symbol != PUT}
    pricing.seal(replace(whole, quotes=quotes), cause=CAUSE)
    run_due_jobs()

    ask("1")
    run_due_jobs()

    assert outcome() == ("refused", "requirement-unknown")


def test_a_set_that_is_not_settled_is_waited_for():
    a_long_account()
    pricing.seal(a_price_set("90000", at=after(hours=2)), cause=CAUSE)
    sequence = ask("1")

    with pytest.raises(jobs.NotYet):
        withdrawals.test(sequence, cause=CAUSE)

    assert outcome() == ("requested", "")


def test_more_than_there_is_cannot_be_asked_for():
    a_long_account()

    with pytest.raises(BalanceTooSmall):
        ask("30000.000001")


def test_before_any_price_is_sealed_money_stays_where_it_is():
    """Nobody can say what the account needs, so the request is refused with that and the money is
    back; it does not wait for a price that may never come."""
    a_house()

    ask("100")
    run_due_jobs()

    assert outcome() == ("refused", "price-missing")
    assert (cash(), pending()) == (1_000_000_000_000, 0)
