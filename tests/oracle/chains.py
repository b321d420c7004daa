"""What every account should have after any history of trades that were passed on, busted and corrected.

Slow and obvious: a trade is a list of steps, each of which gave an account lots for a value; a bust
strikes the trade's steps out; what an account has is the sum of all steps that still stand. It knows
nothing of positions at cost, of cash, or of what was settled in between, because none of that may
matter: lots, and value paid for them, are all that a trade leaves behind.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction


@dataclass
class Step:
    account: str
    lots: int
    value: int  # minor units paid for the lots


class Chains:
    """Commands change it as they change the house; `totals` says what every account should have."""

    def __init__(self) -> None:
        self.legs: dict[tuple[str, str], list[Step]] = {}  # (trade, bought | sold) -> steps
        self.symbols: dict[str, str] = {}
        self.struck: set[str] = set()
        self.moved: list[tuple[str, Step]] = []  # transfers of positions: (symbol, step)

    def trade(
        self, trade: str, symbol: str, *, buyer: str, seller: str, lots: int, value: int
    ) -> None:
        self.symbols[trade] = symbol
        self.legs[trade, "bought"] = [Step(buyer, lots, value)]
        self.legs[trade, "sold"] = [Step(seller, -lots, -value)]

    def part(self, trade: str, side: str, account: str) -> tuple[int, int]:
        mine = [it for it in self.legs[trade, side] if it.account == account]
        return sum(it.lots for it in mine), sum(it.value for it in mine)

    def pass_on(self, trade: str, side: str, giver: str, shares: dict[str, int]) -> None:
        """`shares` are lots without a sign. Values go by largest remainder, the rest included."""
        lots, value = self.part(trade, side, giver)
        takers = sorted(shares)
        dues = [Fraction(value * shares[name], abs(lots)) for name in takers]
        kept = Fraction(value * (abs(lots) - sum(shares.values())), abs(lots))
        values = rounded([*dues, kept])
        sign = 1 if lots > 0 else -1
        for name, worth in zip(takers, values, strict=False):
            self.legs[trade, side] += [
                Step(name, sign * shares[name], worth),
                Step(giver, -sign * shares[name], -worth),
            ]

    def move(self, symbol: str, giver: str, taker: str, *, lots: int, value: int) -> None:
        self.moved += [(symbol, Step(giver, -lots, -value)), (symbol, Step(taker, lots, value))]

    def bust(self, trade: str) -> None:
        self.struck.add(trade)

    def totals(self, symbol: str) -> dict[str, tuple[int, int]]:
        """account -> (lots, cash - cost) since the beginning."""
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        steps = [
            step
            for (trade, _), leg in self.legs.items()
            if self.symbols[trade] == symbol and trade not in self.struck
            for step in leg
        ]
        steps += [step for named, step in self.moved if named == symbol]
        for step in steps:
            found[step.account][0] += step.lots
            found[step.account][1] -= step.value
        return {account: (lots, paid) for account, (lots, paid) in found.items()}


def rounded(dues: list[Fraction]) -> list[int]:
    """Whole numbers that sum as the dues do: cut toward zero, then one each to the largest rests."""
    whole = [int(due) for due in dues]
    rest = int(sum(dues)) - sum(whole)
    step = 1 if rest >= 0 else -1
    order = sorted(range(len(dues)), key=lambda at: (-abs(dues[at] - whole[at]), at))
    for at in order[: abs(rest)]:
        whole[at] += step
    return whole
