"""The book at any point of the log is the sum of the entries up to it."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from clearing import models, selectors
from clearing.domain import entries
from clearing.services import collateral, pricing, timekeeping, trades
from tests.builders import (
    CALL,
    CAUSE,
    EXPIRY,
    FUTURE,
    INVERSE,
    PERPETUAL,
    SPOT,
    a_house,
    a_price_set,
    a_trade,
    after,
    run_due_jobs,
)
from tests.histories import a_history

pytestmark = pytest.mark.django_db

PRICES = {CALL: "0.0123", INVERSE: "90000", FUTURE: "90100", SPOT: "89990", PERPETUAL: "90000"}
MEMBERS = ("NORTH-1", "SOUTH-1")


def facts() -> list:
    return list(models.Event.objects.order_by("sequence"))


def folded(account: str, rows: list) -> dict[str, int]:
    """Every effect of the facts, added one by one: no entry is read."""
    held: Counter[str] = Counter()
    for row in rows:
        for entry in entries.effects(selectors.as_recorded(row).fact):
            if entry.account == account:
                held[entry.asset] += entry.amount
    return {asset: amount for asset, amount in sorted(held.items()) if amount}


def everybody() -> list[str]:
    return [row.account_id for row in selectors.account_rows()]


def a_random_history(chance: random.Random) -> None:
    """Trades both ways, some told late, deposits, withdrawals asked and decided, an expiry."""
    a_house()
    pricing.seal(a_price_set(), cause=CAUSE)
    for number in range(30):
        timekeeping.advance(
            timekeeping.now() + timedelta(seconds=chance.randrange(900)), cause=CAUSE
        )
        late = timekeeping.now() - timedelta(seconds=chance.choice([0, 0, 1_800]))
        _anything(chance, key=f"n-{number}", at=late)
    pricing.seal(a_price_set("81000", at=EXPIRY), cause=CAUSE)
    run_due_jobs()


def _anything(chance: random.Random, *, key: str, at: datetime) -> None:
    match chance.randrange(6):
        case 0:
            collateral.deposit(
                chance.choice(MEMBERS), key=key, asset="USDC", amount="12.5", at=at, cause=CAUSE
            )
        case 1:
            collateral.request_withdrawal(
                chance.choice(MEMBERS), key=key, asset="USDC", amount="3.25", at=at, cause=CAUSE
            )
        case 2:
            run_due_jobs()
        case _:
            symbol = chance.choice(list(PRICES))
            buyer, seller = chance.sample(MEMBERS, 2)
            quantity = {CALL: "0.3", INVERSE: "500"}.get(symbol, f"0.0{chance.randrange(10, 99)}")
            trades.novate(
                a_trade(
                    trade_id=key,
                    symbol=symbol,
                    price=PRICES[symbol],
                    quantity=quantity,
                    buyer=buyer,
                    seller=seller,
                ),
                at=at,
                cause=CAUSE,
            )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_book_at_every_sequence_is_the_sum_of_the_facts_up_to_it(seed):
    print(f"seed {seed}")
    a_random_history(random.Random(seed))
    rows = facts()

    for account in everybody():
        for place, row in enumerate(rows, start=1):
            assert selectors.book_as_of(account, sequence=row.sequence) == folded(
                account, rows[:place]
            ), (account, row.sequence)


@pytest.mark.parametrize("seed", [4, 5])
def test_every_mix_of_sides_counts_what_lies_within_all_of_them(seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    a_random_history(chance)
    rows = facts()

    for account in everybody():
        for _ in range(25):
            sequence, effective, known = (chance.choice(rows) for _ in range(3))
            sides = {
                "sequence": chance.choice([None, sequence.sequence]),
                "effective_at": chance.choice([None, effective.effective_at]),
                "known_at": chance.choice([None, known.recorded_at]),
            }
            within = [row for row in rows if _within(row, **sides)]
            assert selectors.book_as_of(account, **sides) == folded(account, within), sides


def _within(row, *, sequence, effective_at, known_at) -> bool:
    return (
        (sequence is None or row.sequence <= sequence)
        and (effective_at is None or row.effective_at <= effective_at)
        and (known_at is None or row.recorded_at <= known_at)
    )


def test_a_whole_history_ends_in_the_book_there_is():
    a_history()

    for account in everybody():
        now = selectors.account_book(account)
        then = selectors.account_book(account, sequence=facts()[-1].sequence)
        assert now == then, account
        assert now.held == selectors.holdings(account)


def test_nothing_is_held_before_the_first_fact():
    a_house()

    book = selectors.account_book("NORTH-1", sequence=0)

    assert (book.sequence, book.held, book.leaving) == (0, {}, {})


def test_a_fact_told_late_is_in_the_book_by_its_time_and_not_in_what_was_known():
    a_house()
    pricing.seal(a_price_set(at=after(hours=5)), cause=CAUSE)
    trades.novate(a_trade(trade_id="on time"), at=after(hours=4), cause=CAUSE)
    before = facts()[-1]
    trades.novate(a_trade(trade_id="late"), at=after(hours=2), cause=CAUSE)

    lots = entries.lots(PERPETUAL)
    noon = after(hours=3)
    assert selectors.book_as_of("NORTH-1", effective_at=noon)[lots] == 1_000
    assert selectors.book_as_of("NORTH-1", known_at=before.recorded_at)[lots] == 1_000
    assert selectors.book_as_of("NORTH-1", effective_at=after(hours=4))[lots] == 2_000
    both = selectors.book_as_of("NORTH-1", effective_at=noon, known_at=before.recorded_at)
    assert lots not in both, "of the one told late nothing was known, and the other was not yet"


def test_what_waits_to_leave_is_told_beside_the_book():
    a_house()
    pricing.seal(a_price_set(), cause=CAUSE)
    collateral.request_withdrawal(
        "NORTH-1", key="w-1", asset="USDC", amount="5", at=after(hours=1), cause=CAUSE
    )
    asked = facts()[-1].sequence
    run_due_jobs()

    then = selectors.account_book("NORTH-1", sequence=asked)
    now = selectors.account_book("NORTH-1")

    cash = entries.cash("USDC")
    assert (then.leaving, now.leaving) == ({cash: 5_000_000}, {})
    assert then.held == now.held
    assert selectors.book_as_of(entries.PENDING, sequence=asked) == {cash: 5_000_000}


@pytest.mark.parametrize("point", [{}, {"sequence": 10**6}], ids=["now", "then"])
def test_a_book_is_read_by_one_statement(django_assert_num_queries, point):
    a_house()

    with django_assert_num_queries(1):
        selectors.account_book("NORTH-1", **point)


def test_the_houses_own_books_are_summed_too():
    a_house()

    assert selectors.book_as_of(entries.CUSTODY, sequence=facts()[-1].sequence) == {
        entries.cash("USDC"): -3_000_000_000_000
    }
