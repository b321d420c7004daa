"""Books held still for a run: every account at its own version, in one statement."""

from __future__ import annotations

from django.db import connection

from clearing import selectors, store
from clearing.selectors import BookColumns


@store.decision
def freeze(book: str) -> int:
    """Freeze all accounts under a name; return how many. Freezing a name again changes nothing.

    One statement is one snapshot: an account's version and holdings belong together, because a
    trade changes both in one transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"book:{book}"])
        cursor.execute("SELECT count(*) FROM clearing_frozenaccount WHERE book = %s", [book])
        (count,) = cursor.fetchone()
        if count == 0:
            cursor.execute(_FREEZE, {"book": book})
            cursor.execute("SELECT count(*) FROM clearing_frozenaccount WHERE book = %s", [book])
            (count,) = cursor.fetchone()
    return int(count)


@store.decision
def hold(account_id: str) -> BookColumns:
    """One account's book, held as it is until the caller's decision ends."""
    store.claim(f"account-{account_id}")
    return selectors.live_book([account_id])


@store.decision
def take(book: str, *, most: int) -> BookColumns:
    """The next accounts of a frozen book that nobody else has taken, in their order; none when done.

    Taken for good if the caller's decision commits, and back in the book if it does not: so a book
    is worked off once, whoever dies on the way and however many work on it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"book": book, "most": most})
        return selectors.columns_of(cursor.fetchall())


def left(book: str) -> int:
    """How many accounts of a frozen book are not taken."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM clearing_frozenaccount WHERE book = %s", [book])
        (count,) = cursor.fetchone()
    return int(count)


def watermark(book: str) -> int:
    """The latest sequence in a frozen book: of an account's last fact."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(sequence), 0) FROM clearing_frozenaccount WHERE book = %s", [book]
        )
        (latest,) = cursor.fetchone()
    return int(latest)


@store.decision
def thaw(book: str) -> None:
    """The frozen rows are a convenience: entries up to each account's sequence say the same."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM clearing_frozenholding WHERE book = %s", [book])
        cursor.execute("DELETE FROM clearing_frozenaccount WHERE book = %s", [book])


_FREEZE = """
    WITH numbered AS (
        SELECT account, version, sequence,
               (row_number() OVER (ORDER BY account) - 1)::int AS ordinal
        FROM clearing_accountstate WHERE kind <> 'clearinghouse'
    ), accounts AS (
        INSERT INTO clearing_frozenaccount (book, ordinal, account, version, sequence)
        SELECT %(book)s, ordinal, account, version, sequence FROM numbered
    )
    INSERT INTO clearing_frozenholding (book, ordinal, asset, amount)
    SELECT %(book)s, numbered.ordinal, held.asset, held.amount
    FROM numbered JOIN clearing_holding AS held USING (account)
"""

# Arrays, not joins: these tables fill and empty again within a cycle, and a plan made while they were
# empty would walk all of one for each row of the other.
_TAKE = """
    WITH next AS (
        SELECT id FROM clearing_frozenaccount WHERE book = %(book)s
        ORDER BY ordinal LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), accounts AS (
        DELETE FROM clearing_frozenaccount WHERE id = ANY (ARRAY(SELECT id FROM next))
        RETURNING ordinal, account, version, sequence
    ), holdings AS (
        DELETE FROM clearing_frozenholding AS held
        WHERE held.book = %(book)s AND held.ordinal = ANY (ARRAY(SELECT ordinal FROM accounts))
        RETURNING held.ordinal, held.asset, held.amount
    )
    SELECT it.account, it.version, it.sequence, held.asset, held.amount
    FROM accounts AS it LEFT JOIN holdings AS held USING (ordinal)
    ORDER BY it.ordinal, held.asset
"""
