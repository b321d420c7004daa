"""Every legal move of a liquidation case; nothing anywhere else says which state may follow which.

Theory of operation. A breached call opens a case. The account is frozen (it may only shed risk) and
margined again, because a payment may have arrived: if it has, the case is restored without a trade.
Otherwise a plan is made, executed against the backstop account, and the account is margined once
more; that repeats until the target is met or nothing is left to close. A plan is bound to the book
and prices it was made on, and is voided if either moves before it runs. Whoever is stuck waits for
people, and can be resumed.

    opened -> frozen -> planned -> executed -> reassessed -> restored -> closed*
                 |        |  ^________________________|          ^
                 |        +-> frozen (voided)                    |
                 +-----------------------------------------------+   any before restored -> stuck
"""

from __future__ import annotations

from enum import StrEnum

from clearing.domain.errors import Refusal


class State(StrEnum):
    NONE = "none"
    OPENED = "opened"
    FROZEN = "frozen"
    PLANNED = "planned"
    EXECUTED = "executed"
    REASSESSED = "reassessed"
    RESTORED = "restored"
    STUCK = "stuck"
    CLOSED = "closed"


class Trigger(StrEnum):
    OPEN = "open"
    FREEZE = "freeze"
    PLAN = "plan"
    VOID = "void"
    EXECUTE = "execute"
    REASSESS = "reassess"
    ENOUGH = "enough"
    GIVE_UP = "give up"
    RESUME = "resume"
    CLOSE = "close"


MOVES: dict[State, dict[Trigger, State]] = {
    State.NONE: {Trigger.OPEN: State.OPENED},
    State.OPENED: {Trigger.FREEZE: State.FROZEN, Trigger.GIVE_UP: State.STUCK},
    State.FROZEN: {
        Trigger.PLAN: State.PLANNED,
        Trigger.ENOUGH: State.RESTORED,
        Trigger.GIVE_UP: State.STUCK,
    },
    State.PLANNED: {
        Trigger.EXECUTE: State.EXECUTED,
        Trigger.VOID: State.FROZEN,
        Trigger.GIVE_UP: State.STUCK,
    },
    State.EXECUTED: {Trigger.REASSESS: State.REASSESSED, Trigger.GIVE_UP: State.STUCK},
    State.REASSESSED: {
        Trigger.PLAN: State.PLANNED,
        Trigger.ENOUGH: State.RESTORED,
        Trigger.GIVE_UP: State.STUCK,
    },
    State.RESTORED: {Trigger.CLOSE: State.CLOSED},
    State.STUCK: {Trigger.RESUME: State.FROZEN},
    State.CLOSED: {Trigger.OPEN: State.OPENED},
}
OVER = (State.NONE, State.CLOSED)
WAITING_FOR_PEOPLE = (State.STUCK,)


class IllegalMove(Refusal):
    code = "illegal-case-move"
    says = "The case is not in a state for that."


def move(state: State, trigger: Trigger) -> State:
    try:
        return MOVES[state][trigger]
    except KeyError:
        raise IllegalMove(field="case", state=state, trigger=trigger) from None
