"""Rows of collateral: lots, withdrawals and substitutions."""

from __future__ import annotations

from typing import Any

from clearing import models
from clearing.domain import clock, events, lots
from clearing.domain.lots import SUBSTITUTION, WITHDRAWAL, Lot, encumbrance
from clearing.projections.accounts import account_moved
from clearing.store import Recorded

# --- lots ---------------------------------------------------------------------------------------


def collateral_deposited(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    models.CollateralLot.objects.create(
        lot_id=lots.named(recorded.sequence),
        account=fact.account_id,
        asset=fact.asset,
        units=fact.amount,
        custodian="",
        deposited_at=recorded.effective_at,
        sequence=recorded.sequence,
        encumbered_by=lots.FREE,
    )


def collateral_located(recorded: Recorded) -> None:
    """A lot and whatever it was split into."""
    fact = recorded.fact
    account_moved(recorded)
    rows = models.CollateralLot.objects.filter(account=fact.account_id)
    parts = rows.filter(lot_id=fact.lot_id) | rows.filter(lot_id__startswith=f"{fact.lot_id}+")
    parts.update(custodian=fact.custodian)


def _encumber(recorded: Recorded, *, by: str) -> None:
    fact = recorded.fact
    rows = models.CollateralLot.objects.filter(account=fact.account_id, asset=fact.asset)
    before = {row.lot_id: _lot(row) for row in rows}
    after = lots.encumber(before.values(), fact.amount, by=by, sequence=recorded.sequence)
    for lot in after:
        if lot.lot_id not in before:
            models.CollateralLot.objects.create(
                lot_id=lot.lot_id,
                account=fact.account_id,
                asset=lot.asset,
                units=lot.units,
                custodian=lot.custodian,
                deposited_at=lot.deposited_at,
                sequence=lot.sequence,
                encumbered_by=lot.encumbered_by,
            )
        elif lot != before[lot.lot_id]:
            models.CollateralLot.objects.filter(lot_id=lot.lot_id).update(
                units=lot.units, encumbered_by=lot.encumbered_by
            )


def _lot(row: models.CollateralLot) -> Lot:
    names = ("lot_id", "asset", "units", "custodian", "deposited_at", "sequence", "encumbered_by")
    return Lot(**{name: getattr(row, name) for name in names})


def _of(recorded: Recorded, by: str) -> Any:
    rows = models.CollateralLot.objects.filter(account=recorded.fact.account_id)
    return rows.filter(encumbered_by=by)


# --- withdrawals --------------------------------------------------------------------------------


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
    _encumber(recorded, by=encumbrance(WITHDRAWAL, fact.withdrawal_id))


def _withdrawal(recorded: Recorded, status: str, **more: Any) -> None:
    account_moved(recorded)
    models.Withdrawal.objects.filter(withdrawal_id=recorded.fact.withdrawal_id).update(
        status=status, **more
    )


def withdrawal_approved(recorded: Recorded) -> None:
    _withdrawal(recorded, "approved")


def withdrawal_instructed(recorded: Recorded) -> None:
    _withdrawal(recorded, "instructed")


def withdrawal_confirmed(recorded: Recorded) -> None:
    _withdrawal(recorded, "confirmed")


def withdrawal_delayed(recorded: Recorded) -> None:
    fact = recorded.fact
    _withdrawal(recorded, "waiting", goes_at=clock.parsed(fact.goes_at), reason=fact.reason[:300])


def withdrawal_settled(recorded: Recorded) -> None:
    _withdrawal(recorded, "settled", reason="", goes_at=None, left_at=recorded.effective_at)
    _of(recorded, encumbrance(WITHDRAWAL, recorded.fact.withdrawal_id)).delete()


def withdrawal_refused(recorded: Recorded) -> None:
    fact = recorded.fact
    _withdrawal(recorded, "refused", reason=f"{fact.code}: {fact.reason}"[:300], goes_at=None)
    _of(recorded, encumbrance(WITHDRAWAL, fact.withdrawal_id)).update(encumbered_by=lots.FREE)


# --- substitutions ------------------------------------------------------------------------------


def substitution_proposed(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    models.Substitution.objects.create(
        substitution_id=fact.substitution_id,
        account=fact.account_id,
        asset=fact.asset,
        amount=fact.amount,
        incoming=fact.incoming,
        incoming_amount=fact.incoming_amount,
        state="proposed",
        reason="",
        sequence=recorded.sequence,
        proposed_at=recorded.effective_at,
        expires_at=clock.parsed(fact.expires_at),
    )
    _encumber(recorded, by=encumbrance(SUBSTITUTION, fact.substitution_id))


def _substitution(recorded: Recorded, state: str, **more: Any) -> None:
    account_moved(recorded)
    models.Substitution.objects.filter(substitution_id=recorded.fact.substitution_id).update(
        state=state, **more
    )


def substitution_covered(recorded: Recorded) -> None:
    _substitution(recorded, "covered")


def substitution_delayed(recorded: Recorded) -> None:
    fact = recorded.fact
    _substitution(recorded, "waiting", goes_at=clock.parsed(fact.goes_at), reason=fact.reason[:300])


def substitution_settled(recorded: Recorded) -> None:
    _substitution(recorded, "settled", reason="", goes_at=None, left_at=recorded.effective_at)
    _of(recorded, encumbrance(SUBSTITUTION, recorded.fact.substitution_id)).delete()


def substitution_refused(recorded: Recorded) -> None:
    fact = recorded.fact
    _substitution(recorded, "refused", reason=f"{fact.code}: {fact.reason}"[:300], goes_at=None)
    _free(recorded)


def substitution_expired(recorded: Recorded) -> None:
    _substitution(recorded, "expired", goes_at=None)
    _free(recorded)


def substitution_cancelled(recorded: Recorded) -> None:
    _substitution(recorded, "cancelled", goes_at=None)
    _free(recorded)


def _free(recorded: Recorded) -> None:
    by = encumbrance(SUBSTITUTION, recorded.fact.substitution_id)
    _of(recorded, by).update(encumbered_by=lots.FREE)


PROJECTIONS = {
    events.CollateralDeposited: collateral_deposited,
    events.CollateralLocated: collateral_located,
    events.WithdrawalRequested: withdrawal_requested,
    events.WithdrawalApproved: withdrawal_approved,
    events.WithdrawalInstructed: withdrawal_instructed,
    events.WithdrawalConfirmed: withdrawal_confirmed,
    events.WithdrawalDelayed: withdrawal_delayed,
    events.WithdrawalSettled: withdrawal_settled,
    events.WithdrawalRefused: withdrawal_refused,
    events.SubstitutionProposed: substitution_proposed,
    events.SubstitutionCovered: substitution_covered,
    events.SubstitutionDelayed: substitution_delayed,
    events.SubstitutionSettled: substitution_settled,
    events.SubstitutionRefused: substitution_refused,
    events.SubstitutionExpired: substitution_expired,
    events.SubstitutionCancelled: substitution_cancelled,
}
TABLES = (models.Withdrawal, models.Substitution, models.CollateralLot)
