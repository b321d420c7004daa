"""One market, told twice: each command goes to the real services and to the slow economy beside them.

A command that the house refuses changes nothing of the economy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from clearing import selectors
from clearing.domain.events import InstrumentListed
from clearing.services import (
    accounts,
    allocations,
    busts,
    collateral,
    cycles,
    funding,
    give_ups,
    pricing,
    resettlement,
    schedules,
    sealing,
    settlement,
    timekeeping,
    trades,
    transfers,
)
from tests.builders import CAUSE, EXPIRY, INSTRUMENTS, START, a_price_set, a_trade
from tests.faults.asking import Asked, facts
from tests.oracle.economy import Contract, Economy, Funding
from tests.services.posttrade import ACCOUNTS, VENUE, a_busy_house

UNIT = {"USDC": 10**6, "BTC": 10**8}
FEE = {"perpetual": Fraction("0.0002")}  # of what a trade is worth


def contract(terms: InstrumentListed) -> Contract:
    return Contract(
        symbol=terms.symbol,
        kind=terms.kind,
        inverse=terms.payoff == "inverse",
        coin=terms.underlying,
        pays_in=terms.settlement,
        lot=Fraction(terms.lot_size),
        unit=UNIT[terms.settlement],
        coin_unit=UNIT[terms.underlying],
        strike=Fraction(terms.strike) if terms.strike else None,
        is_call=terms.option_type == "call",
        dated=bool(terms.expiry_at),
    )


TERMS = {it.symbol: it for it in INSTRUMENTS}


def open_the_house() -> None:
    """Once, before any market: members, accounts, instruments, a fee and a first price set."""
    a_busy_house()
    for account in ACCOUNTS:
        collateral.deposit(
            account, key=f"b-{account}", asset="BTC", amount="10", at=START, cause=CAUSE
        )
    schedules.set_fee("perpetual", rate="0.0002", at=START, cause=CAUSE)


@dataclass(frozen=True)
class Offer:
    """A give-up or a transfer that waits for its answer."""

    handover_id: str
    trade: str
    side: str
    giver: str
    taker: str
    lots: int


class Market(Asked):
    def __init__(self) -> None:
        super().__init__()
        self.economy = Economy([contract(it) for it in INSTRUMENTS])
        self.offers: list[Offer] = []
        self.sets: list[tuple[int, int]] = []  # (first sequence, sequence that stands)
        self.fixings: dict[str, int] = {}
        self.cycles = 0
        for account in ACCOUNTS:
            self.economy.deposit(account, "USDC", 10**12)
            self.economy.deposit(account, "BTC", 10**9)

    @property
    def minute(self) -> int:
        return int((timekeeping.now() - START).total_seconds()) // 60

    def wait(self, minutes: int) -> None:
        timekeeping.advance(timekeeping.now() + timedelta(minutes=minutes), cause=CAUSE)

    # --- trades and where they go ---------------------------------------------------------------

    def trade(
        self, symbol: str, buyer: str, seller: str, lots: int, ticks: int, late: int = 0
    ) -> None:
        if buyer == seller:
            return
        it, name, at = TERMS[symbol], self.key(), timekeeping.now() - timedelta(minutes=late)
        price = Fraction(it.tick_size) * ticks
        report = a_trade(
            trade_id=name,
            symbol=symbol,
            quantity=plain(Fraction(it.lot_size) * lots),
            price=plain(price),
            buyer=buyer,
            seller=seller,
        )
        swapped = a_trade(**{**vars_of(report), "buyer": seller, "seller": buyer})
        if self.ask(
            "trade",
            lambda: trades.novate(report, at=at, cause=CAUSE),
            lambda: trades.novate(swapped, at=at, cause=CAUSE),
        ):
            self._note(name, symbol, buyer, seller, lots, price, self.minute - late)

    def _note(
        self,
        name: str,
        symbol: str,
        buyer: str,
        seller: str,
        lots: int,
        price: Fraction,
        at: int,
        instead_of: str = "",
    ) -> None:
        fee, parties = FEE.get(TERMS[symbol].kind, Fraction(0)), {"buyer": buyer, "seller": seller}
        self.economy.trade(
            name, symbol, **parties, lots=lots, price=price, at=at, fee=fee, instead_of=instead_of
        )

    def allocate(self, pick: int, lots: int) -> None:
        found = self._part(pick)
        if found is None:
            return
        name, side, giver, most = found
        own = [it for it in ACCOUNTS if it[:5] == giver[:5] and it != giver]
        if not own:
            return
        taker, size, key = own[pick % len(own)], 1 + lots % most, self.key()

        def asked(count: int) -> Callable[[], int]:
            shares, at = {taker: self._quantity(name, count)}, timekeeping.now()
            return lambda: allocations.allocate(
                VENUE,
                name,
                account_id=giver,
                shares=shares,
                side=side,
                key=key,
                at=at,
                cause=CAUSE,
            )

        if self.ask("allocation", asked(size), asked(size + 1)):
            self.economy.pass_on(name, side, giver, taker, size, at=self.minute)

    def give_up(self, pick: int, lots: int) -> None:
        found = self._part(pick)
        if found is None:
            return
        name, side, giver, most = found
        others = [it for it in ACCOUNTS if it[:4] != giver[:4]]
        taker, size, key = others[pick % len(others)], 1 + lots % most, self.key()

        def asked(count: int) -> Callable[[], int]:
            quantity, at = self._quantity(name, count), timekeeping.now()
            return lambda: give_ups.request(
                VENUE,
                name,
                account_id=giver,
                quantity=quantity,
                to_member=taker.partition("-")[0],
                side=side,
                key=key,
                at=at,
                cause=CAUSE,
            )

        if self.ask("give-up", asked(size), asked(size + 1)):
            self.offers.append(Offer(f"{giver}:give-up:{key}", name, side, giver, taker, size))

    def answer(self, pick: int, *, claims: bool) -> None:
        if not self.offers:
            return
        it, key = self.offers.pop(pick % len(self.offers)), self.key()
        member, at = it.taker.partition("-")[0], timekeeping.now()
        same = {"member_id": member, "key": key, "at": at, "cause": CAUSE}
        if not claims:
            self.ask("rejection", lambda: give_ups.reject(it.handover_id, reason="no", **same))
        elif self.ask("claim", lambda: give_ups.claim(it.handover_id, account_id=it.taker, **same)):
            self.economy.pass_on(it.trade, it.side, it.giver, it.taker, it.lots, at=self.minute)

    def transfer(self, symbol: str, giver: str, taker: str, lots: int, ticks: int) -> None:
        """By consent of two members, at a price; or for what is carried, where there is no price."""
        held = self.economy.held(symbol).get(giver, 0)
        if not held or giver[:4] == taker[:4]:
            return
        size, key, it, at = 1 + lots % abs(held), self.key(), TERMS[symbol], timekeeping.now()
        price = Fraction(it.tick_size) * ticks
        member = taker.partition("-")[0]
        asked = self.ask(
            "transfer",
            lambda: transfers.request(
                giver,
                symbol=symbol,
                quantity=plain(Fraction(it.lot_size) * size),
                to_member=member,
                price=plain(price) if ticks else "",
                key=key,
                at=at,
                cause=CAUSE,
            ),
        )
        before = selectors.account(giver)
        if not asked or not self.ask(
            "acceptance",
            lambda: transfers.accept(
                f"{giver}:transfer:{key}",
                member_id=member,
                account_id=taker,
                key=f"{key}-a",
                at=at,
                cause=CAUSE,
            ),
        ):
            return
        signed = size if held > 0 else -size
        if ticks:
            value = self.economy.contracts[symbol].worth(signed, price)
        else:
            value = Fraction(before.cost(symbol) - selectors.account(giver).cost(symbol))
            assert abs(value * abs(held) - before.cost(symbol) * size) < abs(held), "pro rata"
        self.economy.transfer(symbol, giver, taker, lots=signed, value=value, at=self.minute)

    def bust(self, pick: int) -> None:
        name, key, at = self._active(pick), self.key(), timekeeping.now()
        if name and self.ask(
            "bust", lambda: busts.bust(VENUE, name, key=key, reason="error", at=at, cause=CAUSE)
        ):
            self.economy.bust(name, at=self.minute)

    def correct_trade(self, pick: int, buyer: str, seller: str, lots: int, ticks: int) -> None:
        name, new, key, at = self._active(pick), self.key(), self.key(), timekeeping.now()
        if not name or buyer == seller:
            return
        symbol = self.economy.trades[name].symbol
        it = TERMS[symbol]
        price = Fraction(it.tick_size) * ticks
        by = a_trade(
            trade_id=new,
            symbol=symbol,
            quantity=plain(Fraction(it.lot_size) * lots),
            price=plain(price),
            buyer=buyer,
            seller=seller,
        )
        if self.ask(
            "correction",
            lambda: busts.correct(VENUE, name, by=by, key=key, reason="terms", at=at, cause=CAUSE),
        ):
            self.economy.bust(name, at=self.minute)
            self._note(new, symbol, buyer, seller, lots, price, self.minute, instead_of=name)

    def _active(self, pick: int) -> str:
        names = [name for name, it in self.economy.trades.items() if not it.struck]
        return names[pick % len(names)] if names else ""

    def _part(self, pick: int) -> tuple[str, str, str, int] | None:
        """(trade, side, account, lots without a sign) of something that is there to pass on."""
        there = [
            (name, side, account, abs(self.economy.part(name, side, account)))
            for name, it in self.economy.trades.items()
            for side in it.legs
            for account in ACCOUNTS
            if not it.struck and self.economy.part(name, side, account)
        ]
        return there[pick % len(there)] if there else None

    def _quantity(self, name: str, lots: int) -> str:
        return plain(self.economy.contracts[self.economy.trades[name].symbol].lot * lots)

    # --- money and standing ---------------------------------------------------------------------

    def deposit(self, account: str, asset: str, minor: int) -> None:
        key, at = self.key(), timekeeping.now()

        def asked(units: int) -> Callable[[], int]:
            amount = plain(Fraction(units, UNIT[asset]))
            return lambda: collateral.deposit(
                account, key=key, asset=asset, amount=amount, at=at, cause=CAUSE
            )

        if self.ask("deposit", asked(minor), asked(minor + 1)):
            self.economy.deposit(account, asset, minor)

    def withdraw(self, account: str, asset: str, minor: int) -> None:
        key, at = self.key(), timekeeping.now()

        def asked(units: int) -> Callable[[], int]:
            amount = plain(Fraction(units, UNIT[asset]))
            return lambda: collateral.request_withdrawal(
                account, key=key, asset=asset, amount=amount, at=at, cause=CAUSE
            )

        if self.ask("withdrawal", asked(minor), asked(minor + 1)):
            self.economy.ask(f"{account}:{key}", account, asset, minor)

    def decide(self, pick: int, *, pays: bool) -> None:
        if not self.economy.waiting:
            return
        name = list(self.economy.waiting)[pick % len(self.economy.waiting)]
        account, at = name.partition(":")[0], timekeeping.now()
        same = {"withdrawal_id": name, "at": at, "cause": CAUSE}
        if pays:
            if self.ask("payment", lambda: collateral.settle_withdrawal(account, **same)):
                self.economy.pay_out(name)
        elif self.ask(
            "refusal",
            lambda: collateral.refuse_withdrawal(account, code="no", reason="no", **same),
        ):
            self.economy.give_back(name)

    def stand(self, account: str, *, suspends: bool) -> None:
        change = accounts.suspend if suspends else accounts.reinstate
        change(account, reason="r", at=timekeeping.now(), cause=CAUSE)

    # --- prices and what follows ----------------------------------------------------------------

    def seal_prices(self, index: str, *, at: datetime | None = None) -> None:
        timekeeping.advance(at or timekeeping.now() + timedelta(minutes=30), cause=CAUSE)
        found = a_price_set(index, at=timekeeping.now())
        sequence = pricing.seal(found, cause=CAUSE)
        self.sets.append((sequence, sequence))
        self.economy.seal(str(sequence), marks(index))
        if timekeeping.now() >= EXPIRY:
            for symbol, it in self.economy.contracts.items():
                if it.dated and symbol not in self.economy.final:
                    self.economy.expire(symbol, str(sequence), at=self.minute)
        self.ask("expiries", lambda: settlement.settle_expiries(sequence, cause=CAUSE))

    def expire(self, index: str) -> None:
        if timekeeping.now() < EXPIRY:
            self.seal_prices(index, at=EXPIRY)

    def settle(self) -> None:
        if not self.sets:
            return
        row = cycles.settle_now(cause=CAUSE)
        assert row.state == "closed", row.reason
        self.cycles += 1
        self.taken["cycle"] += 1
        self.economy.cycle(str(self.sets[-1][0]))
        for name, sequence in self.fixings.items():  # what the cycle leaves as jobs for late trades
            funding.settle(sequence, cause=CAUSE)
            self.economy.fund(self.economy.fundings[name])

    def correct_prices(self, pick: int, index: str) -> None:
        if not self.sets:
            return
        place = pick % len(self.sets)
        first, standing = self.sets[place]
        found = a_price_set(index, at=selectors.prices_at(first).at)
        key = self.key()
        sequence = self.ask(
            "price correction",
            lambda: pricing.correct(standing, found, reason="wrong", key=key, cause=CAUSE),
        )
        if sequence is None or sequence <= standing:
            return
        self.sets[place] = (first, sequence)
        resettlement.resettle(sequence, cause=CAUSE)
        self.economy.correct(str(first), marks(index))
        before = facts()
        assert resettlement.resettle(sequence, cause=CAUSE) == []
        assert facts() == before

    def fund(self, symbol: str, rate: str) -> None:
        if not self.sets:
            return
        at = timekeeping.now()
        found = funding.Fixing(symbol=symbol, source="test", interval_end=at, hours=8, rate=rate)
        sequence = self.ask("funding", lambda: funding.fix(found, cause=CAUSE))
        if sequence is None:
            return
        funding.settle(sequence, cause=CAUSE)
        fixing = Funding(symbol, self.minute, Fraction(rate), str(self.sets[-1][0]))
        self.economy.fund(fixing)
        self.fixings[f"{symbol} {fixing.at}"] = sequence
        assert funding.settle(sequence, cause=CAUSE) is None, "paid twice"
        self.wait(1)

    def seal_log(self) -> None:
        sealing.catch_up()


def marks(index: str) -> dict[str, Fraction]:
    found = {symbol: Fraction(index) for symbol, it in TERMS.items() if it.kind != "option"}
    return {**found, "BTC": Fraction(index)}


def vars_of(report: Any) -> dict[str, Any]:
    return {name: getattr(report, name) for name in report.__dataclass_fields__}


def plain(number: Fraction) -> str:
    """Decimal text of a number that has one."""
    whole, rest = divmod(number * 10**9, 10**9)
    assert Fraction(rest).denominator == 1
    return f"{whole}.{int(rest):09}".rstrip("0").rstrip(".")
