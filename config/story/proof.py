"""Is the story true? What the log says happened, checked against what must have.

Nothing here names an account, a moment or an outcome: it asks whether somebody was called and paid
and was spared, whether somebody was liquidated and restored, and whether a hedged book was never
called although each of its legs alone would have been.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from clearing import selectors as record
from clearing.domain import entries
from clearing.selectors import BookColumns
from config.story.cast import Cast
from liquidation import selectors as liquidation
from margin import selectors as margin
from margin.services import what_if

CALL_COLUMNS = (
    "call_id",
    "account",
    "state",
    "asset",
    "amount",
    "equity",
    "maintenance",
    "target",
    "issued_at",
    "due_at",
    "ended_at",
    "outcome",
)
CASE_COLUMNS = (
    "case_id",
    "account",
    "call_id",
    "state",
    "equity",
    "maintenance",
    "target",
    "steps",
    "penalty",
    "opened_at",
    "moved_at",
    "closed_at",
)


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    holds: bool
    says: str


def sums() -> Check:
    """Every column of the book sums to zero."""
    off = [asset for asset, members, house in record.trial_balance() if members + house]
    return Check("sums", not off, "every asset sums to zero" if not off else f"off: {off}")


def settled() -> Check:
    """Cycles closed, and none is left that does not balance."""
    closed = record.cycles().filter(kind="periodic", state="closed").count()
    left = [row.cycle_id for row in record.open_cycles()]
    says = f"{closed} cycles closed" if not left else f"not closed: {left}"
    return Check("settled", closed > 0 and not left, says)


def called_and_spared() -> Check:
    liquidated = {row.account for row in liquidation.cases()}
    spared = sorted(
        {
            call.account
            for call in margin.calls().filter(state="covered", outcome="paid")
            if call.account not in liquidated
        }
    )
    return Check("called, paid, spared", bool(spared), ", ".join(spared) or "nobody")


def liquidated_and_restored() -> Check:
    closed = sorted({row.account for row in liquidation.cases().filter(state="closed")})
    return Check("liquidated and restored", bool(closed), ", ".join(closed) or "nobody")


def nothing_left_open() -> Check:
    stuck = [row.case_id for row in liquidation.open_cases()]
    dead = record.dead_jobs().count()
    says = (
        "no case stuck, no job dead" if not (stuck or dead) else f"cases {stuck}, {dead} dead jobs"
    )
    return Check("nothing left open", not stuck and not dead, says)


def hedged_and_spared(cast: Cast) -> Check:
    """A book of two legs or more, never called, each leg of which alone would have been."""
    called = {call.account for call in margin.calls()}
    hedged = [
        player.account_id
        for player in cast.players
        if len(player.legs) > 1 and player.account_id not in called and not player.counterparty
    ]
    spared = [account for account in hedged if _each_leg_called(account)]
    return Check("hedged, never called", bool(spared), ", ".join(spared) or f"none of {hedged}")


def nobody_called() -> Check:
    count = margin.calls().count()
    return Check("nobody called", count == 0, f"{count} calls")


def _each_leg_called(account_id: str) -> bool:
    """Would each leg alone, with all of the account's first collateral, have been below the call
    level at some price set?"""
    books = _leg_books(account_id)
    called = [False] * len(books.accounts)
    for row in record.price_sets().order_by("sequence"):
        for leg, levels in enumerate(what_if.levels(books, price_sequence=row.sequence)):
            called[leg] = called[leg] or (levels is not None and levels.below_call)
        if all(called):
            return True
    return False


def _leg_books(account_id: str) -> BookColumns:
    """One hypothetical account a leg: the deposits, and that leg's own entries."""
    deposits: dict[str, int] = {}
    legs: dict[str, dict[str, int]] = {}
    for it in record.stream(f"account-{account_id}"):
        target = deposits
        if it.fact.NAME == "clearing.trade-novated.v1":
            target = legs.setdefault(it.fact.symbol, {})
        elif it.fact.NAME != "clearing.collateral-deposited.v1":
            continue
        for entry in entries.effects(it.fact):
            if entry.account == account_id:
                target[entry.asset] = target.get(entry.asset, 0) + entry.amount
    book = BookColumns(accounts=[], versions=[], sequences=[], row=[], asset=[], amount=[])
    for row, (symbol, held) in enumerate(legs.items()):
        book.accounts.append(f"{account_id} {symbol}")
        book.versions.append(0)
        book.sequences.append(0)
        for asset in sorted({*deposits, *held}):
            book.row.append(row)
            book.asset.append(asset)
            book.amount.append(deposits.get(asset, 0) + held.get(asset, 0))
    return book


def book_hash() -> str:
    """What the house ends with, whatever happened on the way: holdings, calls and cases.

    Sequences, runs and wall-clock times are left out: a run that was killed and started again may
    take other numbers, and must end in the same book.
    """
    calls = margin.calls().order_by("call_id").values_list(*CALL_COLUMNS)
    cases = liquidation.cases().order_by("case_id").values_list(*CASE_COLUMNS)
    book = record.live_book(row.account_id for row in record.account_rows())
    columns = [book.accounts, book.versions, book.row, book.asset, book.amount]
    text = json.dumps([columns, list(calls), list(cases)], default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def whole(cast: Cast, *, fall: bool) -> list[Callable[[], Check]]:
    """The checks of a story with a fall in it, or without one."""
    always: list[Callable[[], Check]] = [sums, settled, nothing_left_open]
    if not fall:
        return [*always, nobody_called]
    return [
        *always,
        called_and_spared,
        liquidated_and_restored,
        lambda: hedged_and_spared(cast),
    ]
