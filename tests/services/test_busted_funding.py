"""Funding of a trade that was undone since: paid back by differences, as if it had never been."""

from __future__ import annotations

import random
from datetime import timedelta
from fractions import Fraction

import pytest

from clearing import models, selectors
from clearing.domain.adjustment import Ratio
from clearing.services import adjustments, cycles, funding, pricing, timekeeping
from clearing.services.funding import Fixing
from tests.builders import CAUSE, PERPETUAL, a_price_set, run_due_jobs
from tests.oracle.economy import Contract, Economy, Funding
from tests.seeds import seed_of
from tests.services.posttrade import (
    ACCOUNTS,
    a_busy_house,
    allocate,
    assert_sound,
    bust,
    claim,
    correct,
    give_up,
    key,
    now,
    port,
    trade,
)

pytestmark = pytest.mark.django_db
PRICE, RATE = Fraction(90_000), Fraction(1, 1_000)
OF_ONE = 90_000_000  # a thousandth of one bitcoin's 90,000, in minor units


def hour() -> None:
    timekeeping.advance(now() + timedelta(hours=1), cause=CAUSE)


def fund(symbol: str = PERPETUAL) -> int:
    """A rate for the interval that ends now, paid."""
    ends = now()
    rate = Fixing(
        symbol=symbol, source="test", interval_end=ends, hours=1, rate="0.001", price="90000"
    )
    sequence = funding.fix(rate, cause=CAUSE)
    run_due_jobs()
    return sequence


def next_cycle() -> None:
    """Positions are valued at the price they were traded at, so only funding moves anything."""
    hour()
    pricing.seal(a_price_set("90000", at=now()), cause=CAUSE)
    cycles.settle_now(cause=CAUSE)
    run_due_jobs()


def cash(asset: str = "USDC") -> dict[str, int]:
    return {account: selectors.account(account).cash(asset) for account in ACCOUNTS}


def gained(before: dict[str, int]) -> dict[str, int]:
    return {it: after - before[it] for it, after in cash().items() if after != before[it]}


def runs_of_funding() -> int:
    return selectors.cycles().filter(kind="funding").count()


def test_a_busted_trade_gets_its_funding_back_in_the_next_cycle():
    a_busy_house()
    before = cash()
    trade("t-1")
    hour()
    fund()
    assert gained(before) == {"NORTH-1": -OF_ONE, "SOUTH-1": OF_ONE}

    bust("t-1")
    next_cycle()

    assert cash() == before
    assert selectors.holdings("ccp-settlement") == {}
    assert_sound()


def test_what_was_paid_back_is_not_paid_again():
    a_busy_house()
    trade("t-1")
    hour()
    fund()
    bust("t-1")
    next_cycle()
    left, jobs = runs_of_funding(), models.Job.objects.count()

    next_cycle()
    bust("t-1")
    next_cycle()

    assert runs_of_funding() == left
    kinds = models.Job.objects.order_by("id").values_list("kind", flat=True)[jobs:]
    assert "clearing.settle_funding" not in kinds, "each cycle asks once"


def test_only_intervals_in_which_it_was_held_are_settled_again():
    a_busy_house()
    trade("t-0", quantity="2")
    hour()
    fund()
    before = cash()
    hour()
    trade("t-1")
    hour()
    fund()
    hour()
    bust("t-1")
    hour()
    fund()
    next_cycle()

    assert gained(before) == {"NORTH-1": 2 * -2 * OF_ONE, "SOUTH-1": 2 * 2 * OF_ONE}
    assert_sound()


def test_whoever_held_the_lots_then_gets_their_funding_back():
    """They were allocated between two intervals, given up and ported between others."""
    a_busy_house()
    before = cash()
    trade("t-1")
    hour()
    fund()
    allocate("t-1", shares={"NORTH-2": "0.4"})
    claim(give_up("t-1", quantity="0.6"))
    hour()
    fund()
    port("NORTH-2", "NORTH-3")
    hour()
    fund()
    port("EAST-1", "SOUTH-2", whole=True)
    hour()
    fund()
    succeeded = before | {"EAST-1": 0, "SOUTH-2": before["EAST-1"] + before["SOUTH-2"]}

    bust("t-1")
    next_cycle()

    # what EAST-1 paid before it was succeeded comes back to it, after the successor took its books
    late = int(Fraction(6, 10) * 2 * OF_ONE)
    assert cash() == succeeded | {
        "EAST-1": late,
        "SOUTH-2": succeeded["SOUTH-2"] - late,
    }
    assert_sound()


def test_a_correction_is_funded_as_if_it_had_been_made_when_the_trade_was():
    a_busy_house()
    before = cash()
    trade("t-1")
    hour()
    fund()
    hour()
    correct("t-1", by="t-2", quantity="3", buyer="EAST-1", seller="NORTH-1")
    hour()
    fund()
    next_cycle()

    assert gained(before) == {"EAST-1": 2 * -3 * OF_ONE, "NORTH-1": 2 * 3 * OF_ONE}

    correct("t-2", by="t-3", quantity="0.5")
    next_cycle()
    assert gained(before) == {"NORTH-1": -OF_ONE, "SOUTH-1": OF_ONE}

    bust("t-3")
    next_cycle()
    assert cash() == before
    assert_sound()


def test_a_bust_before_the_rate_is_told_is_not_funded_at_all():
    a_busy_house()
    before = cash()
    trade("t-1")
    ends = now() + timedelta(hours=1)
    hour()
    hour()
    bust("t-1")
    rate = Fixing(
        symbol=PERPETUAL, source="test", interval_end=ends, hours=1, rate="0.001", price="90000"
    )
    funding.fix(rate, cause=CAUSE)
    run_due_jobs()
    next_cycle()

    assert cash() == before


def test_a_trade_undone_in_another_contract_than_it_was_funded_in():
    """After a split seven for one; the correction's 14 were 2 of the old contract."""
    a_busy_house()
    before = cash()
    trade("t-1")
    trade("t-2")
    hour()
    fund()
    hour()
    split = Ratio(numerator=7, denominator=1)
    adjustments.adjust_contract(
        PERPETUAL, ratio=split, action="split", reason="split", at=now(), cause=CAUSE
    )
    hour()
    successor = selectors.instrument(PERPETUAL).successor
    assert successor

    bust("t-1")
    next_cycle()
    assert gained(before) == {"NORTH-1": -OF_ONE, "SOUTH-1": OF_ONE}

    correct("t-2", by="t-3", symbol=successor, quantity="14")
    next_cycle()
    assert gained(before) == {"NORTH-1": -2 * OF_ONE, "SOUTH-1": 2 * OF_ONE}
    assert_sound()


# --- beside an economy where the trades never were ----------------------------------------------


def the_economy() -> Economy:
    lot = Fraction(1, 1_000)
    perpetual = Contract(PERPETUAL, "perpetual", False, "BTC", "USDC", lot, 10**6, 10**8)
    found = Economy([perpetual])
    found.seal("set", {PERPETUAL: PRICE})
    return found


class Played:
    """One history, told to the house and to the economy. Everything is traded at one price, at which
    a lot is funded by a whole number of units, so nothing is rounded anywhere."""

    def __init__(self, seed: int) -> None:
        self.chance, self.economy, self.minute = random.Random(seed), the_economy(), 0

    def trade(self, instead_of: str = "") -> None:
        buyer, seller = self.chance.sample(ACCOUNTS, 2)
        lots, new = self.chance.randint(1, 2_000), key()
        terms = {"buyer": buyer, "seller": seller}
        if instead_of:
            correct(instead_of, by=new, quantity=bitcoin(lots), **terms)
            self.economy.bust(instead_of, at=self.minute)
        else:
            trade(new, quantity=bitcoin(lots), **terms)
        self.economy.trade(
            new,
            PERPETUAL,
            lots=lots,
            price=PRICE,
            at=self.minute,
            instead_of=instead_of,
            **terms,
        )

    def correct(self) -> None:
        if name := self._active():
            self.trade(instead_of=name)

    def bust(self) -> None:
        if name := self._active():
            bust(name)
            self.economy.bust(name, at=self.minute)

    def give(self) -> None:
        name, giver = self._active(), self.chance.choice(ACCOUNTS[:-1])
        has = self.economy.part(name, "bought", giver) if name else 0
        if has:
            lots = self.chance.randint(1, has)
            claim(give_up(name, giver, side="bought", quantity=bitcoin(lots)))
            self.economy.pass_on(name, "bought", giver, "EAST-1", lots, at=self.minute)

    def port(self) -> None:
        """Parts go along with a position; of a flat one, they stay."""
        giver, taker = self.chance.sample(ACCOUNTS, 2)
        port(giver, taker)
        if giver in self.economy.held(PERPETUAL):
            for name, it in self.economy.trades.items():
                for side in () if it.struck else it.legs:
                    lots = abs(self.economy.part(name, side, giver))
                    if lots:
                        self.economy.pass_on(name, side, giver, taker, lots, at=self.minute)

    def fund(self) -> None:
        for tell in (fund, None):  # what comes after takes effect later than the interval's end
            hour()
            self.minute += 60
            if tell:
                tell()
                self.economy.fund(Funding(PERPETUAL, self.minute, RATE, "set"))

    def end(self) -> None:
        next_cycle()
        for fixing in list(self.economy.fundings.values()):
            self.economy.fund(fixing)

    def _active(self) -> str:
        names = [name for name, it in self.economy.trades.items() if not it.struck]
        return self.chance.choice(names) if names else ""


def bitcoin(lots: int) -> str:
    return f"{lots // 1_000}.{lots % 1_000:03d}"


@pytest.mark.parametrize("seed", [seed_of("busted funding", each) for each in range(4)])
def test_after_busts_and_corrections_funding_is_what_the_corrected_history_owes(seed):
    a_busy_house()
    before, played = cash(), Played(seed)
    for _ in range(8):
        played.trade()
        played.fund()
        for does in played.chance.sample(
            [played.trade, played.correct, played.bust, played.give, played.port], 3
        ):
            does()
    played.end()

    for account in ACCOUNTS:
        owned, _roundings = played.economy.owned(account, "USDC")
        held = selectors.account(account)
        assert held.cash("USDC") - held.cost(PERPETUAL) - before[account] == owned, account
        assert held.lots(PERPETUAL) == played.economy.held(PERPETUAL).get(account, 0)
    assert runs_of_funding() > 8
    assert_sound()
