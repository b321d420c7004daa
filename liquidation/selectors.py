"""Questions about cases."""

from __future__ import annotations

from django.db.models import QuerySet

from clearing import selectors as record
from clearing.domain.errors import NotFound
from clearing.domain.scope import Scope
from clearing.store import Recorded
from liquidation import models
from liquidation.domain import case as machine
from liquidation.domain.case import Case


def case_of(account_id: str) -> Case:
    """The account's latest case; read it after claiming its stream."""
    return machine.replay(it.fact for it in record.stream(f"case-{account_id}"))


def case(case_id: str) -> models.Case:
    """Raises NotFound."""
    found = models.Case.objects.filter(case_id=case_id).first()
    if found is None:
        raise NotFound(field="case_id", case=case_id)
    return found


def cases() -> QuerySet[models.Case]:
    return models.Case.objects.order_by("-sequence")


def open_cases() -> QuerySet[models.Case]:
    return cases().exclude(state="closed")


def cases_of(account_id: str) -> QuerySet[models.Case]:
    return cases().filter(account=account_id)


def trail(case_id: str) -> list[Recorded]:
    """From the call to the last fact of the case, in order: call, plan, trades, margin, outcome."""
    return record.trail(case(case_id).correlation_id)


def visible_case(case_id: str, *, scope: Scope) -> models.Case:
    """The case, if it is the caller's. Raises NotFound alike for others' and for none."""
    found = case(case_id)
    if not record.owns(found.account, scope=scope):
        raise NotFound(field="case_id", case=case_id)
    return found
