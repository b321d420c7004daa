"""Random commands through the services, and through a ledger that shares nothing with them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from clearing import models, selectors
from clearing.domain.errors import Refusal
from clearing.domain.events import InstrumentListed
from clearing.services import (
    accounts,
    collateral,
    pricing,
    sealing,
    settlement,
    timekeeping,
    trades,
    verification,
)
from tests.builders import CAUSE, EXPIRY, INSTRUMENTS, a_house, a_price_set, a_third_member, a_trade
from tests.oracle.ledger import Contract, Ledger
from tests.seeds import seed_of

pytestmark = pytest.mark.django_db

MEMBERS = ("EAST-1", "NORTH-1", "SOUTH-1")
PAIRS = (*("NORTH-1", "SOUTH-1") * 3, "EAST-1")  # so that positions shrink and turn, too
PRICES = {
    "option": (0, 2_000),
    "future": (1, 300_000),
    "perpetual": (1, 300_000),
    "spot": (1, 300_000),
}


def contract(terms: InstrumentListed) -> Contract:
    return Contract(
        symbol=terms.symbol,
        kind=terms.kind,
        inverse=terms.payoff == "inverse",
        coin=terms.underlying,
        pays_in=terms.settlement,
        lot=Fraction(terms.lot_size),
        tick=Fraction(terms.tick_size),
        strike=Fraction(terms.strike) if terms.strike else None,
        is_call=terms.option_type == "call",
        dated=bool(terms.expiry_at),
    )


class Both:
    """The house and the ledger, asked the same things."""

    def __init__(self, chance: random.Random) -> None:
        a_house(RING="0")
        a_third_member()
        self.chance = chance
        self.ledger = Ledger(
            digits={"USDC": 6, "BTC": 8, "ETH": 9}, contracts=[contract(it) for it in INSTRUMENTS]
        )
        for account in MEMBERS:
            self.ledger.open(account)
            key = f"start-{account.partition('-')[0]}"
            self.ledger.deposit(account, key=key, asset="USDC", amount="1000000")
        self.done: list[Callable[[], tuple[str, str]]] = []

    def step(self) -> None:
        """One command, and sometimes one of the past again."""
        again = self.done and self.chance.random() < 0.2
        ask = self.chance.choice(self.done) if again else self._command()
        house, ledger = ask()
        assert house == ledger
        self.done.append(ask)

    def _command(self) -> Callable[[], tuple[str, str]]:
        choose = self.chance.choices(
            [self._trade, self._deposit, self._withdraw, self._decide, self._stand, self._penalty],
            weights=[70, 8, 8, 6, 6, 2],
        )
        return choose[0]()

    def _trade(self) -> Callable[[], tuple[str, str]]:
        contracts = list(self.ledger.contracts.values())
        it = self.chance.choice([*contracts[:2], *contracts])  # mostly what is carried at cost
        ticks = self.chance.randint(*PRICES[it.kind])
        report = {
            "trade_id": self._key("t"),
            "symbol": it.symbol,
            "quantity": plain(it.lot * self.chance.randint(1, 9)),
            "price": plain(it.tick * ticks),
            "buyer": self.chance.choice(PAIRS),
            "seller": self.chance.choice(PAIRS),
        }
        return lambda: (
            asked(trades.novate, a_trade(**report)),
            self.ledger.trade(**report),
        )

    def _deposit(self) -> Callable[[], tuple[str, str]]:
        command = self._money("k")
        account = self.chance.choice(MEMBERS)
        return lambda: (
            asked(collateral.deposit, account, **command),
            self.ledger.deposit(account, **command),
        )

    def _withdraw(self) -> Callable[[], tuple[str, str]]:
        command = self._money("k")
        account = self.chance.choice(MEMBERS)
        return lambda: (
            asked(collateral.request_withdrawal, account, **command),
            self.ledger.ask(account, **command),
        )

    def _decide(self) -> Callable[[], tuple[str, str]]:
        withdrawal = self.chance.choice([*self.ledger.waiting, "NORTH-1-none"])
        account = withdrawal[:7] if not withdrawal.startswith("EAST") else "EAST-1"
        if self.chance.random() < 0.5:
            return lambda: (
                asked(collateral.settle_withdrawal, account, withdrawal_id=withdrawal),
                self.ledger.pay_out(withdrawal),
            )
        return lambda: (
            asked(
                collateral.refuse_withdrawal,
                account,
                withdrawal_id=withdrawal,
                code="no",
                reason="no",
            ),
            self.ledger.give_back(withdrawal),
        )

    def _stand(self) -> Callable[[], tuple[str, str]]:
        account = self.chance.choice(MEMBERS)
        if self.chance.random() < 0.4:
            return lambda: (
                asked(accounts.suspend, account, reason="r"),
                self.ledger.suspend(account),
            )
        return lambda: (
            asked(accounts.reinstate, account, reason="r"),
            self.ledger.reinstate(account),
        )

    def _penalty(self) -> Callable[[], tuple[str, str]]:
        account, key, minor = self.chance.choice(MEMBERS), self._key("p"), self._amount()
        return lambda: (
            asked(
                collateral.charge_penalty, account, key=key, asset="USDC", amount=minor, reason="r"
            ),
            self.ledger.punish(account, key=key, asset="USDC", minor=minor),
        )

    def _money(self, kind: str) -> dict[str, str]:
        asset = self.chance.choice(["USDC", "USDC", "BTC", "ETH"])
        amount = Fraction(self._amount(), 10 ** self.ledger.digits[asset])
        return {"key": self._key(kind), "asset": asset, "amount": plain(amount)}

    def _key(self, kind: str) -> str:
        """Few enough that some are used again for something else."""
        return f"{kind}-{self.chance.randint(1, 150)}"

    def _amount(self) -> int:
        return self.chance.choice([1, 999, 10**6, 5 * 10**11, self.chance.randint(1, 10**12)])

    def expire(self) -> None:
        index = f"{self.chance.randint(40_000, 160_000)}.25"
        cause = CAUSE
        sequence = pricing.seal(a_price_set(index, at=EXPIRY), cause=cause)
        settlement.settle_expiries(sequence, cause=cause)
        assert settlement.settle_expiries(sequence, cause=cause) is None
        timekeeping.advance(EXPIRY + timedelta(hours=1), cause=cause)
        self.ledger.expire(Fraction(index))

    def compare(self) -> None:
        for account in MEMBERS:
            assert selectors.holdings(account) == self.ledger.holdings(account), account
            row = selectors.account_row(account)
            assert (row.standing, row.version) == (
                self.ledger.standing[account],
                self.ledger.facts[account],
            )
        assert selectors.holdings("ccp-custody") == self.ledger.in_custody()
        assert selectors.holdings("ccp-pending") == self.ledger.pending()
        assert selectors.holdings("ccp-insurance") == self.ledger.insured()
        assert selectors.holdings("ccp-rounding") == self.ledger.rounded()
        assert selectors.holdings("ccp-settlement") == {}
        assert all(members + house == 0 for _, members, house in selectors.trial_balance())


def asked(service: Callable[..., Any], *args: Any, **named: Any) -> str:
    """What the house says, in the ledger's words."""
    before = models.Event.objects.count()
    try:
        answer = service(*args, **named, at=timekeeping.now(), cause=CAUSE)
    except Refusal as refusal:
        assert models.Event.objects.count() == before, "a refusal leaves nothing behind"
        return refusal.code
    if models.Event.objects.count() == before:
        return "again"
    assert answer == models.Event.objects.latest("sequence").sequence
    return "done"


def plain(number: Fraction) -> str:
    """Decimal text of a number that has one."""
    whole, rest = divmod(number * 10**9, 10**9)
    assert Fraction(rest).denominator == 1
    return f"{whole}.{int(rest):09}".rstrip("0").rstrip(".")


@pytest.mark.parametrize("seed", [1, 4, 6, seed_of("against_ledger")])
def test_the_house_and_the_ledger_agree_on_everything(seed):
    print(f"seed {seed}")  # shown when it fails
    both = Both(random.Random(seed))

    for _ in range(50):
        both.step()
    both.compare()
    both.expire()
    for _ in range(15):
        both.step()

    both.compare()
    sealing.seal()
    assert verification.verify() == []
    assert_versions_count_from_one()


def assert_versions_count_from_one() -> None:
    streams: dict[str, list[tuple[int, int]]] = {}
    for row in models.Event.objects.order_by("sequence"):
        streams.setdefault(row.stream, []).append((row.version, row.sequence))
    for places in streams.values():
        assert [version for version, _ in places] == list(range(1, len(places) + 1))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200))
def test_they_agree_for_a_long_time(seed):
    both = Both(random.Random(seed))

    for _ in range(300):
        both.step()
    both.compare()
    both.expire()
    for _ in range(100):
        both.step()

    both.compare()
    assert verification.verify() == []
