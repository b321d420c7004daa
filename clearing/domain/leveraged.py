"""What a leveraged token may lose before anybody can sell it.

A token with leverage L is set back to L times its own value at each rebalance. If the underlying
moves against it by `gap` before the next one, it loses L x gap of its value and no more than all of
it. So as collateral it is cut by what any token of its kind is cut by, and by that:

    haircut = min(1, base + |L| x gap)

`gap` is the worst move of the underlying from one rebalance to the next, falls for L > 0 and rises
for L < 0; it is a number of the risk officer's, and its source is named with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import pairwise

from clearing.domain.errors import Refusal

ALL = Decimal(1)


class GapNotValid(Refusal):
    code = "gap-not-valid"
    says = "This gap cannot be used for a haircut."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Worst adverse move of an underlying between two rebalances, as a positive fraction."""

    underlying: str
    move: Decimal
    source: str


def gap_haircut(*, base: Decimal, leverage: Decimal, gap: Gap) -> Decimal:
    """The share of the token's value that does not count as collateral, from `base` up to 1.

    Raises GapNotValid where base or gap is no fraction, leverage is 0, or the source is not named.
    """
    if not 0 <= base <= 1:
        raise GapNotValid(field="base", got=base, expected="a fraction from 0 to 1")
    if gap.move < 0 or (leverage > 0 and gap.move > 1):
        raise GapNotValid(field="gap", got=gap.move, expected="a positive fraction")
    if leverage == 0:
        raise GapNotValid(field="leverage", got=leverage, expected="not 0")
    if not gap.source.strip():
        raise GapNotValid(field="source", got="nothing", expected="where the gap was observed")
    return min(ALL, base + abs(leverage) * gap.move)


def value_after_gap(*, value: Decimal, leverage: Decimal, move: Decimal) -> Decimal:
    """What is left of a token's value when its underlying has moved by `move`, signed, and nobody
    has rebalanced it: never below zero."""
    return max(Decimal(0), value * (1 + leverage * move))


def worst_gap(prices: Sequence[Decimal], *, leverage: Decimal) -> Decimal:
    """The worst adverse move in a row of prices, one for each rebalance, oldest first.

    Zero where no move was adverse. Raises GapNotValid for fewer than two prices or one not above
    zero.
    """
    if len(prices) < 2 or min(prices) <= 0:
        raise GapNotValid(field="prices", got=len(prices), expected="two or more, all above zero")
    side = 1 if leverage > 0 else -1
    with localcontext(prec=28):
        moves = [side * (before - after) / before for before, after in pairwise(prices)]
    return max(Decimal(0), *moves)
