"""The facts this app records. Money is minor units of the reporting asset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened:
    NAME: ClassVar[str] = "liquidation.case-opened.v1"

    account_id: str
    case_id: str
    call_id: str
    reason: str
    asset: str
    equity: int
    maintenance: int
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFrozen:
    """The account may only shed risk, and was margined again."""

    NAME: ClassVar[str] = "liquidation.case-frozen.v1"

    account_id: str
    case_id: str
    run_id: str
    equity: int
    maintenance: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMade:
    """The smallest share of every position that restores the target, with what it should lead to."""

    NAME: ClassVar[str] = "liquidation.plan-made.v1"

    account_id: str
    case_id: str
    step: int
    plan: str  # hash of the steps and what they are bound to
    steps: str  # JSON: [{"symbol", "lots", "price_ticks"}], lots as the account trades them
    percent: int
    backstop: str
    penalty: int
    equity_before: int
    maintenance_before: int
    equity_after: int
    maintenance_after: int
    target_after: int
    price_sequence: int
    account_version: int
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanVoided:
    NAME: ClassVar[str] = "liquidation.plan-voided.v1"

    account_id: str
    case_id: str
    plan: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepExecuted:
    """The plan's trades are in the book, all of them, and the penalty is charged."""

    NAME: ClassVar[str] = "liquidation.step-executed.v1"

    account_id: str
    case_id: str
    step: int
    plan: str
    trades: int
    penalty: int
    last_trade: int  # sequence of the last leg


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReassessed:
    NAME: ClassVar[str] = "liquidation.case-reassessed.v1"

    account_id: str
    case_id: str
    run_id: str
    equity: int
    maintenance: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRestored:
    NAME: ClassVar[str] = "liquidation.case-restored.v1"

    account_id: str
    case_id: str
    run_id: str
    equity: int
    maintenance: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStuck:
    """People are needed; the account stays frozen."""

    NAME: ClassVar[str] = "liquidation.case-stuck.v1"

    account_id: str
    case_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResumed:
    NAME: ClassVar[str] = "liquidation.case-resumed.v1"

    account_id: str
    case_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed:
    NAME: ClassVar[str] = "liquidation.case-closed.v1"

    account_id: str
    case_id: str
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFlagged:
    """Some of its plans were carried out on prices that turned out wrong. Trades stand; what is owed
    for them is for people to say."""

    NAME: ClassVar[str] = "liquidation.case-flagged.v1"

    account_id: str
    case_id: str
    correction: int  # sequence of the correction
    plans: int  # carried out on what it corrects
    penalty: int  # charged by them
    reason: str


CaseFact = (
    CaseOpened
    | CaseFrozen
    | PlanMade
    | PlanVoided
    | StepExecuted
    | CaseReassessed
    | CaseRestored
    | CaseStuck
    | CaseResumed
    | CaseClosed
    | CaseFlagged
)
FACTS: tuple[type, ...] = CaseFact.__args__
