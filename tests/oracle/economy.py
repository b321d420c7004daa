"""Everything members own, again: a journal of what happened, added up in fractions each time.

Slow and obvious on purpose, and no line of it is shared with the house. It knows nothing of cost
bases, cycles' order, versions or rows: variation margin moves what a position gained into cash and
changes nothing of what anybody owns, so it is not even written down. What an account has paid and
received for everything, and the lots that are left, is all there is; the house, whatever it settled,
corrected or unwound on the way, must come to the same but for the roundings counted here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Contract:
    """`unit` and `coin_unit` are minor units in one of what it pays in and of its underlying."""

    symbol: str
    kind: str  # spot | future | perpetual | option
    inverse: bool
    coin: str
    pays_in: str
    lot: Fraction
    unit: int
    coin_unit: int
    strike: Fraction | None = None
    is_call: bool = False
    dated: bool = False

    def worth(self, lots: int, price: Fraction) -> Fraction:
        """Minor units; the long side of an inverse contract owes coin, less as the price rises."""
        if self.inverse and self.kind != "option":
            return -lots * self.lot / price * self.unit
        return lots * self.lot * price * self.unit

    def at_expiry(self, lots: int, index: Fraction) -> Fraction:
        if self.kind == "future":
            return self.worth(lots, index)
        assert self.strike is not None
        gain = max(index - self.strike if self.is_call else self.strike - index, Fraction(0))
        return lots * (gain / index if self.inverse else gain) * self.lot * self.unit


@dataclass
class Part:
    """Lots of a leg that an account has, and exactly what they are worth at the trade's price."""

    account: str
    lots: int


@dataclass
class Trade:
    symbol: str
    price: Fraction
    at: int
    legs: dict[str, list[Part]]  # bought | sold
    since: int  # when what it replaced, if anything, was made
    struck: bool = False


@dataclass
class Paid:
    """An amount that somebody received (or paid, negative), with the roundings in it."""

    account: str
    asset: str
    amount: Callable[[], Fraction]
    roundings: Fraction


@dataclass(frozen=True)
class Funding:
    symbol: str
    at: int
    rate: Fraction
    set_name: str


class Economy:
    """Commands change it as they change the house; questions are answered from the journal."""

    def __init__(self, contracts: list[Contract]) -> None:
        self.contracts = {it.symbol: it for it in contracts}
        self.trades: dict[str, Trade] = {}
        self.moved: list[
            tuple[int, str, str, int, Trade | None]
        ] = []  # (since, symbol, account, lots, of which trade)
        self.paid: list[Paid] = []
        self.marks: dict[
            str, dict[str, Fraction]
        ] = {}  # price set -> symbol or coin -> what stands
        self.fundings: dict[str, Funding] = {}
        self.funded: dict[str, dict[str, Fraction]] = {}
        self.final: dict[str, str] = {}  # expired symbol -> price set it was paid out at
        self.uncharged: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.custody: dict[str, int] = defaultdict(int)
        self.waiting: dict[str, tuple[str, str, int]] = {}
        self.free: dict[tuple[str, str], int] = defaultdict(
            int
        )  # units in lots nobody was promised
        self.promised: dict[str, int] = {}  # withdrawal -> units in lots; the rest is settled cash
        self.carried: dict[
            tuple[str, str], str
        ] = {}  # (symbol, account) -> set it was last valued at

    # --- money ----------------------------------------------------------------------------------

    def deposit(self, account: str, asset: str, minor: int) -> None:
        self._pay(account, asset, Fraction(minor), Fraction(0))
        self.custody[asset] += minor
        self.free[account, asset] += minor

    def ask(self, name: str, account: str, asset: str, minor: int) -> None:
        """A withdrawal: the money is not the account's any more, and not yet gone."""
        self._pay(account, asset, Fraction(-minor), Fraction(0))
        self.waiting[name] = (account, asset, minor)
        self.promised[name] = min(minor, self.free[account, asset])
        self.free[account, asset] -= self.promised[name]

    def pay_out(self, name: str) -> None:
        self.promised.pop(name)
        _, asset, minor = self.waiting.pop(name)
        self.custody[asset] -= minor

    def give_back(self, name: str) -> None:
        account, asset, minor = self.waiting.pop(name)
        self.free[account, asset] += self.promised.pop(name)
        self._pay(account, asset, Fraction(minor), Fraction(0))

    def _pay(self, account: str, asset: str, amount: Fraction, roundings: Fraction) -> None:
        self.paid.append(Paid(account, asset, lambda: amount, roundings))

    # --- trades and their lots ------------------------------------------------------------------

    def trade(
        self,
        name: str,
        symbol: str,
        *,
        buyer: str,
        seller: str,
        lots: int,
        price: Fraction,
        at: int,
        fee: Fraction = Fraction(0),
        instead_of: str = "",
    ) -> None:
        """`fee` is a share of what the trade is worth, charged by the next cycle whatever becomes of
        the trade; `at` is when it took effect, which may be before now."""
        it = self.contracts[symbol]
        legs = {"bought": [Part(buyer, lots)], "sold": [Part(seller, -lots)]}
        since = self.trades[instead_of].since if instead_of else at
        self.trades[name] = trade = Trade(symbol, price, at, legs, since)
        for account, signed in ((buyer, lots), (seller, -lots)):
            self._take(symbol, account, signed, since, trade)
            self.uncharged[account, symbol] += abs(it.worth(lots, price)) * fee

    def pass_on(self, name: str, side: str, giver: str, taker: str, lots: int, *, at: int) -> None:
        """`lots` have no sign; the value goes with them, rounded once more on each side."""
        trade = self.trades[name]
        sign = 1 if side == "bought" else -1
        trade.legs[side] += [Part(giver, -sign * lots), Part(taker, sign * lots)]
        self._shift(trade.symbol, giver, -sign * lots, at, trade)
        self._shift(trade.symbol, taker, sign * lots, at, trade)

    def bust(self, name: str, *, at: int) -> None:
        """As if it had never been: what was paid for its lots is paid back, and so is what they
        brought at expiry."""
        trade = self.trades[name]
        trade.struck = True
        for part in self._summed(trade):
            self._take(trade.symbol, part.account, -part.lots, at, trade)

    def transfer(
        self, symbol: str, giver: str, taker: str, *, lots: int, value: Fraction, at: int
    ) -> None:
        """Signed lots change accounts for a value, which is rounded once unless it is whole."""
        asset, off = self.contracts[symbol].pays_in, Fraction(0) if value.denominator == 1 else HALF
        self._pay(giver, asset, value, off)
        self._pay(taker, asset, -value, off)
        self._shift(symbol, giver, -lots, at)
        self._shift(symbol, taker, lots, at)

    def part(self, name: str, side: str, account: str) -> int:
        return sum(it.lots for it in self.trades[name].legs[side] if it.account == account)

    def held(self, symbol: str) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for _, named, account, lots, _ in self.moved:
            if named == symbol:
                found[account] += lots
        return {account: lots for account, lots in found.items() if lots}

    def to_fund(self, symbol: str, *, at: int) -> dict[str, int]:
        """Lots held then, had no struck trade ever been, and had each correction been made when what
        it replaced was."""
        found: dict[str, int] = defaultdict(int)
        for when, named, account, lots, trade in self.moved:
            if trade is not None and trade.struck:
                continue
            if named == symbol and when <= at:
                found[account] += lots
        return {account: lots for account, lots in found.items() if lots}

    def _take(self, symbol: str, account: str, lots: int, at: int, trade: Trade) -> None:
        """Lots of an expired contract exist only until they are paid out."""
        if symbol in self.final:
            self._paid_at_expiry(symbol, account, lots)
        else:
            self._shift(symbol, account, lots, at, trade)

    def _shift(
        self, symbol: str, account: str, lots: int, at: int, trade: Trade | None = None
    ) -> None:
        self.carried.pop((symbol, account), None)
        if self.contracts[symbol].kind != "spot":
            self.moved.append((at, symbol, account, lots, trade))

    def _summed(self, trade: Trade) -> list[Part]:
        found: dict[tuple[str, str], int] = defaultdict(int)
        for side, parts in trade.legs.items():
            for part in parts:
                found[side, part.account] += part.lots
        return [Part(account, lots) for (_, account), lots in found.items() if lots]

    # --- what the house does about it -----------------------------------------------------------

    def seal(self, name: str, marks: dict[str, Fraction]) -> None:
        self.marks[name] = marks

    def correct(self, name: str, marks: dict[str, Fraction]) -> None:
        """Another set stands for it from now on: payouts and funding follow by themselves."""
        self.marks[name] = marks
        for fixing in self.fundings.values():
            if fixing.set_name == name:
                self.fund(fixing)

    def cycle(self, set_name: str) -> None:
        """Fees are rounded up, once for an account and instrument; positions are valued anew."""
        for (account, symbol), fee in self.uncharged.items():
            if fee:
                asset = self.contracts[symbol].pays_in
                self._pay(account, asset, -fee, Fraction(1))
        self.uncharged.clear()
        for symbol, it in self.contracts.items():
            if it.kind in ("perpetual", "future"):
                for account in self.held(symbol):
                    self.carried[symbol, account] = set_name

    def fund(self, fixing: Funding) -> None:
        """What is owed for the interval, instead of whatever was paid for it before."""
        name = f"{fixing.symbol} {fixing.at}"
        self.fundings[name] = fixing
        it, price = self.contracts[fixing.symbol], self.marks[fixing.set_name][fixing.symbol]
        owed = {}
        for account, lots in self.to_fund(fixing.symbol, at=fixing.at).items():
            share = abs(it.worth(lots, price)) * fixing.rate
            owed[account] = -share if lots > 0 else share
        self.funded[name] = owed

    def expire(self, symbol: str, set_name: str, *, at: int) -> None:
        self.final[symbol] = set_name
        for account, lots in self.held(symbol).items():
            self._paid_at_expiry(symbol, account, lots)
            self._shift(symbol, account, -lots, at)

    def _paid_at_expiry(self, symbol: str, account: str, lots: int) -> None:
        it, name = self.contracts[symbol], self.final[symbol]
        self.paid.append(
            Paid(
                account,
                it.pays_in,
                lambda: it.at_expiry(lots, self.marks[name][it.coin]),
                HALF,
            )
        )

    # --- questions ------------------------------------------------------------------------------

    def owned(self, account: str, asset: str) -> tuple[Fraction, Fraction]:
        """(cash less what positions are carried at, by how much roundings may have moved it)."""
        total, bound = Fraction(0), Fraction(0)
        for it in self.paid:
            if (it.account, it.asset) == (account, asset):
                total, bound = total + it.amount(), bound + it.roundings
        for trade in self.trades.values():
            if not trade.struck:
                paid, roundings = self._of(trade, account, asset)
                total, bound = total + paid, bound + roundings
        for name, owed in self.funded.items():
            pays_in = self.contracts[self.fundings[name].symbol].pays_in
            if pays_in == asset and account in owed:
                total, bound = total + owed[account], bound + HALF
        return total, bound

    def _of(self, trade: Trade, account: str, asset: str) -> tuple[Fraction, Fraction]:
        """What one trade that stands has paid an account in one asset."""
        it = self.contracts[trade.symbol]
        mine = [part for leg in trade.legs.values() for part in leg if part.account == account]
        if not mine:
            return Fraction(0), Fraction(0)
        total, bound = Fraction(0), Fraction(0)
        if it.pays_in == asset:
            total -= sum((it.worth(part.lots, trade.price) for part in mine), Fraction(0))
        if it.pays_in == asset and it.inverse and it.kind != "option":
            bound += HALF + sum(len(leg) // 2 for leg in trade.legs.values())
        if it.kind == "spot" and it.coin == asset:
            total += sum((part.lots * it.lot * it.coin_unit for part in mine), Fraction(0))
        return total, bound

    def lots_of_collateral(self, account: str, asset: str) -> int:
        """Units that arrived and were not withdrawn, those on their way out included."""
        leaving = (
            n for name, n in self.promised.items() if self.waiting[name][:2] == (account, asset)
        )
        return self.free[account, asset] + sum(leaving)

    def valued(self, symbol: str, account: str) -> Fraction | None:
        """What the position is carried at since it was last valued; None where it moved since."""
        name = self.carried.get((symbol, account))
        if name is None or symbol not in self.marks[name]:
            return None
        return self.contracts[symbol].worth(self.held(symbol)[account], self.marks[name][symbol])
