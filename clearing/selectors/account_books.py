"""What one account holds: now, at any point of the log, and what it is worth at a sealed price.

A point has three sides, each optional. `sequence` is the place in the log; `effective_at` is business
time, when facts took effect; `known_at` is the wall clock, when they were recorded. A fact written
late is in the book by its effective time and not yet in what was known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from clearing.domain import entries
from clearing.domain import instrument as contract
from clearing.domain.instrument import Instrument
from clearing.selectors.market import SealedPrices
from clearing.selectors.reference import instruments


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBook:
    """Amounts by asset as entries name assets, without zeros; `sequence` is the latest fact counted.

    `leaving` is what was asked to be withdrawn and not yet decided; it is not in `held`.
    """

    sequence: int
    held: dict[str, int]
    leaving: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """`value` is what the lots are worth at the mark less what they are carried at."""

    terms: Instrument
    lots: int
    cost: int
    mark: str | None
    value: int | None


def account_book(
    account_id: str,
    *,
    sequence: int | None = None,
    effective_at: datetime | None = None,
    known_at: datetime | None = None,
) -> AccountBook:
    """The book at a point, by one statement and so of one moment; without a point, as it is now.

    Any account's, the house's own too; empty where nothing is known of it.
    """
    point = {"sequence": sequence, "effective_at": effective_at, "known_at": known_at}
    now = account_id not in entries.HOUSE_ACCOUNTS and not any(
        it is not None for it in point.values()
    )
    names = {
        "account": account_id,
        "stream": f"account-{account_id}",
        "pending": entries.PENDING,
        "cash": entries.cash(""),
    }
    timed = effective_at is not None or known_at is not None
    then = _THEN.format(times=_TIMES if timed else "")
    with connection.cursor() as cursor:
        cursor.execute(_NOW if now else then, {**names, **point})
        rows = cursor.fetchall()
    # a sum over all members may be more than one member's column holds
    return AccountBook(
        sequence=max((row[3] for row in rows), default=0),
        held={asset: int(held) for asset, held, _, _ in rows if held},
        leaving={asset: int(leaving) for asset, _, leaving, _ in rows if leaving},
    )


def book_as_of(
    account_id: str,
    *,
    sequence: int | None = None,
    effective_at: datetime | None = None,
    known_at: datetime | None = None,
) -> dict[str, int]:
    """asset -> amount: the sum of the entries of every fact up to the point, the point included."""
    return account_book(
        account_id, sequence=sequence, effective_at=effective_at, known_at=known_at
    ).held


def positions(held: Mapping[str, int], sealed: SealedPrices | None) -> list[PositionRow]:
    """Every instrument a book has lots of, by symbol, valued where the prices quote it."""
    prefix = entries.lots("")
    symbols = [asset.removeprefix(prefix) for asset in held if asset.startswith(prefix)]
    found = []
    for symbol, it in instruments(symbols).items():
        lots, cost = held[entries.lots(symbol)], held.get(entries.cost(symbol), 0)
        quote = sealed.prices.quotes.get(symbol) if sealed else None
        value = None
        if quote is not None:
            value = contract.value_at_mark(it, lots=lots, cost=cost, mark=Decimal(quote.mark))
        mark = quote.mark if quote else None
        found.append(PositionRow(terms=it, lots=lots, cost=cost, mark=mark, value=value))
    return found


_NOW = """
    SELECT NULL AS asset, 0 AS held, 0 AS leaving, sequence
    FROM clearing_accountstate WHERE account = %(account)s
    UNION ALL
    SELECT asset, amount, 0, 0 FROM clearing_holding WHERE account = %(account)s
    UNION ALL
    SELECT %(cash)s || asset, 0, sum(amount), 0 FROM clearing_withdrawal
    WHERE account = %(account)s AND status NOT IN ('settled', 'refused') GROUP BY asset
    ORDER BY asset
"""

# A time is looked up entry by entry: `OFFSET 0` keeps the planner from reading the whole log to
# join it, so an account costs its own entries and nothing else (clearing/decisions/0045). A place
# in the log stands in the entry itself.
_TIMES = """
        JOIN LATERAL (
            SELECT effective_at, recorded_at FROM clearing_event
            WHERE sequence = entry.sequence OFFSET 0
        ) AS fact
        ON (%(effective_at)s::timestamptz IS NULL OR fact.effective_at <= %(effective_at)s)
           AND (%(known_at)s::timestamptz IS NULL OR fact.recorded_at <= %(known_at)s)
"""
_THEN = """
    WITH own AS (
        SELECT entry.asset, entry.amount, entry.sequence
        FROM clearing_entry AS entry
        {times}
        WHERE entry.account = %(account)s
          AND (%(sequence)s::bigint IS NULL OR entry.sequence <= %(sequence)s)
    ), counted AS (
        SELECT sequence FROM clearing_event
        WHERE stream = %(stream)s
          AND (%(sequence)s::bigint IS NULL OR sequence <= %(sequence)s)
          AND (%(effective_at)s::timestamptz IS NULL OR effective_at <= %(effective_at)s)
          AND (%(known_at)s::timestamptz IS NULL OR recorded_at <= %(known_at)s)
    )
    SELECT NULL AS asset, 0 AS held, 0 AS leaving, coalesce(max(sequence), 0) AS sequence
    FROM counted
    UNION ALL
    SELECT asset, sum(amount), 0, max(sequence) FROM own GROUP BY asset
    UNION ALL
    SELECT entry.asset, 0, sum(entry.amount), 0
    FROM counted CROSS JOIN LATERAL (
        SELECT asset, amount FROM clearing_entry
        WHERE sequence = counted.sequence AND account = %(pending)s OFFSET 0
    ) AS entry
    GROUP BY entry.asset
    ORDER BY asset
"""
