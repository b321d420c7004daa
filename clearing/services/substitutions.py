"""Replacing collateral: promised at once, covered when the other arrives, released after a test."""

from __future__ import annotations

import json
from datetime import datetime

from clearing import models, selectors, store
from clearing.domain import amounts, clock, substitution
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.events import (
    SubstitutionCancelled,
    SubstitutionCovered,
    SubstitutionDelayed,
    SubstitutionExpired,
    SubstitutionRefused,
    SubstitutionSettled,
)
from clearing.domain.substitution import ARRIVED, OPEN, State, SubstitutionNotOpen
from clearing.services import collateral, releases


class SubstitutionTaken(Refusal):
    code = "substitution-taken"
    says = "A substitution of that id was proposed before, by another credential."
    remedy = "Use another id."


@store.decision
def propose(
    account_id: str,
    *,
    key: str,
    asset: str,
    amount: str,
    incoming: str,
    incoming_amount: str,
    expires_at: datetime,
    at: datetime,
    cause: Cause,
) -> int:
    """Promise some of an asset, oldest lots first, for what is still to arrive.

    Raises as `substitution.propose`, and AssetUnknown, AmountNotExact, KeyReused, SubstitutionTaken.
    """
    said = [account_id, asset, amount, incoming, incoming_amount, clock.text(expires_at)]
    content = json.dumps(["substitution", *said])
    stream = store.claim(f"account-{account_id}")
    recorded = store.earlier(scope=cause.actor, key=key, content=content)
    if recorded is not None:
        return recorded
    substitution_id = f"{account_id}:{key}"
    if len(substitution_id) > 64 or selectors.substitutions(account_id).filter(
        substitution_id=substitution_id
    ):
        raise SubstitutionTaken(field="key", key=key)
    fact = substitution.propose(
        selectors.account(account_id),
        substitution_id=substitution_id,
        asset=asset,
        amount=collateral.minor(asset, amount, field="amount"),
        incoming=incoming,
        incoming_amount=_incoming(incoming, incoming_amount),
        expires_at=expires_at,
        at=at,
    )
    sequence = store.append(stream, fact, at=at, cause=cause)
    return store.remember(scope=cause.actor, key=key, content=content, sequence=sequence)


def _incoming(asset: str, amount: str) -> int:
    try:
        return collateral.minor(asset, amount, field="incoming_amount")
    except selectors.AssetUnknown as unknown:
        raise selectors.AssetUnknown(field="incoming", **unknown.facts) from None


@store.decision
def cover(
    account_id: str, *, substitution_id: str, key: str, custodian: str, at: datetime, cause: Cause
) -> int:
    """The custodian has what comes in: it is a deposit from now on, whatever becomes of the rest.

    Whether what was promised may leave is tested by what this fact leads to. Asking again under the
    key answers the same. Raises NotFound, SubstitutionNotOpen, KeyReused, AccountNotOpen.
    """
    content = json.dumps(["cover", account_id, substitution_id])
    stream = store.claim(f"account-{account_id}")
    recorded = store.earlier(scope=f"custodian:{custodian}", key=key, content=content)
    if recorded is not None:
        return recorded
    row = selectors.substitution_of(account_id, substitution_id)
    if row.state != State.PROPOSED:
        raise SubstitutionNotOpen(field="substitution_id", state=row.state)
    collateral.arrived(
        stream,
        account_id,
        deposit_id=key,
        asset=row.incoming,
        amount=row.incoming_amount,
        custodian=custodian,
        at=at,
        cause=cause,
    )
    fact = SubstitutionCovered(
        account_id=account_id, substitution_id=substitution_id, custodian=custodian
    )
    sequence = store.append(stream, fact, at=at, cause=cause)
    return store.remember(
        scope=f"custodian:{custodian}", key=key, content=content, sequence=sequence
    )


@store.decision
def cancel(account_id: str, *, substitution_id: str, at: datetime, cause: Cause) -> int | None:
    """None when it was cancelled before. Raises NotFound, SubstitutionNotOpen once it is decided."""
    stream = store.claim(f"account-{account_id}")
    row = selectors.substitution_of(account_id, substitution_id)
    if row.state == State.CANCELLED:
        return None
    if row.state not in OPEN:
        raise SubstitutionNotOpen(field="substitution_id", state=row.state)
    fact = SubstitutionCancelled(account_id=account_id, substitution_id=substitution_id)
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def settle(
    row: models.Substitution,
    *,
    reporting: str,
    eligible_before: int,
    eligible_after: int,
    at: datetime,
    cause: Cause,
) -> int | None:
    """Margin says yes. None when it was decided before. Raises ReleasesAreHalted."""
    stream = store.claim(f"account-{row.account}")
    if not _arrived(row):
        return None
    releases.check_released(row.asset)
    fact = SubstitutionSettled(
        account_id=row.account,
        substitution_id=row.substitution_id,
        asset=row.asset,
        amount=amounts.positive(row.amount),
        reporting=reporting,
        eligible_before=eligible_before,
        eligible_after=eligible_after,
    )
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def hold_back(
    row: models.Substitution, *, goes_at: datetime, reason: str, at: datetime, cause: Cause
) -> int | None:
    """It has to wait for room, or for prices. None when it was decided before, or waits for the same
    time already."""
    stream = store.claim(f"account-{row.account}")
    if not _arrived(row):
        return None
    fact = SubstitutionDelayed(
        account_id=row.account,
        substitution_id=row.substitution_id,
        goes_at=clock.text(goes_at),
        reason=reason,
    )
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def refuse(
    row: models.Substitution, *, code: str, reason: str, at: datetime, cause: Cause
) -> int | None:
    """Margin says no, and why. None when it was decided before."""
    stream = store.claim(f"account-{row.account}")
    if not _arrived(row):
        return None
    fact = SubstitutionRefused(
        account_id=row.account, substitution_id=row.substitution_id, code=code, reason=reason
    )
    return store.append(stream, fact, at=at, cause=cause)


def _arrived(row: models.Substitution) -> bool:
    found = selectors.substitution_of(row.account, row.substitution_id)
    return found.state in ARRIVED


@store.decision
def sweep(*, at: datetime, cause: Cause) -> int:
    """End what was not settled by its deadline; how many. Set-based: one claim, one append."""
    due = {row.substitution_id: row for row in selectors.substitutions_due(at=at)}
    streams = store.claim_all(f"account-{row.account}" for row in due.values())
    still = [it for it in selectors.substitutions_due(at=at) if it.substitution_id in due]
    facts = [
        (
            streams[f"account-{row.account}"],
            SubstitutionExpired(
                account_id=row.account,
                substitution_id=row.substitution_id,
                expires_at=clock.text(row.expires_at),
            ),
        )
        for row in still
    ]
    store.append_all(facts, at=at, cause=cause)
    return len(facts)
