"""Deposits, and withdrawals in two steps: encumbered at once, settled or refused after a test."""

from __future__ import annotations

import json
from datetime import datetime

from clearing import selectors, store
from clearing.domain import account, amounts
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.services import releases


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
    minor = amounts.exact(
        amounts.decimal(amount, field="amount"), scale=selectors.scale(asset), field="amount"
    )
    stream = store.claim(f"account-{account_id}")
    recorded = store.earlier(scope=holder or cause.actor, key=key, content=content)
    if recorded is not None:
        return recorded
    fact = account.deposit(selectors.account(account_id), deposit_id=key, asset=asset, amount=minor)
    sequence = store.append(stream, fact, at=at, cause=cause)
    return store.remember(scope=holder or cause.actor, key=key, content=content, sequence=sequence)


@store.decision
def request_withdrawal(
    account_id: str, *, key: str, asset: str, amount: str, at: datetime, cause: Cause
) -> int:
    """Encumber the amount and leave the test to margin; the outcome is a fact of its own.

    Raises as `deposit`, BalanceTooSmall and ReleasesAreHalted.
    """
    content = json.dumps(["withdrawal", account_id, asset, amount])
    minor = amounts.exact(
        amounts.decimal(amount, field="amount"), scale=selectors.scale(asset), field="amount"
    )
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
        selectors.account(account_id), withdrawal_id=withdrawal_id, asset=asset, amount=minor
    )
    sequence = store.append(stream, fact, at=at, cause=cause)
    return store.remember(scope=cause.actor, key=key, content=content, sequence=sequence)


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
    fact = account.charge_penalty(
        selectors.account(account_id), asset=asset, amount=amount, reason=reason
    )
    sequence = store.append(stream, fact, at=at, cause=cause)
    return store.remember(
        scope=f"account:{account_id}", key=key, content=content, sequence=sequence
    )
