"""Testing a withdrawal against margin, and having it settled or refused."""

from __future__ import annotations

from datetime import datetime

from clearing import selectors as record
from clearing import store
from clearing.domain import prices
from clearing.domain.account import AccountNotOpen, Standing
from clearing.domain.cause import Cause
from clearing.domain.events import WithdrawalRequested
from clearing.domain.prices import PriceMissing, PriceStale
from clearing.services import books, collateral, jobs, timekeeping
from clearing.services.releases import ReleasesAreHalted
from margin import models, selectors
from margin.domain.events import WITHDRAWAL
from margin.selectors import ParametersMissing
from margin.services import runs


@store.decision
def test(sequence: int, *, cause: Cause) -> int | None:
    """Settle if the account meets its initial level without the money, refuse with a reason if not.

    The account is held while it is margined, so no trade can slip in between. None when it was
    decided before. Raises NotYet while expiries are being settled.
    """
    fact = record.recorded(sequence).fact
    try:
        sealed, rules = record.latest_prices(), selectors.rules()
    except (PriceMissing, ParametersMissing) as missing:
        return _refuse(fact, code=missing.code, reason=missing.sentence, cause=cause)
    if not sealed.settled:
        raise jobs.NotYet("expiries of the latest price set are still being settled")
    run_id = f"withdrawal-{fact.withdrawal_id}"
    store.claim(f"run-{run_id}")
    columns = books.hold(fact.account_id)
    if record.withdrawal(fact.withdrawal_id).status != "requested":
        return None
    if record.latest_prices().sequence != sealed.sequence:
        raise jobs.NotYet("a newer set was sealed while the account was waited for")
    if record.account_row(fact.account_id).standing != Standing.OPEN:
        reason = "the account may only shed risk now"
        return _refuse(fact, code=AccountNotOpen.code, reason=reason, cause=cause)
    found = runs.run_of_one(
        run_id, columns, kind=WITHDRAWAL, sealed=sealed, rules=rules, cause=cause
    )
    at = timekeeping.now()
    no = _refusal(found, sealed_at=sealed.at, at=at)
    if no is None:
        try:
            return collateral.settle_withdrawal(
                fact.account_id, withdrawal_id=fact.withdrawal_id, at=at, cause=cause
            )
        except ReleasesAreHalted as halted:
            no = halted.code, halted.sentence
    return _refuse(fact, code=no[0], reason=no[1], cause=cause)


def _refuse(fact: WithdrawalRequested, *, code: str, reason: str, cause: Cause) -> int | None:
    return collateral.refuse_withdrawal(
        fact.account_id,
        withdrawal_id=fact.withdrawal_id,
        code=code,
        reason=reason,
        at=timekeeping.now(),
        cause=cause,
    )


def _refusal(
    found: models.Requirement, *, sealed_at: datetime, at: datetime
) -> tuple[str, str] | None:
    """(code, reason), or None when the money may go."""
    limit = record.policy().price_max_age_seconds
    try:
        prices.check_fresh(sealed_at=sealed_at, at=at, max_age_seconds=limit)
    except PriceStale as stale:
        return stale.code, stale.sentence
    if found.reason:
        return "requirement-unknown", found.reason
    if found.equity < found.initial:
        missing = record.shown(found.asset, found.initial - found.equity)
        return (
            "margin-short",
            f"the account would be {missing} {found.asset} below its initial level",
        )
    return None
