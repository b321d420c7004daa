"""The facts this app records: parameter sets, runs, calls. Money is minor units of `asset`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

RUNS_OF_ALL = ("prices", "periodic", "night")
WITHDRAWAL = "withdrawal"  # kind of the run that tests one: nobody is called by what it finds


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametersActivated:
    """A parameter set is named by the hash of its content."""

    NAME: ClassVar[str] = "margin.parameters-activated.v1"

    parameter_set: str
    method: str
    reporting: str  # the asset all results are in


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCompleted:
    """Every account of the run has a result row, or a row with the reason why not."""

    NAME: ClassVar[str] = "margin.run-completed.v1"

    run_id: str
    kind: str  # account | withdrawal | prices | periodic | night
    price_set: str
    price_sequence: int
    parameter_set: str
    engine: str
    accounts: int
    unpriced: int
    result_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallIssued:
    NAME: ClassVar[str] = "margin.call-issued.v1"

    account_id: str
    call_id: str
    asset: str
    amount: int  # to pay
    equity: int
    maintenance: int
    target: int  # equity that covers the call
    due_at: str
    run_id: str
    price_sequence: int
    account_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAcknowledged:
    NAME: ClassVar[str] = "margin.call-acknowledged.v1"

    account_id: str
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTightened:
    """It got worse, so it is due earlier; a due time never moves out by itself."""

    NAME: ClassVar[str] = "margin.call-tightened.v1"

    account_id: str
    call_id: str
    amount: int
    equity: int
    maintenance: int
    target: int
    due_at: str
    run_id: str
    price_sequence: int
    account_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCovered:
    """A call never disappears: it is paid, or the requirement fell."""

    NAME: ClassVar[str] = "margin.call-covered.v1"

    account_id: str
    call_id: str
    reason: str  # paid | requirement-fell
    equity: int
    maintenance: int
    target: int
    run_id: str
    price_sequence: int
    account_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOverdue:
    """Not paid in time, but maintenance is still met: the account may only shed risk."""

    NAME: ClassVar[str] = "margin.call-overdue.v1"

    account_id: str
    call_id: str
    equity: int
    maintenance: int
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBreached:
    NAME: ClassVar[str] = "margin.call-breached.v1"

    account_id: str
    call_id: str
    reason: str  # due | severe
    equity: int
    maintenance: int
    run_id: str
    price_sequence: int
    account_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallConcluded:
    """What came of a breached call; only then can the account be called again."""

    NAME: ClassVar[str] = "margin.call-concluded.v1"

    account_id: str
    call_id: str
    outcome: str


CallFact = (
    CallIssued
    | CallAcknowledged
    | CallTightened
    | CallCovered
    | CallOverdue
    | CallBreached
    | CallConcluded
)
FACTS: tuple[type, ...] = (ParametersActivated, RunCompleted, *CallFact.__args__)
