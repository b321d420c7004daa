"""One account's margin calls: every legal move, when a call is made, and what ends it.

Theory of operation. A run says what an account has and what it must hold (`Levels`). Below the call
level a call is issued for what is missing to the target, with a due time that is shorter the deeper
the account is in: an hour at the call level, none at 80 % of maintenance. Every later run may cover
the call, tighten it, or, when it is severe, breach it at once. A sweep over due times decides those
whose time has come: breached below maintenance, overdue (reduce-only, still open) above it. A
breached call waits for the liquidation case to conclude it. Runs are taken in order; an older one
never undoes what a newer one decided.

        issued <-> acknowledged --> overdue --> breached --> concluded*
           any of the open ones --> covered*

Ratios are compared as integers; amounts are minor units of one asset.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import reduce

from clearing.domain import amounts, clock
from clearing.domain.errors import NotFound, Refusal
from margin.domain.events import (
    CallAcknowledged,
    CallBreached,
    CallConcluded,
    CallCovered,
    CallFact,
    CallIssued,
    CallOverdue,
    CallTightened,
)

CALL_PERCENT = 110  # of maintenance: below this a call is issued
SEVERE_PERCENT = 80  # of maintenance: below this nobody waits
LONGEST = timedelta(minutes=60)


class State(StrEnum):
    NONE = "none"
    ISSUED = "issued"
    ACKNOWLEDGED = "acknowledged"
    OVERDUE = "overdue"
    COVERED = "covered"
    BREACHED = "breached"
    CONCLUDED = "concluded"


class Standing(StrEnum):
    """How an account stands, worst first; below the call level down to debt something happens."""

    DEBT = "debt"  # it owes, whatever it must hold
    SEVERE = "severe"
    BELOW_MAINTENANCE = "below-maintenance"
    BELOW_CALL = "below-call"
    BELOW_INITIAL = "below-initial"
    FINE = "fine"


class Trigger(StrEnum):
    SHORT = "short"
    ACKNOWLEDGE = "acknowledge"
    WORSE = "worse"
    ENOUGH = "enough"
    LATE = "late"
    FAIL = "fail"
    CONCLUDE = "conclude"


MOVES: dict[State, dict[Trigger, State]] = {
    State.NONE: {Trigger.SHORT: State.ISSUED},
    State.ISSUED: {
        Trigger.ACKNOWLEDGE: State.ACKNOWLEDGED,
        Trigger.WORSE: State.ISSUED,
        Trigger.ENOUGH: State.COVERED,
        Trigger.LATE: State.OVERDUE,
        Trigger.FAIL: State.BREACHED,
    },
    State.ACKNOWLEDGED: {
        Trigger.WORSE: State.ACKNOWLEDGED,
        Trigger.ENOUGH: State.COVERED,
        Trigger.LATE: State.OVERDUE,
        Trigger.FAIL: State.BREACHED,
    },
    State.OVERDUE: {Trigger.ENOUGH: State.COVERED, Trigger.FAIL: State.BREACHED},
    State.COVERED: {Trigger.SHORT: State.ISSUED},
    State.BREACHED: {Trigger.CONCLUDE: State.CONCLUDED},
    State.CONCLUDED: {Trigger.SHORT: State.ISSUED},
}
OPEN = (State.ISSUED, State.ACKNOWLEDGED, State.OVERDUE)


class IllegalMove(Refusal):
    code = "illegal-call-move"
    says = "The margin call is not in a state for that."


class CallNotOpen(Refusal):
    code = "call-not-open"
    says = "The margin call is not open."


def move(state: State, trigger: Trigger) -> State:
    try:
        return MOVES[state][trigger]
    except KeyError:
        raise IllegalMove(field="call", state=state, trigger=trigger) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What an account has against what it must hold, in minor units of one asset."""

    equity: int
    maintenance: int
    initial: int

    @property
    def target(self) -> int:
        """What covers a call: the initial level, and never below the call level itself."""
        return max(self.initial, -(-self.maintenance * CALL_PERCENT // 100))

    @property
    def below_call(self) -> bool:
        return self.equity * 100 < self.maintenance * CALL_PERCENT

    @property
    def below_maintenance(self) -> bool:
        return self.equity < self.maintenance

    @property
    def severe(self) -> bool:
        """Also for a debt with nothing left that needs margin: people must hear of it."""
        return self.equity * 100 < self.maintenance * SEVERE_PERCENT

    @property
    def standing(self) -> Standing:
        """The one rule for it: by the same lines at which calls are made and ended."""
        if self.equity < 0:
            return Standing.DEBT
        if self.severe:
            return Standing.SEVERE
        if self.below_maintenance:
            return Standing.BELOW_MAINTENANCE
        if self.below_call:
            return Standing.BELOW_CALL
        return Standing.BELOW_INITIAL if self.equity < self.initial else Standing.FINE

    @property
    def coverage(self) -> Decimal | None:
        """Equity in percent of maintenance, down to a tenth; None where nothing must be covered."""
        if self.maintenance <= 0:
            return None
        return amounts.shown(self.equity * 1_000 // self.maintenance, scale=1)

    @property
    def missing(self) -> int:
        """To the target; negative above it."""
        return self.target - self.equity

    @property
    def free(self) -> int:
        """What the account has above its initial level."""
        return max(0, self.equity - self.initial)

    @property
    def term(self) -> timedelta:
        """60 minutes x clamp((equity / maintenance - 0.8) / 0.3, 0, 1), down to the second."""
        above = self.equity * 100 - self.maintenance * SEVERE_PERCENT
        width = max(1, self.maintenance * (CALL_PERCENT - SEVERE_PERCENT))
        seconds = int(LONGEST.total_seconds()) * min(max(above, 0), width) // width
        return timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels(Coverage):
    """One account in one run. `order` says which of two runs is newer."""

    asset: str
    run_id: str
    price_sequence: int
    account_version: int

    @property
    def order(self) -> tuple[int, int]:
        return self.price_sequence, self.account_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The account's latest call. `seen` is the newest run that decided anything."""

    state: State = State.NONE
    count: int = 0
    call_id: str = ""
    amount: int = 0
    due_at: datetime | None = None
    seen: tuple[int, int] = (-1, -1)
    covered_by: str = ""  # which run
    version_when_called: int = -1

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    def decided_on(self, levels: Levels) -> bool:
        """Whether the run that ended the call said all this one can say. After a covered call another
        run on the same prices and account is short only under other parameters, and that is news."""
        if levels.order != self.seen:
            return False
        return self.state is not State.COVERED or levels.run_id == self.covered_by


def replay(facts: Iterable[CallFact]) -> Calls:
    return reduce(evolve, facts, Calls())


def evolve(calls: Calls, fact: CallFact) -> Calls:
    match fact:
        case CallIssued():
            return Calls(
                state=move(calls.state, Trigger.SHORT),
                count=calls.count + 1,
                call_id=fact.call_id,
                amount=fact.amount,
                due_at=clock.parsed(fact.due_at),
                seen=(fact.price_sequence, fact.account_version),
                version_when_called=fact.account_version,
            )
        case CallAcknowledged():
            return replace(calls, state=move(calls.state, Trigger.ACKNOWLEDGE))
        case CallTightened():
            return replace(
                calls,
                state=move(calls.state, Trigger.WORSE),
                amount=fact.amount,
                due_at=clock.parsed(fact.due_at),
                seen=(fact.price_sequence, fact.account_version),
            )
        case CallCovered():
            return replace(
                calls,
                state=move(calls.state, Trigger.ENOUGH),
                seen=(fact.price_sequence, fact.account_version),
                covered_by=fact.run_id,
            )
        case CallOverdue():
            return replace(calls, state=move(calls.state, Trigger.LATE))
        case CallBreached():
            return replace(
                calls,
                state=move(calls.state, Trigger.FAIL),
                seen=(fact.price_sequence, fact.account_version),
            )
        case CallConcluded():
            return replace(calls, state=move(calls.state, Trigger.CONCLUDE))


def decide(
    calls: Calls, levels: Levels, *, account_id: str, at: datetime, paid: bool = False
) -> list[CallFact]:
    """What a run means for the account's calls; nothing, most of the time.

    `paid` says whether collateral came in between the call and the run.
    """
    if levels.order < calls.seen or calls.state is State.BREACHED:
        return []
    if calls.is_open:
        return _on_open(calls, levels, account_id=account_id, at=at, paid=paid)
    if calls.decided_on(levels) or not levels.below_call:
        return []
    issued = _issue(calls, levels, account_id=account_id, at=at)
    facts: list[CallFact] = [issued]
    if levels.severe:
        facts.append(_breach(evolve(calls, issued), levels, account_id=account_id, reason="severe"))
    return facts


def _on_open(
    calls: Calls, levels: Levels, *, account_id: str, at: datetime, paid: bool
) -> list[CallFact]:
    if levels.equity >= levels.target:
        return [_cover(calls, levels, account_id=account_id, paid=paid)]
    if levels.severe:
        return [_breach(calls, levels, account_id=account_id, reason="severe")]
    if calls.state is State.OVERDUE:
        if levels.below_maintenance:
            return [_breach(calls, levels, account_id=account_id, reason="due")]
        return []
    assert calls.due_at is not None
    due_at = at + levels.term
    if due_at < calls.due_at and levels.below_call:
        return [_tighten(calls, levels, account_id=account_id, due_at=due_at)]
    return []


def decide_due(
    calls: Calls, levels: Levels, *, account_id: str, at: datetime, paid: bool = False
) -> list[CallFact]:
    """What becomes of a call whose time has come, by the newest run."""
    if not calls.is_open or calls.due_at is None or at < calls.due_at:
        return []
    if levels.equity >= levels.target:
        return [_cover(calls, levels, account_id=account_id, paid=paid)]
    if levels.below_maintenance:
        return [_breach(calls, levels, account_id=account_id, reason="due")]
    if calls.state is State.OVERDUE:
        return []
    return [
        CallOverdue(
            account_id=account_id,
            call_id=calls.call_id,
            equity=levels.equity,
            maintenance=levels.maintenance,
            run_id=levels.run_id,
        )
    ]


def acknowledge(calls: Calls, *, account_id: str, call_id: str) -> CallAcknowledged | None:
    """None when it was acknowledged before. Raises NotFound, CallNotOpen."""
    if calls.call_id != call_id:
        raise NotFound(field="call_id", call=call_id)
    if calls.state is State.ACKNOWLEDGED:
        return None
    if not calls.is_open:
        raise CallNotOpen(field="call_id", call=call_id, state=calls.state)
    move(calls.state, Trigger.ACKNOWLEDGE)
    return CallAcknowledged(account_id=account_id, call_id=call_id)


def conclude(calls: Calls, *, account_id: str, outcome: str) -> CallConcluded | None:
    """None when no breached call waits."""
    if calls.state is not State.BREACHED:
        return None
    return CallConcluded(account_id=account_id, call_id=calls.call_id, outcome=outcome)


def _issue(calls: Calls, levels: Levels, *, account_id: str, at: datetime) -> CallIssued:
    return CallIssued(
        account_id=account_id,
        call_id=f"{account_id}-call-{calls.count + 1}",
        asset=levels.asset,
        amount=levels.missing,
        equity=levels.equity,
        maintenance=levels.maintenance,
        target=levels.target,
        due_at=clock.text(at + levels.term),
        run_id=levels.run_id,
        price_sequence=levels.price_sequence,
        account_version=levels.account_version,
    )


def _tighten(calls: Calls, levels: Levels, *, account_id: str, due_at: datetime) -> CallTightened:
    return CallTightened(
        account_id=account_id,
        call_id=calls.call_id,
        amount=levels.missing,
        equity=levels.equity,
        maintenance=levels.maintenance,
        target=levels.target,
        due_at=clock.text(due_at),
        run_id=levels.run_id,
        price_sequence=levels.price_sequence,
        account_version=levels.account_version,
    )


def _cover(calls: Calls, levels: Levels, *, account_id: str, paid: bool) -> CallCovered:
    return CallCovered(
        account_id=account_id,
        call_id=calls.call_id,
        reason="paid" if paid else "requirement-fell",
        equity=levels.equity,
        maintenance=levels.maintenance,
        target=levels.target,
        run_id=levels.run_id,
        price_sequence=levels.price_sequence,
        account_version=levels.account_version,
    )


def _breach(calls: Calls, levels: Levels, *, account_id: str, reason: str) -> CallBreached:
    return CallBreached(
        account_id=account_id,
        call_id=calls.call_id,
        reason=reason,
        equity=levels.equity,
        maintenance=levels.maintenance,
        run_id=levels.run_id,
        price_sequence=levels.price_sequence,
        account_version=levels.account_version,
    )
