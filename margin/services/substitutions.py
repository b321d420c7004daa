"""Letting promised collateral go, once what replaces it is there and counts for as much."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from clearing import selectors as record
from clearing import store
from clearing.domain import collateral, entries
from clearing.domain.account import AccountNotOpen, Standing
from clearing.domain.cause import Cause
from clearing.domain.outflows import OutflowTooLarge
from clearing.domain.prices import PriceMissing
from clearing.domain.substitution import ARRIVED
from clearing.selectors import BookColumns, SealedPrices
from clearing.services import books, jobs, substitutions, timekeeping
from clearing.services.releases import ReleasesAreHalted
from margin import selectors
from margin.selectors import ParametersMissing, Rules
from margin.services import releases, results
from margin.services.releases import Levels
from margin.services.results import Pins

AGAIN = timedelta(minutes=5)  # until there is a price to test it on


@store.decision
def release(sequence: int, *, cause: Cause) -> int | None:
    """Settle, refuse, or let it wait. None when it is not there to be released.

    `sequence` is of any fact of the substitution.

    The same test as a withdrawal's, and one more: what the account's collateral counts for after the
    exchange is no less than before the other came in. Raises NotYet while expiries are settled.
    """
    fact = record.recorded(sequence).fact
    account_id, substitution_id = fact.account_id, fact.substitution_id
    row = record.substitution_of(account_id, substitution_id)
    at = timekeeping.now()
    if row.state not in ARRIVED:
        return None
    store.claim(f"asset-{row.asset}")
    columns = books.hold(account_id)
    row = record.substitution_of(account_id, substitution_id)
    if row.state not in ARRIVED:
        return None
    try:
        sealed, rules = record.latest_prices(), selectors.rules()
    except (PriceMissing, ParametersMissing) as missing:
        return substitutions.hold_back(
            row, goes_at=at + AGAIN, reason=missing.sentence, at=at, cause=cause
        )
    if not sealed.settled:
        raise jobs.NotYet("expiries of the latest price set are still being settled")
    before, after = _eligible(row, columns, sealed, at=at)
    no = _refusal(row, columns, sealed, rules, before=before, after=after, at=at)
    if no is not None:
        return substitutions.refuse(row, code=no[0], reason=no[1], at=at, cause=cause)
    wait = releases.room(row.asset, row.amount, account_id=account_id, sequence=row.sequence, at=at)
    if isinstance(wait, OutflowTooLarge):
        return substitutions.refuse(row, code=wait.code, reason=wait.sentence, at=at, cause=cause)
    if wait is not None:
        says = f"too much {row.asset} has left the {wait.whose} within the hour"
        return substitutions.hold_back(row, goes_at=wait.goes_at, reason=says, at=at, cause=cause)
    try:
        return substitutions.settle(
            row,
            reporting=rules.reporting,
            eligible_before=before,
            eligible_after=after,
            at=at,
            cause=cause,
        )
    except ReleasesAreHalted as halted:
        return substitutions.refuse(
            row, code=halted.code, reason=halted.sentence, at=at, cause=cause
        )


@store.decision
def sweep(*, cause: Cause) -> int:
    """End what is past its deadline, and look again at what waits; how many of both."""
    at = timekeeping.now()
    ended = substitutions.sweep(at=at, cause=cause)
    due = record.substitutions_waiting(at=at)
    for row in due:
        address = {"sequence": row.sequence, "correlation_id": cause.correlation_id}
        key = f"{row.substitution_id}:{cause.sequence}"
        jobs.leave("margin.release_substitution", key=key, address=address)
    return ended + len(due)


def _refusal(
    row: record.SubstitutionRow,
    columns: BookColumns,
    sealed: SealedPrices,
    rules: Rules,
    *,
    before: int,
    after: int,
    at: datetime,
) -> tuple[str, str] | None:
    """(code, reason), or None when it may go."""
    if record.account_row(row.account).standing != Standing.OPEN:
        return AccountNotOpen.code, "the account may only shed risk now"
    if balance(columns, row.asset) < row.amount:
        return "balance-too-small", f"trading has used up some of the {row.asset} since"
    if after < before:
        missing = record.shown(rules.reporting, before - after)
        says = f"the collateral would count for {missing} {rules.reporting} less"
        return "counts-for-less", says
    left = without(columns, row.asset, row.amount)
    pins = Pins(run_id="substitution", kind="what-if", sealed=sealed, rules=rules, at=at)
    (found,) = results.of(left, pins)
    names = ("asset", "equity", "initial", "reason")
    verdict = releases.judge(left, pins, Levels(**{it: found[it] for it in names}), at=at)
    return (verdict.code, verdict.reason) if verdict.code else None


def _eligible(
    row: record.SubstitutionRow, columns: BookColumns, sealed: SealedPrices, *, at: datetime
) -> tuple[int, int]:
    """What the account's collateral counts for before the other came in and after the old is gone;
    both zero while there is no schedule, and margin alone decides."""
    terms = record.collateral_schedule(at=at)

    def counts(asset: str, amount: int) -> int:
        each = record.valued(without(columns, asset, amount), sealed, terms)
        return sum(collateral.eligible(it) for it in each.values())

    return counts(row.incoming, row.incoming_amount), counts(row.asset, row.amount)


def balance(columns: BookColumns, asset: str) -> int:
    """Of the one account in the columns."""
    held = dict(zip(columns.asset, columns.amount, strict=True))
    return held.get(entries.cash(asset), 0)


def without(columns: BookColumns, asset: str, amount: int) -> BookColumns:
    """The one account's book with so much less of an asset, and no less than none of it."""
    name = entries.cash(asset)
    amounts = [
        max(0, held - amount) if what == name else held
        for what, held in zip(columns.asset, columns.amount, strict=True)
    ]
    return replace(columns, amount=amounts)
