"""A whole house through many days: trades reported in batches, the book settled every day, contracts
expiring every month, everything drawn from one seed.

`python -m tests.faults.year --days 365 --accounts 500 --trades 1000 --seed 1` tells it on durable
servers of its own, says how long each part took, and then looks whether all of it is sound. Prices
are real where the data is there (daily closes of 2020 and after), else drawn.

What is left for margin to do is not done: its jobs stay due, as in a house whose workers are away.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
    expired: int = 0
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
                self.say(
                    f"day {day + 1}: {self.trades} trades, {self.cycles} cycles; {self.took()}"
                )

    def took(self) -> str:
        return ", ".join(f"{part} {taken:.1f} s" for part, taken in self.seconds.most_common())

    def faults(self) -> list[str]:
        """What is not as it should be after it was told; nothing, if all is well."""
        found: list[str] = []
        self._timed("seal the log", _sealed)
        self._timed("verify", lambda: found.extend(_findings(self.say)))
        self._timed("fold", lambda: found.extend(_unlike_the_fold()))
        self._timed("count", lambda: found.extend(self._miscounted()))
        return found

    def _miscounted(self) -> Iterator[str]:
        from clearing import models, selectors
        from clearing.domain.events import TradeNovated

        for asset, members, house in selectors.trial_balance():
            if members + house:
                yield f"{asset} is off by {members + house}"
        if selectors.holdings("ccp-settlement"):
            yield f"the settlement account holds {selectors.holdings('ccp-settlement')}"
        closed = Counter(selectors.cycles().filter(state="closed").values_list("kind", flat=True))
        if dict(closed) != {k: n for k, n in self._expected().items() if n}:
            yield f"cycles closed: {dict(closed)}, told: {self._expected()}"
        legs = models.Event.objects.filter(name=TradeNovated.NAME).count()
        if legs != 2 * self.trades:
            yield f"{legs} legs of {self.trades} trades"

    def _expected(self) -> dict[str, int]:
        return {"ad-hoc": self.cycles, "expiry": self.expired}

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
        from clearing import selectors
        from clearing.services import pricing, settlement, timekeeping

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
        timekeeping.reach(at, cause=CAUSE)
        sequence = pricing.seal(prices, cause=CAUSE)
        self.expired += sum(
            bool(selectors.positions_by_account(symbol)) for symbol in selectors.expiring(at=at)
        )
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
                if row["symbol"] == "BTC/USD":
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


# --- whether it is sound ------------------------------------------------------------------------


def _sealed() -> None:
    from clearing.services import sealing

    sealing.catch_up()


def _findings(say: Callable[[str], None]) -> Iterator[str]:
    from clearing.services import verification

    for it in verification.verify(jobs=None):
        say(f"{it.check}: {it.where}: {it.says}")
        yield f"{it.check}: {it.where}: {it.says}"


def _unlike_the_fold() -> Iterator[str]:
    """Every balance by the columns of the sealed blocks, beside the rows that are read every day."""
    from clearing import models, selectors
    from clearing.domain import entries

    folded = selectors.balances(up_to=selectors.sealed_up_to())
    rows: dict[str, dict[str, int]] = {}
    for account, asset, amount in models.Holding.objects.values_list("account", "asset", "amount"):
        rows.setdefault(account, {})[asset] = amount
    for account in sorted(folded.keys() | rows.keys()):
        here = rows.get(account, {})
        if account in entries.HOUSE_ACCOUNTS:
            here = selectors.holdings(account)
        if folded.get(account, {}) != here:
            yield f"{account}: {folded.get(account)} by the columns, {here} by the rows"


def main(argv: Sequence[str]) -> int:
    """On durable servers of its own, removed afterwards; 1 where anything is not sound."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--trades", type=int, default=1_000, help="a day")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    asked = parser.parse_args(argv)
    from tests.benchmarks import durable

    def say(text: str) -> None:
        print(text, flush=True)

    say(f"--seed {asked.seed} repeats this year")
    with durable.house():
        year = Year(
            Size(days=asked.days, accounts=asked.accounts, trades=asked.trades),
            random.Random(asked.seed),
            say,
        )
        year.tell()
        faults = year.faults()
    say(f"all of it: {year.took()}")
    for fault in faults:
        say(f"not sound: {fault}")
    say(f"{len(faults)} faults" if faults else "sound")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
