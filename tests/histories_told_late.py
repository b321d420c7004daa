"""Random commands through the house and through a ledger of its own, many of them told late."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from clearing import models, selectors
from clearing.domain import entries
from clearing.services import collateral, timekeeping, trades
from tests.builders import CALL, CAUSE, FUTURE, INSTRUMENTS, INVERSE, PERPETUAL, SPOT, a_trade
from tests.oracle.bitemporal import History
from tests.oracle.ledger import Ledger

MEMBERS = ("NORTH-1", "SOUTH-1")
PRICES = {CALL: "0.0123", INVERSE: "90000", FUTURE: "90100", SPOT: "89990", PERPETUAL: "90000"}


class ToldLate:
    """The house and the oracle, told the same commands with the same times."""

    def __init__(self, chance: random.Random) -> None:
        from tests.builders import a_house
        from tests.services.test_against_ledger import contract

        a_house(RING="0")
        self.chance = chance
        self.ledger = Ledger(
            digits={"USDC": 6, "BTC": 8, "ETH": 9}, contracts=[contract(it) for it in INSTRUMENTS]
        )
        self.history = History()
        self.times: list[datetime] = [timekeeping.now()]
        for account in MEMBERS:
            self.ledger.open(account)
            self.ledger.deposit(account, key=f"start-{account[:5]}", asset="USDC", amount="1000000")
        self._write_down(timekeeping.now())

    def run(self, commands: int) -> History:
        for number in range(commands):
            step = timedelta(seconds=self.chance.choice([0, 60, 700]))
            timekeeping.advance(timekeeping.now() + step, cause=CAUSE)
            late = self.chance.choice([0, 0, 0, 300, 3_600])
            at = max(self.times[0], timekeeping.now() - timedelta(seconds=late))
            self._anything(f"n-{number}", at)
            self._write_down(at)
        return self.history

    def _anything(self, key: str, at: datetime) -> None:
        account = self.chance.choice(MEMBERS)
        match self.chance.randrange(7):
            case 0:
                money = {"key": key, "asset": self.chance.choice(["USDC", "ETH"]), "amount": "12.5"}
                collateral.deposit(account, **money, at=at, cause=CAUSE)
                assert self.ledger.deposit(account, **money) == "done"
            case 1:
                money = {"key": key, "asset": "USDC", "amount": "3.25"}
                collateral.request_withdrawal(account, **money, at=at, cause=CAUSE)
                assert self.ledger.ask(account, **money) == "done"
            case 2 if self.ledger.waiting:
                name = self.chance.choice(sorted(self.ledger.waiting))
                owner = name.partition(":")[0]
                collateral.settle_withdrawal(owner, withdrawal_id=name, at=at, cause=CAUSE)
                assert self.ledger.pay_out(name) == "done"
            case _:
                symbol = self.chance.choice(list(PRICES))
                buyer, seller = self.chance.sample(MEMBERS, 2)
                usual = f"0.0{self.chance.randrange(10, 99)}"
                report = {
                    "trade_id": key,
                    "symbol": symbol,
                    "price": PRICES[symbol],
                    "quantity": {CALL: "0.3", INVERSE: "500"}.get(symbol, usual),
                    "buyer": buyer,
                    "seller": seller,
                }
                trades.novate(a_trade(**report), at=at, cause=CAUSE)
                assert self.ledger.trade(**report) == "done"

    def _write_down(self, at: datetime) -> None:
        last = models.Event.objects.latest("sequence")
        self.times.append(at)
        self.history.told(
            self._everybody(), effective_at=at, recorded_at=last.recorded_at, sequence=last.sequence
        )

    def _everybody(self) -> dict[str, dict[str, int]]:
        found = {account: self.ledger.holdings(account) for account in MEMBERS}
        found[entries.CUSTODY] = self.ledger.in_custody()
        found[entries.PENDING] = self.ledger.pending()
        rest: dict[str, int] = {}
        for held in found.values():
            for asset, amount in held.items():
                rest[asset] = rest.get(asset, 0) - amount
        found[entries.NOVATION] = {asset: amount for asset, amount in rest.items() if amount}
        return found

    def a_point(self) -> dict[str, datetime | int | None]:
        """Sides at a command's own time, or none; of knowledge at most one."""
        change = self.chance.choice(self.history.changes)
        known = self.chance.choice(["known_at", "sequence", ""])
        point: dict[str, datetime | int | None] = {
            "effective_at": self.chance.choice([None, self.chance.choice(self.times)])
        }
        if known == "known_at":
            point["known_at"] = change.recorded_at
        elif known == "sequence":
            point["sequence"] = change.sequence
        return point


def accounts() -> list[str]:
    return [row.account_id for row in selectors.account_rows()]
