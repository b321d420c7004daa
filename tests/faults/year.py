"""A whole house through many days: trades reported in batches, the book settled every day, contracts
expiring every month, everything drawn from one seed.

`python -m tests.faults.year --days 365` tells it on servers of its own and says how long each part
took. Prices are real where the data is there (daily closes of 2020 and after), else drawn.
"""

from __future__ import annotations

import csv
import gzip
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from clearing.domain import clock
from clearing.domain.cause import Cause
from clearing.domain.events import InstrumentListed
from clearing.domain.prices import PriceSet, Quote
from clearing.domain.trade import Trade

CAUSE = Cause(actor="system:year", correlation_id="year")
START = datetime(2020, 1, 1, 8, tzinfo=UTC)
CLOSES = Path("../shared/data/crypto/spot_daily_coinbase_2020-01-01_2025-10-25.csv.gz")
LINEAR, INVERSE = "BTC-PERP", "BTC-PERPETUAL"
BATCH = 1_000


@dataclass(frozen=True)
class Size:
    days: int
    accounts: int
    trades: int  # a day


@dataclass
class Year:
    """What was told: facts by kind of work, seconds by part, and the last day's prices."""

    size: Size
    chance: random.Random
    say: Callable[[str], None]
    seconds: Counter[str] = field(default_factory=Counter)
    trades: int = 0
    cycles: int = 0
    listed: set[str] = field(default_factory=set)

    def tell(self) -> None:
        self._timed("open", self._open)
        for day, close in zip(range(self.size.days), closes(self.chance), strict=False):
            at = START + timedelta(days=day)
            self._timed("list", lambda at=at: self._list(at))
            self._timed("seal", lambda at=at, close=close: self._seal(at, close))
            self._timed("trade", lambda at=at, close=close: self._trade(at, close))
            self._timed("settle", self._settle)
            if day % 30 == 29 or day == self.size.days - 1:
                self.say(f"day {day + 1}: {self.trades} trades, {self.cycles} cycles")

    def _timed(self, part: str, work: Callable[[], None]) -> None:
        since = time.perf_counter()
        work()
        self.seconds[part] += time.perf_counter() - since

    def _open(self) -> None:
        from accounts.services import register
        from clearing.domain.policy import Policy
        from clearing.services import collateral, reference, timekeeping

        at = START - timedelta(hours=1)
        timekeeping.advance(at, cause=CAUSE)
        for asset, scale in (("USDC", 6), ("BTC", 8)):
            reference.admit_asset(asset, scale=scale, title=asset, at=at, cause=CAUSE)
        reference.set_policy(Policy(price_max_age_seconds=172_800), at=at, cause=CAUSE)
        register.open_house(at=at, cause=CAUSE)
        register.admit_member("YEAR", name="A member of many accounts", at=at, cause=CAUSE)
        for account in self.accounts():
            register.open_account(
                account, member_id="YEAR", kind="client", title=account, at=at, cause=CAUSE
            )
            for asset, amount in (("USDC", "1000000"), ("BTC", "20")):
                collateral.deposit(
                    account,
                    key=f"{account}-{asset}",
                    asset=asset,
                    amount=amount,
                    at=at,
                    cause=CAUSE,
                )

    def accounts(self) -> list[str]:
        return [f"Y{number:04}" for number in range(self.size.accounts)]

    def _list(self, at: datetime) -> None:
        """Two perpetuals, and each month a future and an option that expire at its end."""
        from clearing.services import reference

        expiry = month_end(at)
        wanted = [
            _terms(LINEAR),
            _terms(INVERSE, payoff="inverse", settlement="BTC", lot_size="10"),
            _terms(_future(expiry), kind="future", expiry_at=clock.text(expiry)),
            _terms(
                _call(expiry),
                kind="option",
                payoff="inverse",
                settlement="BTC",
                lot_size="0.1",
                tick_size="0.0001",
                expiry_at=clock.text(expiry),
                strike="10000",
                option_type="call",
            ),
        ]
        new = [it for it in wanted if it.symbol not in self.listed]
        if new:
            reference.list_instruments(new, at=at, cause=CAUSE)
            self.listed |= {it.symbol for it in new}

    def _seal(self, at: datetime, close: Decimal) -> None:
        from clearing.services import pricing, settlement

        expiry = month_end(at)
        quotes = {LINEAR: Quote(f"{close}"), INVERSE: Quote(f"{close}")}
        quotes[_future(expiry)] = Quote(f"{close}")
        quotes[_call(expiry)] = Quote("0.1", "0.7")
        prices = PriceSet(
            at=at,
            source="year",
            simulated=not CLOSES.exists(),
            indices={"BTC": f"{close}"},
            forwards={f"BTC {clock.text(expiry)}": f"{close}"},
            quotes=quotes,
        )
        sequence = pricing.seal(prices, cause=CAUSE)
        settlement.settle_expiries(sequence, cause=CAUSE)

    def _trade(self, at: datetime, close: Decimal) -> None:
        from clearing.services import trades

        expiry = month_end(at)
        symbols = [LINEAR] * 4 + [INVERSE] * 4
        if at < expiry:
            symbols += [_future(expiry), _call(expiry)]
        accounts = self.accounts()
        left = self.size.trades
        while left:
            count = min(left, BATCH)
            found = [self._one(self.chance.choice(symbols), accounts, close) for _ in range(count)]
            trades.novate_all(found, at=at, cause=CAUSE)
            left -= count

    def _one(self, symbol: str, accounts: list[str], close: Decimal) -> Trade:
        self.trades += 1
        buyer, seller = self.chance.sample(accounts, 2)
        option = symbol.endswith("-C")
        near = (close * self.chance.randint(980, 1020) / 1000).quantize(Decimal(1))
        lot = {LINEAR: "0.001", INVERSE: "10"}.get(symbol, "0.1" if option else "0.001")
        quantity = Decimal(lot) * self.chance.randint(1, 50)
        return Trade(
            trade_id=f"y-{self.trades}",
            venue="XDER",
            symbol=symbol,
            quantity=f"{quantity}",
            price=f"{Decimal(self.chance.randint(10, 2_000)) / 10_000}" if option else f"{near}",
            buyer=buyer,
            seller=seller,
        )

    def _settle(self) -> None:
        from clearing.services import cycles

        cycles.settle_now(cause=CAUSE)
        self.cycles += 1


def closes(chance: random.Random) -> Iterator[Decimal]:
    """Daily closes of BTC, real ones where they are there."""
    if CLOSES.exists():
        with gzip.open(CLOSES, "rt") as file:
            for row in csv.DictReader(file):
                if row.get("symbol", row.get("base", "BTC")).upper().startswith("BTC"):
                    yield Decimal(row["close"]).quantize(Decimal("0.01"))
        return
    close = Decimal(9_000)
    while True:
        yield close.quantize(Decimal("0.01"))
        close *= Decimal(1_000 + chance.randint(-50, 52)) / 1_000


def month_end(at: datetime) -> datetime:
    """Eight o'clock on the first of the next month."""
    first = at.replace(day=1, hour=8, minute=0)
    return (first + timedelta(days=32)).replace(day=1)


def _future(expiry: datetime) -> str:
    return f"BTC-{expiry:%d%b%y}".upper()


def _call(expiry: datetime) -> str:
    return f"BTC-{expiry:%d%b%y}-10000-C".upper()


def _terms(symbol: str, **but: str) -> InstrumentListed:
    usual = {
        "symbol": symbol,
        "kind": "perpetual",
        "payoff": "linear",
        "underlying": "BTC",
        "quote": "USDC",
        "settlement": "USDC",
        "lot_size": "0.001",
        "tick_size": "0.5",
        "expiry_at": "",
        "strike": "",
        "option_type": "",
    }
    return InstrumentListed(**(usual | but))
