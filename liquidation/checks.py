"""Checks of liquidation for `manage.py verify`: what a case names exists."""

from __future__ import annotations

from clearing import selectors as record
from clearing.domain.errors import NotFound
from clearing.domain.events import TradeNovated
from clearing.services.evidence import RESTORE, facts
from clearing.services.findings import UNREADABLE, Check, Look
from liquidation.domain.events import CaseFact, CaseOpened, StepExecuted
from margin import selectors as margin


def cases(look: Look) -> None:
    """A case answers a call of its own account, and rests on runs and trades that were recorded."""
    for it in facts(*CaseFact.__args__):
        look.saw()
        where = f"case {it.fact.case_id}"
        run_id = getattr(it.fact, "run_id", None)
        if run_id is not None and not _completed(run_id):
            look.found(where, f"rests on run {run_id}, which is not there")
        match it.fact:
            case CaseOpened() as opened if not _called(opened):
                look.found(where, f"answers call {opened.call_id}, which its account never had")
            case StepExecuted() as step if not _traded(step.last_trade):
                look.found(where, f"closed by fact {step.last_trade}, which is no trade")


def _completed(run_id: str) -> bool:
    return margin.runs().filter(run_id=run_id, completed=True).exists()


def _called(opened: CaseOpened) -> bool:
    return margin.calls_of(opened.account_id).filter(call_id=opened.call_id).exists()


def _traded(sequence: int) -> bool:
    try:
        return isinstance(record.recorded(sequence).fact, TradeNovated)
    except (NotFound, *UNREADABLE):
        return False


CHECKS = (Check("liquidation cases", RESTORE, cases),)
