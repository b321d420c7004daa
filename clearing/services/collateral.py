"""Deposits, and withdrawals: encumbered at once, approved and settled, or refused, after a test."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from clearing import models, selectors, store
from clearing.domain import account, amounts, clock, lots
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound, Refusal
from clearing.domain.events import (
    CollateralLocated,
    WithdrawalApproved,
    WithdrawalConfirmed,
    WithdrawalDelayed,
    WithdrawalInstructed,
)
from clearing.domain.withdrawal import LEAVING, State, WithdrawalNotInstructed
from clearing.services import releases


class LocationNotAdmitted(Refusal):
    code = "location-not-admitted"
    says = "The schedule does not take this asset from that custodian."
    remedy = "Deliver it through one that the schedule names."


class WithdrawalTaken(Refusal):
    code = "withdrawal-taken"
    says = "A withdrawal of that id was asked for before, by another credential."
    remedy = "Use another id."


@store.decision
def deposit(
    account_id: str,
    *,
    key: str,
    asset: str,
    amount: str,
    holder: str = "",
    at: datetime,
    cause: Cause,
) -> int:
    """Collateral that has arrived in custody.

    The key is unique for its holder: the custodian, so that the same wire told over two of its
    credentials is credited once; the actor where there is none.

    Raises AssetUnknown, AmountNotExact, AmountOutOfRange, AccountNotOpen, KeyReused.
    """
    content = json.dumps(["deposit", account_id, asset, amount])
    units = minor(asset, amount, field="amount")
    stream = store.claim(f"account-{account_id}")
    recorded = store.earlier(scope=holder or cause.actor, key=key, content=content)
    if recorded is not None:
        return recorded
    sequence = arrived(
        stream,
        account_id,
        deposit_id=key,
        asset=asset,
        amount=units,
        custodian=holder.removeprefix("custodian:"),
        at=at,
        cause=cause,
    )
    return store.remember(scope=holder or cause.actor, key=key, content=content, sequence=sequence)


def minor(asset: str, amount: str, *, field: str) -> int:
    """Raises AssetUnknown, NotANumber, AmountNotExact, AmountOutOfRange."""
    return amounts.exact(
        amounts.decimal(amount, field=field), scale=selectors.scale(asset), field=field
    )


def arrived(
    stream: store.Stream,
    account_id: str,
    *,
    deposit_id: str,
    asset: str,
    amount: int,
    custodian: str,
    at: datetime,
    cause: Cause,
) -> int:
    """A new lot in a decision that has claimed its account, and who has it if anybody said.

    An asset the schedule does not take is a deposit all the same: it is there, and counts for
    nothing. Raises AccountNotOpen, AmountOutOfRange, LocationNotAdmitted.
    """
    if custodian:
        admitted = selectors.collateral_schedule(at=at).of(asset).locations
        if admitted and custodian not in admitted:
            raise LocationNotAdmitted(field="asset", asset=asset, admitted=", ".join(admitted))
    held = selectors.account(account_id)
    fact = account.deposit(held, deposit_id=deposit_id, asset=asset, amount=amount)
    sequence = store.append(stream, fact, at=at, cause=cause)
    if custodian:
        lies = CollateralLocated(
            account_id=account_id, lot_id=lots.named(sequence), custodian=custodian
        )
        store.append(stream, lies, at=at, cause=cause)
    return sequence


@store.decision
def request_withdrawal(
    account_id: str, *, key: str, asset: str, amount: str, at: datetime, cause: Cause
) -> int:
    """Encumber the amount and leave the test to margin; the outcome is a fact of its own.

    Raises as `deposit`, BalanceTooSmall and ReleasesAreHalted.
    """
    content = json.dumps(["withdrawal", account_id, asset, amount])
    units = minor(asset, amount, field="amount")
    stream = store.claim(f"account-{account_id}")
    recorded = store.earlier(scope=cause.actor, key=key, content=content)
    if recorded is not None:
        return recorded
    releases.check_released(asset)
    withdrawal_id = f"{account_id}:{key}"  # no account id holds a colon
    if len(withdrawal_id) > 64 or selectors.withdrawals(account_id).filter(
        withdrawal_id=withdrawal_id
    ):
        raise WithdrawalTaken(field="key", key=key)
    fact = account.request_withdrawal(
        selectors.account(account_id), withdrawal_id=withdrawal_id, asset=asset, amount=units
    )
    sequence = store.append(stream, fact, at=at, cause=cause)
    return store.remember(scope=cause.actor, key=key, content=content, sequence=sequence)


@store.decision
def approve_withdrawal(
    row: models.Withdrawal,
    *,
    run_id: str,
    reporting: str,
    free: int,
    stressed_free: int,
    at: datetime,
    cause: Cause,
) -> int | None:
    """Margin's first yes. Where the schedule wants a custodian to confirm, that one is asked now;
    elsewhere the fact leads on to the second test. None when it was decided before."""
    stream = store.claim(f"account-{row.account}")
    if selectors.withdrawal(row.withdrawal_id).status != State.REQUESTED:
        return None
    of: dict[str, Any] = {
        "account_id": row.account,
        "withdrawal_id": row.withdrawal_id,
        "asset": row.asset,
        "amount": row.amount,
    }
    approved = WithdrawalApproved(
        **of, run_id=run_id, reporting=reporting, free=free, stressed_free=stressed_free
    )
    sequence = store.append(stream, approved, at=at, cause=cause)
    if selectors.collateral_schedule(at=at).of(row.asset).custodian_confirms:
        store.append(stream, WithdrawalInstructed(**of), at=at, cause=cause)
    return sequence


@store.decision
def confirm_withdrawal(
    account_id: str, *, withdrawal_id: str, custodian: str, at: datetime, cause: Cause
) -> int | None:
    """The custodian stands ready to pay. None when it said so before.

    Where it is known with whom the money lies, others have nothing to confirm. Raises NotFound,
    WithdrawalNotInstructed.
    """
    stream = store.claim(f"account-{account_id}")
    row = selectors.withdrawal_of(account_id, withdrawal_id)
    with_whom = {
        lot.custodian for lot in selectors.lots_leaving(account_id, withdrawal_id) if lot.custodian
    }
    if with_whom and custodian not in with_whom:
        raise NotFound(field="withdrawal_id", withdrawal=withdrawal_id)
    if row.status != State.INSTRUCTED:
        if row.status in (State.CONFIRMED, State.WAITING, State.SETTLED):
            return None
        raise WithdrawalNotInstructed(field="withdrawal_id", state=row.status)
    fact = WithdrawalConfirmed(
        account_id=account_id,
        withdrawal_id=withdrawal_id,
        asset=row.asset,
        amount=row.amount,
        custodian=custodian,
    )
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def delay_withdrawal(
    row: models.Withdrawal, *, goes_at: datetime, reason: str, at: datetime, cause: Cause
) -> int | None:
    """It may leave, and has to wait for room. None when it was decided before."""
    stream = store.claim(f"account-{row.account}")
    if selectors.withdrawal(row.withdrawal_id).status not in LEAVING:
        return None
    fact = WithdrawalDelayed(
        account_id=row.account,
        withdrawal_id=row.withdrawal_id,
        asset=row.asset,
        amount=row.amount,
        goes_at=clock.text(goes_at),
        reason=reason,
    )
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def settle_withdrawal(
    account_id: str, *, withdrawal_id: str, at: datetime, cause: Cause
) -> int | None:
    """Margin says yes. None when it was decided before. Raises ReleasesAreHalted."""
    stream = store.claim(f"account-{account_id}")
    held = selectors.account(account_id)
    if withdrawal_id not in held.waiting:
        return None
    releases.check_released(held.waiting[withdrawal_id][0])
    fact = account.settle_withdrawal(held, withdrawal_id=withdrawal_id)
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def refuse_withdrawal(
    account_id: str, *, withdrawal_id: str, code: str, reason: str, at: datetime, cause: Cause
) -> int | None:
    """Margin says no, and why. None when it was decided before."""
    stream = store.claim(f"account-{account_id}")
    held = selectors.account(account_id)
    if withdrawal_id not in held.waiting:
        return None
    fact = account.refuse_withdrawal(held, withdrawal_id=withdrawal_id, code=code, reason=reason)
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def charge_penalty(
    account_id: str, *, key: str, asset: str, amount: int, reason: str, at: datetime, cause: Cause
) -> int:
    """Minor units, from the account to the insurance account; once per key."""
    content = json.dumps(["penalty", account_id, asset, amount])
    stream = store.claim(f"account-{account_id}")
    recorded = store.earlier(scope=f"account:{account_id}", key=key, content=content)
    if recorded is not None:
        return recorded
    held = selectors.account(account_id)
    reopened = account.reopen(held, reason="a penalty is charged")
    fact = account.charge_penalty(held, asset=asset, amount=amount, reason=reason)
    facts = [(stream, each) for each in (reopened, fact) if each is not None]
    sequence = store.append_all(facts, at=at, cause=cause)[-1]
    return store.remember(
        scope=f"account:{account_id}", key=key, content=content, sequence=sequence
    )
