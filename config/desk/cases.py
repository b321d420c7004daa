"""One liquidation case: why, by which plans, with what effect, and its whole trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from clearing import selectors as record
from clearing.api.fields import plain
from clearing.desk import ACT
from clearing.domain.errors import NotFound
from config.desk import pages, pictures
from config.desk.wording import Words
from liquidation import selectors as liquidation
from liquidation.domain.events import PlanVoided, StepExecuted
from liquidation.domain.states import WAITING_FOR_PEOPLE
from liquidation.selectors import PlanRow, Stage
from margin import selectors as margin


@pages.page
def case_page(request: HttpRequest, case_id: str) -> HttpResponse:
    case, digits = liquidation.case(case_id), record.scales()
    trail = liquidation.trail(case_id)
    words = Words(digits, asset=case.asset)
    stuck = case.state in WAITING_FOR_PEOPLE
    resume = reverse("admin:liquidation_case_resume", args=[case_id])
    opened = liquidation.opened(trail)
    now = Stage(equity=case.equity, maintenance=case.maintenance, target=case.target or None)
    context = {
        "case": case,
        "stuck": stuck,
        "resume": resume if stuck and request.user.has_perm(ACT) else None,
        "why": opened.reason if opened else case.reason,
        "call": _call(case.call_id, digits),
        "levels": _stage(now, case.asset, digits),
        "before": opened
        and _stage(Stage(equity=opened.equity, maintenance=opened.maintenance), case.asset, digits),
        "penalty": record.shown(case.asset, case.penalty, digits),
        "plans": [_plan(row, case.asset, digits) for row in liquidation.plans(trail)],
        "trail": pages.lines(trail, words),
    }
    return pages.shown(request, "desk/case.html", title=f"Case {case_id}", context=context)


def _call(call_id: str, digits: dict[str, int]) -> dict[str, Any] | None:
    try:
        call = margin.call(call_id)
    except NotFound:
        return None
    return {
        "row": call,
        "amount": record.shown(call.asset, call.amount, digits),
        "page": reverse("admin:margin_margincall_change", args=[call_id]),
    }


def _stage(found: Stage, asset: str, digits: Mapping[str, int]) -> dict[str, Any]:
    return {
        "asset": asset,
        "equity": record.shown(asset, found.equity, digits),
        "maintenance": record.shown(asset, found.maintenance, digits),
        "target": None if found.target is None else record.shown(asset, found.target, digits),
        "coverage": found.against.coverage,
        "bar": pictures.coverage(found.against),
    }


def _plan(row: PlanRow, asset: str, digits: Mapping[str, int]) -> dict[str, Any]:
    return {
        "fact": row.made,
        "sequence": row.sequence,
        "event": reverse("admin:clearing_event_change", args=[row.sequence]),
        "outcome": _outcome(row.ended),
        "penalty": record.shown(asset, row.made.penalty, digits),
        "steps": [
            {
                "symbol": step.symbol,
                "lots": step.lots,
                "quantity": plain(step.quantity),
                "price": plain(step.price),
                "unit": step.unit,
            }
            for step in row.steps
        ],
        "before": _stage(row.before, asset, digits),
        "after": _stage(row.after, asset, digits),
    }


def _outcome(ended: StepExecuted | PlanVoided | None) -> str:
    match ended:
        case None:
            return "not carried out yet"
        case StepExecuted():
            return "carried out"
        case PlanVoided():
            return f"void: {ended.reason}"
