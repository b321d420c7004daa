"""Random histories through the services, and through an oracle that only adds up what still stands.

I1, I2 and I16 after each history: whatever was allocated, given up, transferred, settled, busted and
corrected in between, every account has the lots it should, and has paid what it should for them.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from clearing import selectors
from clearing.domain.errors import Refusal
from tests.builders import CALL, INVERSE
from tests.oracle.chains import Chains
from tests.seeds import seed_of
from tests.services.posttrade import (
    ACCOUNTS,
    VENUE,
    a_busy_house,
    accept,
    allocate,
    assert_sound,
    bust,
    claim,
    correct,
    give_up,
    revalue,
    totals,
    trade,
    transfer,
)

pytestmark = pytest.mark.django_db

# symbol -> (lot, tick, lowest and highest tick, settlement asset)
CONTRACTS = {
    "BTC-PERP": ("0.001", 160_000, 200_000, "USDC"),
    INVERSE: ("10", 160_000, 200_000, "BTC"),
    CALL: ("0.1", 1, 900, "BTC"),
}
TICK = {"BTC-PERP": 0.5, INVERSE: 0.5, CALL: 0.0001}


class Both:
    def __init__(self, chance: random.Random) -> None:
        a_busy_house()
        self.chance, self.chains = chance, Chains()
        self.start = {
            (symbol, account): totals(account, symbol, asset)[1]
            for symbol, (*_, asset) in CONTRACTS.items()
            for account in ACCOUNTS
        }
        self.numbers = iter(range(1, 10**6))
        self.waiting: list[tuple[str, Callable[[], None]]] = []

    def step(self) -> None:
        kinds = [self._trade, self._allocate, self._give_up, self._claim, self._transfer]
        kinds += [self._settle, self._bust, self._correct]
        self.chance.choices(kinds, weights=[30, 18, 14, 14, 8, 8, 8, 6])[0]()

    # --- commands -------------------------------------------------------------------------------

    def _terms(self, symbol: str) -> dict[str, str]:
        lot, low, high, _ = CONTRACTS[symbol]
        ticks, lots = self.chance.randint(low, high), self.chance.randint(1, 9)
        buyer, seller = self.chance.sample(ACCOUNTS, 2)
        return {
            "symbol": symbol,
            "quantity": _times(lot, lots),
            "price": _times(_text(TICK[symbol]), ticks),
            "buyer": buyer,
            "seller": seller,
        }

    def _trade(self) -> None:
        terms, trade_id = self._terms(self.chance.choice(list(CONTRACTS))), self._id()
        trade(trade_id, **terms)
        self._note(trade_id, terms)

    def _note(self, trade_id: str, terms: dict[str, str]) -> None:
        row = selectors.trade(VENUE, trade_id)
        self.chains.trade(
            trade_id,
            terms["symbol"],
            buyer=terms["buyer"],
            seller=terms["seller"],
            lots=row.lots,
            value=row.value,
        )

    def _allocate(self) -> None:
        found = self._some_part()
        if found is None:
            return
        trade_id, side, account, lots = found
        own = [it for it in ACCOUNTS if it[:5] == account[:5] and it != account]
        if not own:
            return
        shares = {name: self.chance.randint(1, lots) for name in self.chance.sample(own, 1)}
        spelled = {name: self._quantity(trade_id, n) for name, n in shares.items()}
        if _refused(lambda: allocate(trade_id, account, shares=spelled, side=side)):
            return  # promised to somebody else
        self.chains.pass_on(trade_id, side, account, shares)

    def _give_up(self) -> None:
        found = self._some_part()
        if found is None:
            return
        trade_id, side, account, lots = found
        member, size = account.split("-")[0], self.chance.randint(1, lots)
        to = self.chance.choice([it for it in ACCOUNTS if it.split("-")[0] != member])
        named = {
            "quantity": self._quantity(trade_id, size),
            "to_member": to.split("-")[0],
            "side": side,
        }
        asked: list[str] = []
        if _refused(lambda: asked.append(give_up(trade_id, account, **named))):
            return

        def take() -> None:
            claim(asked[0], member_id=to.split("-")[0], account_id=to)
            self.chains.pass_on(trade_id, side, account, {to: size})

        self.waiting.append((trade_id, take))

    def _claim(self) -> None:
        if self.waiting:
            trade_id, take = self.waiting.pop(self.chance.randrange(len(self.waiting)))
            assert _refused(take) is (trade_id in self.chains.struck)

    def _transfer(self) -> None:
        symbol, giver = self.chance.choice(list(CONTRACTS)), self.chance.choice(ACCOUNTS)
        held = selectors.account(giver)
        lots = held.lots(symbol)
        to = self.chance.choice([it for it in ACCOUNTS if it.split("-")[0] != giver.split("-")[0]])
        if not lots:
            return
        size = self.chance.randint(1, abs(lots))
        lot = CONTRACTS[symbol][0]
        asked = transfer(
            giver, symbol=symbol, quantity=_times(lot, size), to_member=to.split("-")[0]
        )
        before = held.cost(symbol)
        accept(asked, member_id=to.split("-")[0], account_id=to)
        released = before - selectors.account(giver).cost(symbol)
        assert selectors.account(giver).holdings.get("cash:USDC") == held.holdings.get("cash:USDC")
        assert abs(released * abs(lots) - before * size) < abs(lots)
        signed = size if lots > 0 else -size
        self.chains.move(symbol, giver, to, lots=signed, value=released)

    def _settle(self) -> None:
        """In between, variation margin is settled: it may change nothing of what is asserted."""
        symbol = self.chance.choice(["BTC-PERP", INVERSE])
        worth = self.chance.randint(80_000_000, 99_000_000) if symbol == "BTC-PERP" else -11_111
        revalue(symbol, worth)

    def _bust(self) -> None:
        active = [it for it in self.chains.symbols if it not in self.chains.struck]
        if active:
            trade_id = self.chance.choice(active)
            first = bust(trade_id)
            assert bust(trade_id) == first
            self.chains.bust(trade_id)

    def _correct(self) -> None:
        active = [it for it in self.chains.symbols if it not in self.chains.struck]
        if active:
            trade_id, new = self.chance.choice(active), self._id()
            terms = self._terms(self.chains.symbols[trade_id])
            correct(trade_id, by=new, **terms)
            self.chains.bust(trade_id)
            self._note(new, terms)

    # --- how ------------------------------------------------------------------------------------

    def _id(self) -> str:
        return f"t-{next(self.numbers)}"

    def _some_part(self) -> tuple[str, str, str, int] | None:
        """(trade, side, account, lots without a sign) of something that is there to pass on."""
        found = [
            (trade_id, side, account, abs(self.chains.part(trade_id, side, account)[0]))
            for trade_id, side in self.chains.legs
            if trade_id not in self.chains.struck
            for account in ACCOUNTS
        ]
        there = [it for it in found if it[3]]
        return self.chance.choice(there) if there else None

    def _quantity(self, trade_id: str, lots: int) -> str:
        return _times(CONTRACTS[self.chains.symbols[trade_id]][0], lots)

    def compare(self) -> None:
        for symbol, (*_, asset) in CONTRACTS.items():
            if asset == "BTC":
                continue
            for account in ACCOUNTS:
                self._compare_one(symbol, account, asset)
        self._compare_coin()

    def _compare_one(self, symbol: str, account: str, asset: str) -> None:
        lots, worth = totals(account, symbol, asset)
        due, paid = self.chains.totals(symbol).get(account, (0, 0))
        assert (lots, worth - self.start[symbol, account]) == (due, paid), (symbol, account)

    def _compare_coin(self) -> None:
        """Two contracts pay in coin, so their values are in one balance."""
        sums = [self.chains.totals(symbol) for symbol in (INVERSE, CALL)]
        for account in ACCOUNTS:
            held = selectors.account(account)
            due = [found.get(account, (0, 0)) for found in sums]
            assert [held.lots(INVERSE), held.lots(CALL)] == [lots for lots, _ in due], account
            worth = held.cash("BTC") - held.cost(INVERSE)
            assert worth == sum(paid for _, paid in due), account


def _refused(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Refusal:
        return True
    return False


def _text(number: float) -> str:
    return f"{number:.4f}".rstrip("0")


def _times(unit: str, count: int) -> str:
    from decimal import Decimal

    return format((Decimal(unit) * count).normalize(), "f")


@pytest.mark.parametrize("seed", [1, 2, 3, seed_of("posttrade_against_chains")])
def test_every_account_has_what_the_trades_that_stand_left_it(seed):
    print(f"seed {seed}")  # shown when it fails
    both = Both(random.Random(seed))

    for _ in range(60):
        both.step()

    both.compare()
    assert_sound()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100))
def test_they_agree_for_a_long_time(seed):
    both = Both(random.Random(seed))

    for _ in range(400):
        both.step()
        both.compare()

    assert_sound()
