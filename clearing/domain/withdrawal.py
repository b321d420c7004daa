"""What a withdrawal goes through: asked for, approved, confirmed by the custodian, and gone.

The money leaves the account's balance when it is asked for and comes back if the answer is no. Margin
tests twice: before it approves, and again at the moment the money would leave, since the market does
not stand still while a custodian is waited for.
"""

from __future__ import annotations

from enum import StrEnum

from clearing.domain.errors import Refusal


class State(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"  # by margin; about to be tested again
    INSTRUCTED = "instructed"  # the custodian has not confirmed yet
    CONFIRMED = "confirmed"  # about to be tested again
    WAITING = "waiting"  # too much has left in the hour
    SETTLED = "settled"
    REFUSED = "refused"  # at any test; the money is back


STATES = [it.value for it in State]
PENDING = tuple(it.value for it in State if it not in (State.SETTLED, State.REFUSED))
PARKED = (State.INSTRUCTED, State.WAITING)  # no test of it is under way
LEAVING = (State.APPROVED, State.CONFIRMED, State.WAITING)  # may be tested to leave


class WithdrawalNotInstructed(Refusal):
    code = "withdrawal-not-instructed"
    says = "No custodian was asked to pay this, or it is decided already."
