"""Random commands through the real services, and after each step everything that must be true.

Hypothesis draws the commands and shrinks what it finds; SURETY_SEED repeats a run. The house is
opened once, and every example lives in a savepoint that is rolled back.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clearing.domain import entries
from clearing.domain.events import TradeNovated
from tests.builders import CALL, FUTURE, INVERSE, PERPETUAL, PUT, SPOT
from tests.faults import invariants
from tests.faults.market import ACCOUNTS, Market, open_the_house
from tests.seeds import SEED

pytestmark = pytest.mark.django_db

PICK = st.integers(0, 10**6)
LOTS = st.integers(1, 300)
ACCOUNT = st.sampled_from(ACCOUNTS)
DELTA_ONE = st.sampled_from([PERPETUAL, INVERSE, FUTURE])
TICKS = st.integers(150_000, 210_000)  # half a dollar each
INDEX = st.integers(30_000, 140_000).map(lambda cents: f"{cents}.25")
ASSET = st.sampled_from(["USDC", "BTC"])
MINOR = st.sampled_from([1, 999, 10**6, 10**9]) | st.integers(1, 10**12)


class Machine(RuleBasedStateMachine):
    told: Counter[str] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.point = transaction.savepoint()
        self.market = Market()

    @initialize(index=INDEX)
    def begin(self, index: str) -> None:
        self.market.seal_prices(index)

    # --- trades and where they go ---------------------------------------------------------------

    @rule(symbol=DELTA_ONE, buyer=ACCOUNT, seller=ACCOUNT, lots=LOTS, ticks=TICKS)
    def trade(self, symbol: str, buyer: str, seller: str, lots: int, ticks: int) -> None:
        self.market.trade(symbol, buyer, seller, lots, ticks)

    @rule(symbol=DELTA_ONE, lots=LOTS, ticks=TICKS)
    def trade_around(self, symbol: str, lots: int, ticks: int) -> None:
        """Everybody but one ends with something, at prices of their own."""
        for place, (buyer, seller) in enumerate(pairwise(ACCOUNTS)):
            self.market.trade(symbol, buyer, seller, lots + 7 * place, ticks + 13 * place)

    @rule(
        symbol=st.sampled_from([CALL, PUT]),
        buyer=ACCOUNT,
        seller=ACCOUNT,
        lots=LOTS,
        ticks=st.integers(0, 900),
    )
    def trade_an_option(self, symbol: str, buyer: str, seller: str, lots: int, ticks: int) -> None:
        self.market.trade(symbol, buyer, seller, lots, ticks)

    @rule(buyer=ACCOUNT, seller=ACCOUNT, lots=LOTS, ticks=TICKS)
    def trade_spot(self, buyer: str, seller: str, lots: int, ticks: int) -> None:
        self.market.trade(SPOT, buyer, seller, lots, ticks)

    @rule(symbol=DELTA_ONE, buyer=ACCOUNT, seller=ACCOUNT, lots=LOTS, late=st.integers(1, 90))
    def trade_late(self, symbol: str, buyer: str, seller: str, lots: int, late: int) -> None:
        self.market.trade(symbol, buyer, seller, lots, 180_000, late=min(late, self.market.minute))

    @rule(pick=PICK, lots=LOTS)
    def allocate(self, pick: int, lots: int) -> None:
        self.market.allocate(pick, lots)

    @rule(pick=PICK, lots=LOTS)
    def give_up(self, pick: int, lots: int) -> None:
        self.market.give_up(pick, lots)

    @rule(pick=PICK, lots=LOTS, claims=st.sampled_from([True, True, False]))
    def give_up_and_answer(self, pick: int, lots: int, claims: bool) -> None:
        self.market.give_up(pick, lots)
        self.market.answer(-1, claims=claims)

    @precondition(lambda self: self.market.offers)
    @rule(pick=PICK, claims=st.booleans() | st.just(True))
    def answer(self, pick: int, claims: bool) -> None:
        self.market.answer(pick, claims=claims)

    @rule(symbol=DELTA_ONE, giver=ACCOUNT, taker=ACCOUNT, lots=LOTS, ticks=st.just(0) | TICKS)
    def transfer(self, symbol: str, giver: str, taker: str, lots: int, ticks: int) -> None:
        self.market.transfer(symbol, giver, taker, lots, ticks)

    @rule(pick=PICK)
    def bust(self, pick: int) -> None:
        self.market.bust(pick)

    @rule(pick=PICK, buyer=ACCOUNT, seller=ACCOUNT, lots=LOTS, ticks=st.integers(1, 900))
    def correct_trade(self, pick: int, buyer: str, seller: str, lots: int, ticks: int) -> None:
        self.market.correct_trade(pick, buyer, seller, lots, ticks)

    # --- money and standing ---------------------------------------------------------------------

    @rule(account=ACCOUNT, asset=ASSET, minor=MINOR)
    def deposit(self, account: str, asset: str, minor: int) -> None:
        self.market.deposit(account, asset, minor)

    @rule(account=ACCOUNT, asset=ASSET, minor=MINOR)
    def withdraw(self, account: str, asset: str, minor: int) -> None:
        self.market.withdraw(account, asset, minor)

    @precondition(lambda self: self.market.economy.waiting)
    @rule(pick=PICK, pays=st.booleans())
    def decide(self, pick: int, pays: bool) -> None:
        self.market.decide(pick, pays=pays)

    @rule(account=ACCOUNT, suspends=st.booleans())
    def stand(self, account: str, suspends: bool) -> None:
        self.market.stand(account, suspends=suspends)

    # --- prices and what follows ----------------------------------------------------------------

    @rule(index=INDEX)
    def seal_prices(self, index: str) -> None:
        self.market.seal_prices(index)

    @rule()
    def settle(self) -> None:
        self.market.settle()

    @rule(index=INDEX)
    def seal_and_settle(self, index: str) -> None:
        self.market.seal_prices(index)
        self.market.settle()

    @rule(pick=PICK, index=INDEX)
    def correct_prices(self, pick: int, index: str) -> None:
        self.market.correct_prices(pick, index)

    @rule(
        symbol=st.sampled_from([PERPETUAL, INVERSE]),
        rate=st.sampled_from(["0.0001", "-0.00037", "0"]),
    )
    def fund(self, symbol: str, rate: str) -> None:
        self.market.fund(symbol, rate)

    @rule(index=INDEX)
    def expire(self, index: str) -> None:
        self.market.expire(index)

    # --- the log and its keys -------------------------------------------------------------------

    @precondition(lambda self: self.market.done)
    @rule(place=PICK)
    def repeat(self, place: int) -> None:
        self.market.repeat(place)

    @rule(place=PICK)
    def reuse(self, place: int) -> None:
        self.market.reuse(place)

    @rule()
    def seal_log(self) -> None:
        self.market.seal_log()

    @invariant()
    def everything_is_as_it_must_be(self) -> None:
        invariants.check(self.market)

    def teardown(self) -> None:
        try:
            Machine.told.update(self.market.taken)
            self.market.seal_log()
            invariants.check_all()
        finally:
            transaction.savepoint_rollback(self.point)


SHRINKING = (Phase.generate, Phase.shrink)


def run(examples: int, steps: int, phases: tuple[Phase, ...] = SHRINKING) -> Counter[str]:
    """What was taken and what was refused, by kind."""
    print(f"SURETY_SEED={SEED} for the state machine")
    open_the_house()
    Machine.told = Counter()
    run_state_machine_as_test(
        seed(SEED)(Machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(dict(Machine.told))
    return Machine.told


def test_whatever_is_commanded_the_book_is_what_the_economy_says():
    told = run(examples=8, steps=30)

    assert sum(told.values()) > 40, "too little was told to prove anything"


@pytest.mark.soak
def test_it_is_for_a_long_time():
    told = run(examples=150, steps=60)

    for kind in ("trade", "allocation", "claim", "transfer", "bust", "correction", "cycle"):
        assert told[kind] > 10, kind


def test_a_house_that_loses_a_unit_is_caught(monkeypatch: pytest.MonkeyPatch):
    """The check of the check: each trade costs its buyer one unit more, and the fact still balances."""
    effects = entries.effects

    def short(fact: Any) -> tuple[entries.Entry, ...]:
        found = effects(fact)
        of_trade = fact.NAME == TradeNovated.NAME
        cost = [it for it in found if it.asset.startswith("cost:")] if of_trade else []
        more = [entries.Entry(it.account, it.asset, 1 if it.amount > 0 else -1) for it in cost]
        return (*found, *more)

    monkeypatch.setattr(entries, "effects", short)
    open_the_house()
    market = Market()
    market.seal_prices("90000")
    market.trade(PERPETUAL, "NORTH-1", "SOUTH-1", 5, 180_000)

    with pytest.raises(AssertionError, match="I16"):
        invariants.check(market)
