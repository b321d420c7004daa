"""Trades undone since: whose lots of them an earlier time would not have had, and whose it would.

A bust takes effect when it is decided, so what was held at an earlier time still counts the trade.
What is owed for that time is owed as if it had never been, and as if what replaced it had been made
when it was (clearing/decisions/0061).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """An account has these lots of a trade more; less, where negative."""

    sequence: int
    account: str
    lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ported:
    """All the giver has of any trade in the instrument went along to the taker; "" for all of them."""

    sequence: int
    giver: str
    taker: str
    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """Each lot of one contract became `factor` lots of another."""

    sequence: int
    symbol: str
    new_symbol: str
    factor: int


Step = Took | Ported | Adjusted


def lots_after(traded: str, steps: Iterable[Step]) -> tuple[str, dict[str, int]]:
    """(the contract they are lots of, account -> lots) of one trade, after all the steps."""
    symbol, held = traded, defaultdict[str, int](int)
    for step in sorted(steps, key=lambda it: it.sequence):
        match step:
            case Took():
                held[step.account] += step.lots
            case Ported() if step.symbol in ("", symbol):
                held[step.taker] += held.pop(step.giver, 0)
            case Adjusted() if step.symbol == symbol:
                symbol = step.new_symbol
                held = defaultdict(int, {it: lots * step.factor for it, lots in held.items()})
    return symbol, {account: lots for account, lots in held.items() if lots}


def lots_before(traded: str, lots: int, adjusted: Iterable[Adjusted]) -> tuple[str, int]:
    """(contract, lots) that lots traded now would have been before the adjustments; toward zero
    where that is no whole lot."""
    symbol = traded
    for step in sorted(adjusted, key=lambda it: it.sequence, reverse=True):
        if step.new_symbol == symbol:
            symbol, lots = step.symbol, lots // step.factor
    return symbol, lots


def family(symbol: str, adjusted: Iterable[Adjusted]) -> set[str]:
    """What the contract was adjusted from and into, and itself."""
    found, steps = {symbol}, list(adjusted)
    while more := {
        other
        for it in steps
        for one, other in ((it.symbol, it.new_symbol), (it.new_symbol, it.symbol))
        if one in found and other not in found
    }:
        found |= more
    return found
