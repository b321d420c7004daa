"""What settlement pays, again: exact fractions over the whole history, no line shared with it.

It never settles anything. It remembers every trade, and says at any time what an account has gained
since the beginning: what it was paid for what it sold, less what it paid, and what is left at a mark.
Whoever settles in between, however often, must come to the same but for rounding.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Gains:
    """Of one contract, in minor units of what it pays in."""

    lot: Fraction
    inverse: bool
    unit: int  # minor units in one
    given: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    legs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    funded: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    fundings: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def trade(self, *, buyer: str, seller: str, lots: int, price: Fraction) -> None:
        for account, signed in ((buyer, lots), (seller, -lots)):
            self.given[account] -= self._worth(signed, price)
            self.held[account] += signed
            self.legs[account] += 1

    def fund(self, *, rate: Fraction, price: Fraction) -> None:
        for account, lots in self.held.items():
            if lots:
                share = abs(self._worth(lots, price)) * rate
                self.funded[account] += -share if lots > 0 else share
                self.fundings[account] += 1

    def gained(self, account: str, *, mark: Fraction) -> Fraction:
        """Since the beginning, funding included; positive is a gain."""
        now = self._worth(self.held[account], mark)
        return self.given[account] + now + self.funded[account]

    def may_differ(self, account: str) -> Fraction:
        """Half a unit for each leg, funding and valuation that is rounded to whole units."""
        return Fraction(self.legs[account] + self.fundings[account] + 1, 2)

    def _worth(self, lots: int, price: Fraction) -> Fraction:
        """The long side of an inverse contract owes coin, and less of it as the price rises."""
        each = -self.lot / price if self.inverse else self.lot * price
        return lots * each * self.unit


def assigned(tickets: list[str], picks: list[int]) -> dict[str, int]:
    """How many of an account's tickets were picked."""
    found: dict[str, int] = defaultdict(int)
    for pick in picks:
        found[tickets[pick]] += 1
    return dict(found)
