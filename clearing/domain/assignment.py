"""Who is assigned when holders exercise: a draw that anybody can repeat.

Each short lot is a ticket, numbered from zero through the accounts in the order of their names. As
many tickets are drawn as lots were exercised, each ticket with the same chance. Random numbers are
SHA-256 of the seed and a counter, as 256-bit integers; one that would favour low numbers is passed
over, and so is a ticket drawn before. Of the two sides, drawn and spared, the smaller is drawn.

The seed is the hash of the price set that fixed the payout and the symbol: nobody can know it before
the set is sealed, and anybody can compute it afterwards.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, count

ALGORITHM = "sha256-lots/1"


def seed_of(*, price_set: str, symbol: str) -> str:
    return hashlib.sha256(f"{price_set} {symbol}".encode()).hexdigest()


def drawn(shorts: Sequence[tuple[str, int]], *, exercised: int, seed: str) -> dict[str, int]:
    """account -> lots assigned, of (account, short lots above zero) in account order.

    Takes as many draws as the smaller of the exercised and the spared lots.
    """
    ends = list(accumulate(lots for _, lots in shorts))
    total = ends[-1] if ends else 0
    assert 0 <= exercised <= total, "no more is exercised than was written"
    spared = total - exercised
    picked = dict.fromkeys((account for account, _ in shorts), 0)
    for ticket in _tickets(min(exercised, spared), total=total, seed=seed):
        picked[shorts[bisect_right(ends, ticket)][0]] += 1
    if exercised <= spared:
        return picked
    return {account: lots - picked[account] for account, lots in shorts}


def _tickets(wanted: int, *, total: int, seed: str) -> Iterator[int]:
    seen: set[int] = set()
    limit = 2**256 // total * total if total else 0
    for number in count():
        if len(seen) == wanted:
            return
        found = int.from_bytes(hashlib.sha256(f"{seed}|{number}".encode()).digest(), "big")
        if found < limit and found % total not in seen:
            seen.add(found % total)
            yield found % total
