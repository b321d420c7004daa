"""Rows of collateral."""

from __future__ import annotations

from clearing import models
from clearing.domain import events
from clearing.projections.accounts import account_moved
from clearing.store import Recorded


def withdrawal_requested(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    models.Withdrawal.objects.create(
        withdrawal_id=fact.withdrawal_id,
        account=fact.account_id,
        asset=fact.asset,
        amount=fact.amount,
        status="requested",
        reason="",
        sequence=recorded.sequence,
        requested_at=recorded.effective_at,
    )


def withdrawal_settled(recorded: Recorded) -> None:
    _decided(recorded, status="settled", reason="")


def withdrawal_refused(recorded: Recorded) -> None:
    _decided(
        recorded, status="refused", reason=f"{recorded.fact.code}: {recorded.fact.reason}"[:300]
    )


def _decided(recorded: Recorded, *, status: str, reason: str) -> None:
    account_moved(recorded)
    models.Withdrawal.objects.filter(withdrawal_id=recorded.fact.withdrawal_id).update(
        status=status, reason=reason
    )


PROJECTIONS = {
    events.WithdrawalRequested: withdrawal_requested,
    events.WithdrawalSettled: withdrawal_settled,
    events.WithdrawalRefused: withdrawal_refused,
}
TABLES = (models.Withdrawal,)
