"""The statement of an account: what it held, every movement with its fact, and what it holds.

A period is open at its start and closed at its end, in business time, so that its opening balance
is the book as of the start, its closing balance the book as of the end, and one period's closing
is the next one's opening. Opening, movements and closing come out of one statement to the
database, so they are of one moment; a reader that adds them up is checked against the closing,
which is summed on its own (clearing/decisions/0046).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection

from clearing import codec
from clearing.domain import statement
from clearing.domain.cause import Cause
from clearing.domain.statement import Place
from clearing.store import Recorded

BATCH = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Of one account: past `start` up to and including `end`, as it was known at a sequence or time.

    Without a start it begins with the log; without a side of knowledge it is as known now.
    """

    account_id: str
    end: datetime
    start: datetime | None = None
    sequence: int | None = None
    known_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class MovementRow:
    """One fact's effect on one asset of the account; `balance` is what it led to."""

    recorded: Recorded
    asset: str
    amount: int
    balance: int
    counterparts: tuple[str, ...]

    @cached_property
    def reference(self) -> str:
        """What the outside knows it by: the id of the trade, deposit, withdrawal, or of the request."""
        return statement.reference(self.recorded.fact) or self.recorded.cause.correlation_id

    @property
    def kind(self) -> str:
        return statement.kind(self.recorded.fact.NAME)

    @property
    def place(self) -> Place:
        return Place(sequence=self.recorded.sequence, asset=self.asset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """asset -> amount at both ends of a period, without zeros."""

    opening: dict[str, int] = field(default_factory=dict)
    closing: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPage:
    """Both ends of the period, and the movements past a place."""

    balances: Balances
    movements: list[MovementRow]


def statement_page(
    period: Period, *, after: Place | None = None, limit: int | None = None
) -> StatementPage:
    """Balances of the whole period, and its movements past a place, in order of their effect."""
    opening: dict[str, int] = {}
    closing: dict[str, int] = {}
    rows = []
    asked = {**_asked(period), "limit": limit, "after": None, "after_asset": ""}
    if after is not None:
        asked |= {"after": after.sequence, "after_asset": after.asset}
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, asked)
        for row in cursor.fetchall():
            match row[0]:
                case 0:
                    opening[row[1]] = int(row[2])
                case 1:
                    rows.append(_movement(row))
                case _:
                    closing[row[1]] = int(row[2])
    return StatementPage(balances=Balances(opening=opening, closing=closing), movements=rows)


def statement_lines(period: Period) -> Iterator[statement.Line]:
    """The whole of it as it is read aloud: openings, movements, closings, however many there are.

    Raises StatementBroken at its end if they do not add up.
    """
    running = statement.Running()
    asked = {**_asked(period), "limit": None, "after": None, "after_asset": ""}
    with connection.chunked_cursor() as cursor:
        cursor.execute(_STATEMENT, asked)
        while batch := cursor.fetchmany(BATCH):
            for row in batch:
                match row[0]:
                    case 0:
                        yield running.opens(row[1], int(row[2]))
                    case 1:
                        moved = _movement(row)
                        balance = running.moves(moved.asset, moved.amount)
                        yield statement.Line(
                            part=statement.MOVEMENT,
                            asset=moved.asset,
                            amount=moved.amount,
                            balance=balance,
                            movement=replace(moved, balance=balance),
                        )
                    case _:
                        yield running.closes(row[1], int(row[2]))
    running.ends()


def _asked(period: Period) -> dict[str, Any]:
    return {
        "account": period.account_id,
        "start": period.start,
        "end": period.end,
        "sequence": period.sequence,
        "known_at": period.known_at,
    }


def _movement(row: tuple[Any, ...]) -> MovementRow:
    _, asset, amount, sequence, balance, others, *fact = row
    stream, version, name, effective_at, recorded_at, actor, correlation_id, cause, payload = fact
    return MovementRow(
        recorded=Recorded(
            sequence=sequence,
            stream=stream,
            version=version,
            effective_at=effective_at,
            recorded_at=recorded_at,
            cause=Cause(actor=actor, correlation_id=correlation_id, sequence=cause),
            fact=codec.decode(name, payload),
        ),
        asset=asset,
        amount=int(amount),
        balance=int(balance),
        counterparts=tuple(others),
    )


# What a fact moves of one asset of the account is one movement, however many entries it has. The
# facts are looked up entry by entry (see account_books.py), the other side for the page alone.
_STATEMENT = """
    WITH own AS MATERIALIZED (
        SELECT entry.asset, entry.sequence, sum(entry.amount) AS amount,
               min(fact.effective_at) AS effective_at
        FROM clearing_entry AS entry
        JOIN LATERAL (
            SELECT effective_at, recorded_at FROM clearing_event
            WHERE sequence = entry.sequence OFFSET 0
        ) AS fact
        ON fact.effective_at <= %(end)s
           AND (%(known_at)s::timestamptz IS NULL OR fact.recorded_at <= %(known_at)s)
        WHERE entry.account = %(account)s
          AND (%(sequence)s::bigint IS NULL OR entry.sequence <= %(sequence)s)
        GROUP BY entry.asset, entry.sequence HAVING sum(entry.amount) <> 0
    ), opening AS (
        SELECT asset, sum(amount) AS amount FROM own
        WHERE effective_at <= %(start)s::timestamptz GROUP BY asset HAVING sum(amount) <> 0
    ), moved AS (
        SELECT own.*, coalesce(opening.amount, 0) + sum(own.amount) OVER (
                   PARTITION BY own.asset ORDER BY own.effective_at, own.sequence
               ) AS balance
        FROM own LEFT JOIN opening USING (asset)
        WHERE %(start)s::timestamptz IS NULL OR own.effective_at > %(start)s
    ), page AS (
        SELECT moved.* FROM moved
        WHERE %(after)s::bigint IS NULL OR (effective_at, sequence, asset) > (
            (SELECT effective_at FROM clearing_event WHERE sequence = %(after)s),
            %(after)s::bigint, %(after_asset)s)
        ORDER BY effective_at, sequence, asset LIMIT %(limit)s
    )
    SELECT 0 AS part, asset, amount, 0 AS sequence, 0 AS balance, NULL AS others, NULL AS stream,
           0 AS version, NULL AS name, NULL::timestamptz AS effective_at,
           NULL::timestamptz AS recorded_at, NULL AS actor, NULL AS correlation_id,
           NULL::bigint AS cause, NULL AS payload
    FROM opening
    UNION ALL
    SELECT 1, page.asset, page.amount, page.sequence, page.balance,
           ARRAY(SELECT DISTINCT account::text FROM clearing_entry AS entry
                 WHERE entry.sequence = page.sequence AND entry.asset = page.asset
                   AND entry.account <> %(account)s ORDER BY 1),
           event.stream, event.version, event.name, event.effective_at, event.recorded_at,
           event.actor, event.correlation_id, event.cause, event.payload
    FROM page JOIN LATERAL (
        SELECT * FROM clearing_event WHERE sequence = page.sequence OFFSET 0
    ) AS event ON true
    UNION ALL
    SELECT 2, asset, sum(amount), 0, 0, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM own GROUP BY asset HAVING sum(amount) <> 0
    ORDER BY 1, effective_at, sequence, asset
"""
