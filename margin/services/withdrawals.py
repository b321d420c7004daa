"""Testing a withdrawal against margin, twice, and having it settled or refused."""

from __future__ import annotations

from datetime import datetime

from clearing import selectors as record
from clearing import store
from clearing.domain.account import AccountNotOpen, Standing
from clearing.domain.cause import Cause
from clearing.domain.outflows import OutflowTooLarge
from clearing.domain.prices import PriceMissing
from clearing.domain.withdrawal import LEAVING, PARKED, PENDING, State
from clearing.selectors import BookColumns, SealedPrices
from clearing.services import books, collateral, jobs, timekeeping
from clearing.services.releases import ReleasesAreHalted
from margin import selectors
from margin.domain.events import WITHDRAWAL
from margin.selectors import ParametersMissing, Rules
from margin.services import releases, runs
from margin.services.releases import Levels, Verdict
from margin.services.results import Pins

SHORT = "margin-short"


@store.decision
def test(sequence: int, *, cause: Cause) -> int | None:
    """Approve if the account keeps its initial level without the money, refuse with a reason if not.

    The account is held while it is margined, so no trade can slip in between. None when it was
    decided before. Raises NotYet while expiries are being settled.
    """
    fact = record.recorded(sequence).fact
    row = record.withdrawal(fact.withdrawal_id)
    try:
        sealed, rules = _pinned()
    except (PriceMissing, ParametersMissing) as missing:
        return _refuse(row, code=missing.code, reason=missing.sentence, cause=cause)
    run_id = f"withdrawal-{row.withdrawal_id}"
    store.claim(f"run-{run_id}")
    columns = _held(row.account, sealed)
    if record.withdrawal(row.withdrawal_id).status != State.REQUESTED:
        return None
    found = _tested(run_id, row, columns, sealed, rules, cause=cause)
    if found.code:
        return _refuse(row, code=found.code, reason=found.reason, cause=cause)
    return collateral.approve_withdrawal(
        row,
        run_id=run_id,
        reporting=found.asset,
        free=found.free,
        stressed_free=found.stressed_free,
        at=timekeeping.now(),
        cause=cause,
    )


@store.decision
def release(sequence: int, *, cause: Cause) -> int | None:
    """Test it once more at the moment it would leave, and settle, refuse, or let it wait for room.

    `sequence` is of any fact of the withdrawal. None when it is not there to be released: decided
    before, or not confirmed by the custodian yet.
    Raises NotYet while expiries are being settled.
    """
    withdrawal_id = record.recorded(sequence).fact.withdrawal_id
    row = record.withdrawal(withdrawal_id)
    if row.status not in LEAVING:
        return None
    sealed, rules = _pinned()
    at = timekeeping.now()
    version = record.account_row(row.account).version
    run_id = f"release-{row.sequence}-{version}-{sealed.sequence}-{int(at.timestamp())}"
    store.claim(f"run-{run_id}")
    store.claim(f"asset-{row.asset}")
    columns = _held(row.account, sealed)
    row = record.withdrawal(withdrawal_id)
    if row.status not in LEAVING:
        return None
    if columns.versions[0] != version:
        raise jobs.NotYet("the account moved while it was waited for")
    found = _tested(run_id, row, columns, sealed, rules, cause=cause)
    if found.code:
        return _refuse(row, code=found.code, reason=found.reason, cause=cause)
    wait = releases.room(
        row.asset, row.amount, account_id=row.account, sequence=row.sequence, at=at
    )
    if isinstance(wait, OutflowTooLarge):
        return _refuse(row, code=wait.code, reason=wait.sentence, cause=cause)
    if wait is not None:
        says = f"too much {row.asset} has left the {wait.whose} within the hour"
        return collateral.delay_withdrawal(
            row, goes_at=wait.goes_at, reason=says, at=at, cause=cause
        )
    try:
        return collateral.settle_withdrawal(
            row.account, withdrawal_id=withdrawal_id, at=at, cause=cause
        )
    except ReleasesAreHalted as halted:
        return _refuse(row, code=halted.code, reason=halted.sentence, cause=cause)


@store.decision
def sweep(*, cause: Cause) -> int:
    """Leave a release for everything whose waiting time is over, oldest first; how many."""
    due = record.withdrawals_waiting(at=timekeeping.now())
    for row in due:
        address = {"sequence": row.sequence, "correlation_id": cause.correlation_id}
        key = f"{row.withdrawal_id}:{cause.sequence}"
        jobs.leave("margin.release_withdrawal", key=key, address=address)
    return len(due)


def under_test(account_id: str) -> bool:
    """Whether a test that decides on some of the account's money is about to be made."""
    rows = record.withdrawals(account_id)
    return rows.filter(status__in=PENDING).exclude(status__in=PARKED).exists()


@store.decision
def take_back(account_id: str, *, cause: Cause) -> list[int]:
    """The account has become short: what waits to leave it is its own money still, and returns.

    Only what nobody is testing at this moment; otherwise a withdrawal that waits for a custodian
    would keep margin calls waiting too.
    """
    store.claim(f"account-{account_id}")
    parked = record.withdrawals(account_id).filter(status__in=PARKED)
    reason = "the account fell below its initial level while it waited"
    done = [
        _refuse(row, code=SHORT, reason=reason, cause=cause) for row in parked.order_by("sequence")
    ]
    return [sequence for sequence in done if sequence is not None]


def _pinned() -> tuple[SealedPrices, Rules]:
    """Raises PriceMissing, ParametersMissing, NotYet."""
    sealed, rules = record.latest_prices(), selectors.rules()
    if not sealed.settled:
        raise jobs.NotYet("expiries of the latest price set are still being settled")
    return sealed, rules


def _held(account_id: str, sealed: SealedPrices) -> BookColumns:
    """The account's book, held; on the prices that are still the latest. Raises NotYet."""
    columns = books.hold(account_id)
    if record.latest_prices().sequence != sealed.sequence:
        raise jobs.NotYet("a newer set was sealed while the account was waited for")
    return columns


def _tested(
    run_id: str,
    row: record.WithdrawalRow,
    columns: BookColumns,
    sealed: SealedPrices,
    rules: Rules,
    *,
    cause: Cause,
) -> Verdict:
    if record.account_row(row.account).standing != Standing.OPEN:
        reason = "the account may only shed risk now"
        return Verdict(asset=rules.reporting, code=AccountNotOpen.code, reason=reason)
    found = runs.run_of_one(
        run_id, columns, kind=WITHDRAWAL, sealed=sealed, rules=rules, cause=cause
    )
    at: datetime = timekeeping.now()
    pins = Pins(run_id=run_id, kind=WITHDRAWAL, sealed=sealed, rules=rules, at=at)
    levels = Levels(
        asset=found.asset, equity=found.equity, initial=found.initial, reason=found.reason
    )
    verdict = releases.judge(columns, pins, levels, at=at)
    return verdict if verdict.code else releases.of_the_same_member(row.account, pins) or verdict


def _refuse(row: record.WithdrawalRow, *, code: str, reason: str, cause: Cause) -> int | None:
    return collateral.refuse_withdrawal(
        row.account,
        withdrawal_id=row.withdrawal_id,
        code=code,
        reason=reason,
        at=timekeeping.now(),
        cause=cause,
    )
