"""Replacing collateral: the old stays promised until the new has arrived and is worth as much."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from clearing.domain import amounts, clock
from clearing.domain.account import Account, AccountNotOpen, BalanceTooSmall, Standing
from clearing.domain.errors import Refusal
from clearing.domain.events import SubstitutionProposed

LONGEST = timedelta(days=7)


class State(StrEnum):
    PROPOSED = "proposed"  # what comes in has not arrived
    COVERED = "covered"  # it has; about to be tested
    WAITING = "waiting"  # too much has left in the hour
    SETTLED = "settled"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


STATES = [it.value for it in State]
OPEN = (State.PROPOSED.value, State.COVERED.value, State.WAITING.value)
ARRIVED = (State.COVERED.value, State.WAITING.value)


class SubstitutionNotOpen(Refusal):
    code = "substitution-not-open"
    says = "The substitution is not in a state for that."


class SubstitutionNotValid(Refusal):
    code = "substitution-not-valid"
    says = "This is no substitution."


class DeadlineNotValid(Refusal):
    code = "deadline-not-valid"
    says = "The deadline is past, or too far away."
    remedy = "Take one after now, at most seven days ahead."


def propose(
    account: Account,
    *,
    substitution_id: str,
    asset: str,
    amount: int,
    incoming: str,
    incoming_amount: int,
    expires_at: datetime,
    at: datetime,
) -> SubstitutionProposed:
    """Raises AccountNotOpen, BalanceTooSmall, AmountOutOfRange, SubstitutionNotValid,
    DeadlineNotValid."""
    if account.standing is not Standing.OPEN:
        raise AccountNotOpen(field="account", account=account.account_id, standing=account.standing)
    amounts.positive(amounts.fitting(amount), field="amount")
    amounts.positive(amounts.fitting(incoming_amount), field="incoming_amount")
    if asset == incoming:
        raise SubstitutionNotValid(field="incoming", why="an asset does not replace itself")
    if account.free(asset) < amount:
        raise BalanceTooSmall(field="amount", asset=asset, free=account.free(asset), asked=amount)
    if not at < expires_at <= at + LONGEST:
        raise DeadlineNotValid(field="expires_at", got=clock.text(expires_at))
    return SubstitutionProposed(
        account_id=account.account_id,
        substitution_id=substitution_id,
        asset=asset,
        amount=amount,
        incoming=incoming,
        incoming_amount=incoming_amount,
        expires_at=clock.text(expires_at),
    )
