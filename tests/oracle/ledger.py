"""The clearinghouse again: plain dictionaries, fractions, and no line shared with the house.

It keeps what each account has, refuses what must be refused by code, and says at any time what
everybody holds. Slow and obvious on purpose.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Contract:
    symbol: str
    kind: str  # spot | future | perpetual | option
    inverse: bool
    coin: str
    pays_in: str
    lot: Fraction
    tick: Fraction
    strike: Fraction | None = None
    is_call: bool = False
    dated: bool = False


class Ledger:
    def __init__(self, *, digits: dict[str, int], contracts: list[Contract]) -> None:
        self.digits = digits
        self.contracts = {it.symbol: it for it in contracts}
        self.standing: dict[str, str] = {}
        self.money: dict[tuple[str, str], int] = defaultdict(int)
        self.lots: dict[tuple[str, str], int] = defaultdict(int)
        self.bought_for: dict[tuple[str, str], int] = defaultdict(int)
        self.waiting: dict[str, tuple[str, str, int]] = {}
        self.answers: dict[tuple[str, str], object] = {}
        self.expired: set[str] = set()
        self.custody: dict[str, int] = defaultdict(int)
        self.insurance: dict[str, int] = defaultdict(int)
        self.rounding: dict[str, int] = defaultdict(int)
        self.facts: dict[str, int] = defaultdict(int)  # how many each account's stream has

    # --- commands: "done", "again" for a repetition, or the refusal's code -----------------------

    def open(self, account: str) -> None:
        self.standing[account] = "open"
        self.facts[account] += 1

    def deposit(self, account: str, *, key: str, asset: str, amount: str) -> str:
        known = self._known("caller", key, ("deposit", account, asset, amount))
        if known:
            return known
        if self.standing[account] == "closed":
            return "account-not-open"
        minor = self._minor(asset, amount)
        self.money[account, asset] += minor
        self.custody[asset] += minor
        return self._done("caller", key, ("deposit", account, asset, amount), account)

    def ask(self, account: str, *, key: str, asset: str, amount: str) -> str:
        known = self._known("caller", key, ("withdrawal", account, asset, amount))
        if known:
            return known
        if self.standing[account] != "open":
            return "account-not-open"
        minor = self._minor(asset, amount)
        if self.money[account, asset] < minor:
            return "balance-too-small"
        self.money[account, asset] -= minor
        self.waiting[f"{account}:{key}"] = (account, asset, minor)
        return self._done("caller", key, ("withdrawal", account, asset, amount), account)

    def pay_out(self, withdrawal: str) -> str:
        if withdrawal not in self.waiting:
            return "again"
        account, asset, minor = self.waiting.pop(withdrawal)
        self.custody[asset] -= minor
        self.facts[account] += 1
        return "done"

    def give_back(self, withdrawal: str) -> str:
        if withdrawal not in self.waiting:
            return "again"
        account, asset, minor = self.waiting.pop(withdrawal)
        self.money[account, asset] += minor
        self.facts[account] += 1
        return "done"

    def punish(self, account: str, *, key: str, asset: str, minor: int) -> str:
        known = self._known(account, key, ("penalty", asset, minor))
        if known:
            return known
        self.money[account, asset] -= minor
        self.insurance[asset] += minor
        return self._done(account, key, ("penalty", asset, minor), account)

    def suspend(self, account: str) -> str:
        if self.standing[account] == "suspended":
            return "again"
        self.standing[account] = "suspended"
        self.facts[account] += 1
        return "done"

    def reinstate(self, account: str) -> str:
        if self.standing[account] == "open":
            return "again"
        self.standing[account] = "open"
        self.facts[account] += 1
        return "done"

    def trade(
        self, *, trade_id: str, symbol: str, quantity: str, price: str, buyer: str, seller: str
    ) -> str:
        if buyer == seller:
            return "self-trade"
        report = (symbol, quantity, price, buyer, seller)
        known = self._known("venue", trade_id, report)
        if known:
            return known
        if symbol in self.expired:
            return "instrument-not-trading"
        lots = Fraction(quantity) / self.contracts[symbol].lot
        for account, signed in ((buyer, lots), (seller, -lots)):
            if self.standing[account] != "open" and not self._nearer(account, symbol, signed):
                return "account-not-open"
        for account, signed in ((buyer, int(lots)), (seller, -int(lots))):
            self._take(account, symbol, signed, Fraction(price))
        return self._done("venue", trade_id, report, buyer, seller)

    def expire(self, index: Fraction) -> None:
        for symbol, it in self.contracts.items():
            if not it.dated or symbol in self.expired:
                continue
            self.expired.add(symbol)
            for account in self.standing:
                lots, cost = self.lots[account, symbol], self.bought_for[account, symbol]
                if lots or cost:
                    worth = self._worth_at_the_end(it, index, lots)
                    self.money[account, it.pays_in] += worth - cost
                    self.rounding[it.pays_in] -= worth
                    self.lots[account, symbol] = self.bought_for[account, symbol] = 0
                    self.facts[account] += 1

    # --- what everybody has ---------------------------------------------------------------------

    def holdings(self, account: str) -> dict[str, int]:
        found = {f"cash:{asset}": self.money[account, asset] for asset in self.digits}
        for symbol in self.contracts:
            found[f"lots:{symbol}"] = self.lots[account, symbol]
            found[f"cost:{symbol}"] = self.bought_for[account, symbol]
        return {name: amount for name, amount in found.items() if amount}

    def pending(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for _, asset, minor in self.waiting.values():
            found[f"cash:{asset}"] += minor
        return dict(found)

    def in_custody(self) -> dict[str, int]:
        """As the house's account writes it: owed to the members, so negative."""
        return {f"cash:{asset}": -minor for asset, minor in self.custody.items() if minor}

    def insured(self) -> dict[str, int]:
        return {f"cash:{asset}": minor for asset, minor in self.insurance.items() if minor}

    def rounded(self) -> dict[str, int]:
        """What positions are not paid of what others are not asked for, at expiry."""
        return {f"cash:{asset}": minor for asset, minor in self.rounding.items() if minor}

    # --- how ------------------------------------------------------------------------------------

    def _known(self, scope: str, key: str, content: object) -> str:
        if (scope, key) not in self.answers:
            return ""
        return "again" if self.answers[scope, key] == content else "key-reused"

    def _done(self, scope: str, key: str, content: object, *accounts: str) -> str:
        self.answers[scope, key] = content
        for account in accounts:
            self.facts[account] += 1
        return "done"

    def _minor(self, asset: str, amount: str) -> int:
        minor = Fraction(amount) * 10 ** self.digits[asset]
        assert minor.denominator == 1
        return int(minor)

    def _nearer(self, account: str, symbol: str, signed: Fraction) -> bool:
        before = self.lots[account, symbol]
        after = before + signed
        return 0 <= after < before or before < after <= 0

    def _take(self, account: str, symbol: str, lots: int, price: Fraction) -> None:
        it = self.contracts[symbol]
        worth = self._worth(it, lots, price)
        if it.kind == "spot":
            self.money[account, it.pays_in] -= worth
            self.money[account, it.coin] += int(lots * it.lot * 10 ** self.digits[it.coin])
            return
        held = self.lots[account, symbol]
        self.lots[account, symbol] = held + lots
        if it.kind == "option":
            self.money[account, it.pays_in] -= worth
            return
        opposite = held * lots < 0
        closing = min(abs(held), abs(lots)) if opposite else 0
        # what the closed part was bought for, and what it is sold for; fractions of a minor unit
        # stay with what is left
        released = int(Fraction(self.bought_for[account, symbol] * closing, abs(held) or 1))
        sold_for = int(Fraction(worth * closing, abs(lots)))
        self.bought_for[account, symbol] += worth - sold_for - released
        self.money[account, it.pays_in] -= sold_for + released

    def _worth(self, it: Contract, lots: int, price: Fraction) -> int:
        """Signed, in minor units of what it pays in; a coin's worth of money shrinks as it rises."""
        unit = 10 ** self.digits[it.pays_in]
        if it.inverse and it.kind != "option":
            coin = round(abs(lots) * it.lot / price * unit)
            return -coin if lots > 0 else coin
        exact = lots * it.lot * price * unit
        assert exact.denominator == 1
        return int(exact)

    def _worth_at_the_end(self, it: Contract, index: Fraction, lots: int) -> int:
        unit = 10 ** self.digits[it.pays_in]
        if it.kind == "future":
            return round(lots * index * it.lot * unit)
        assert it.strike is not None
        gain = max(index - it.strike if it.is_call else it.strike - index, Fraction(0))
        return round(lots * (gain / index if it.inverse else gain) * it.lot * unit)
