"""Whole books as columns, for margin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True, kw_only=True)
class BookColumns:
    """Accounts and what they hold, as columns; `row` is the place of its account in `accounts`."""

    accounts: list[str]
    versions: list[int]
    sequences: list[int]
    row: list[int]
    asset: list[str]
    amount: list[int]


def live_book(accounts: Iterable[str]) -> BookColumns:
    """The accounts as they are now, in one snapshot, in the order of their names."""
    with connection.cursor() as cursor:
        cursor.execute(_LIVE_BOOK, [list(accounts)])
        return columns_of(cursor.fetchall())


def frozen_book(book: str, *, first: int, last: int) -> BookColumns:
    """Accounts `first` up to but not including `last` of a frozen book."""
    with connection.cursor() as cursor:
        cursor.execute(_FROZEN_BOOK, [book, first, last])
        return columns_of(cursor.fetchall())


def part(columns: BookColumns, first: int, last: int) -> BookColumns:
    """Accounts `first` up to but not including `last` of the columns."""
    mine = [at for at, row in enumerate(columns.row) if first <= row < last]
    return BookColumns(
        accounts=columns.accounts[first:last],
        versions=columns.versions[first:last],
        sequences=columns.sequences[first:last],
        row=[columns.row[at] - first for at in mine],
        asset=[columns.asset[at] for at in mine],
        amount=[columns.amount[at] for at in mine],
    )


def columns_of(rows: list[tuple[str, int, int, str | None, int | None]]) -> BookColumns:
    """Rows are ordered by account; one that holds nothing has one row without an asset."""
    book = BookColumns(accounts=[], versions=[], sequences=[], row=[], asset=[], amount=[])
    for account_id, version, sequence, asset, amount in rows:
        if not book.accounts or book.accounts[-1] != account_id:
            book.accounts.append(account_id)
            book.versions.append(version)
            book.sequences.append(sequence)
        if asset is not None and amount is not None:
            book.row.append(len(book.accounts) - 1)
            book.asset.append(asset)
            book.amount.append(amount)
    return book


_LIVE_BOOK = """
    SELECT state.account, state.version, state.sequence, held.asset, held.amount
    FROM clearing_accountstate AS state LEFT JOIN clearing_holding AS held USING (account)
    WHERE state.account = ANY (%s) AND state.kind <> 'clearinghouse'
    ORDER BY state.account, held.asset
"""


_FROZEN_BOOK = """
    SELECT it.account, it.version, it.sequence, held.asset, held.amount
    FROM clearing_frozenaccount AS it LEFT JOIN clearing_frozenholding AS held
        ON held.book = it.book AND held.ordinal = it.ordinal
    WHERE it.book = %s AND it.ordinal >= %s AND it.ordinal < %s
    ORDER BY it.ordinal, held.asset
"""
