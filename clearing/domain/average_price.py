"""Average price: executions of one side as one, and every account at the same price.

The average is the group's value over its lots, a rational number that is never rounded. Accounts get
their share of the value by largest remainder, so that they sum to the group's value exactly. Each
account's lots come from certain trades, in order, so that a later bust of one of them finds them;
what a trade's own value differs from the average stays with the executing account, and those
differences sum to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from clearing.domain import parts
from clearing.domain.errors import Refusal
from clearing.domain.parts import Part, Share

MOST_TRADES = 1_000


class GroupNotUniform(Refusal):
    code = "group-not-uniform"
    says = "A group has trades of one account, one side and one instrument, each once."


class GroupNotAllocated(Refusal):
    code = "group-not-allocated"
    says = "A group is allocated to the last lot: nothing may be left over."


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What one account takes of one trade of the group."""

    trade: int  # its place in the group
    part: Part


def average(found: Sequence[Part]) -> Fraction:
    """Minor units of the settlement asset for one lot."""
    return Fraction(sum(it.value for it in found), sum(it.lots for it in found))


def check_group(found: Sequence[Part], symbols: Sequence[str]) -> None:
    """Raises GroupNotUniform."""
    uniform = len(set(symbols)) == 1 and len({it.side for it in found}) == 1
    if not uniform or len(found) > MOST_TRADES or not all(it.lots for it in found):
        raise GroupNotUniform(field="trades", trades=len(found), limit=MOST_TRADES)


def allocate(found: Sequence[Part], shares: Sequence[Share]) -> list[Slice]:
    """Every lot of every part to somebody, at the average. Raises GroupNotAllocated."""
    size, asked = sum(abs(it.lots) for it in found), sum(share.lots for share in shares)
    if asked != size:
        raise GroupNotAllocated(field="shares", group=size, asked=asked)
    worth = sum(it.value for it in found)
    values = parts.apportion(worth, [share.lots for share in shares])
    left = [abs(it.lots) for it in found]
    slices: list[Slice] = []
    trade = 0
    for share, value in zip(shares, values, strict=True):
        pieces: list[tuple[int, int]] = []  # (trade, lots)
        wanted = share.lots
        while wanted:
            if not left[trade]:
                trade += 1
                continue
            taken = min(wanted, left[trade])
            pieces.append((trade, taken))
            left[trade] -= taken
            wanted -= taken
        slices.extend(_at_average(share.account_id, found, pieces, value))
    return slices


def _at_average(
    account_id: str, found: Sequence[Part], pieces: Sequence[tuple[int, int]], value: int
) -> list[Slice]:
    values = parts.apportion(value, [lots for _, lots in pieces])
    return [
        Slice(
            trade=trade,
            part=Part(
                account_id=account_id,
                side=found[trade].side,
                lots=lots if found[trade].lots > 0 else -lots,
                value=worth,
            ),
        )
        for (trade, lots), worth in zip(pieces, values, strict=True)
    ]
