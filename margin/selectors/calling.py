"""Margin calls: which are open, which are due, whom a run concerns."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q, QuerySet

from clearing import selectors as record
from clearing.domain.errors import NotFound
from clearing.domain.scope import Scope
from margin import models
from margin.domain.calls import CALL_PERCENT, OPEN


def call(call_id: str) -> models.MarginCall:
    """Raises NotFound."""
    found = models.MarginCall.objects.filter(call_id=call_id).first()
    if found is None:
        raise NotFound(field="call_id", call=call_id)
    return found


def calls_of(account_id: str) -> QuerySet[models.MarginCall]:
    return models.MarginCall.objects.filter(account=account_id).order_by("-sequence")


def open_calls() -> QuerySet[models.MarginCall]:
    return models.MarginCall.objects.filter(state__in=OPEN).order_by("due_at", "call_id")


def due_calls(*, at: datetime) -> list[models.MarginCall]:
    """Open calls whose time has come, and that the sweep has not looked at since."""
    rows = models.MarginCall.objects.filter(state__in=["issued", "acknowledged"], due_at__lte=at)
    return list(rows.order_by("due_at", "call_id"))


def next_due() -> datetime | None:
    rows = models.MarginCall.objects.filter(state__in=["issued", "acknowledged"])
    return rows.order_by("due_at").values_list("due_at", flat=True).first()


def to_decide(run_id: str) -> list[str]:
    """Accounts of a run that are near or below the call level or have a call open, worst first.

    A coarse net, never finer than the rule: `calls.decide` has the last word on each.
    """
    rows = models.Requirement.objects.filter(run_id=run_id, reason="")
    near = F("maintenance") / 100 * CALL_PERCENT + CALL_PERCENT
    short = rows.filter(Q(maintenance__gt=0, equity__lte=near) | Q(equity__lt=0))
    called = models.MarginCall.objects.filter(state__in=OPEN).values_list("account", flat=True)
    both = short | rows.filter(account__in=list(called))
    return [
        row.account for row in both.distinct().order_by(F("equity") - F("maintenance"), "account")
    ]


def calls() -> QuerySet[models.MarginCall]:
    return models.MarginCall.objects.order_by("-sequence")


def visible_call(call_id: str, *, scope: Scope) -> models.MarginCall:
    """The call, if it is the caller's. Raises NotFound alike for others' and for none."""
    found = call(call_id)
    if not record.owns(found.account, scope=scope):
        raise NotFound(field="call_id", call=call_id)
    return found
