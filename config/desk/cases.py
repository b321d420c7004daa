"""One liquidation case: why, by which plans, with what effect, and its whole trail."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from clearing import selectors as record
from clearing.desk import ACT
from clearing.domain import instrument
from clearing.domain.errors import NotFound
from clearing.store import Recorded
from config.desk import pages, pictures
from config.desk.wording import Words
from liquidation import selectors as liquidation
from liquidation.domain import plan
from liquidation.domain.events import CaseOpened, PlanMade, PlanVoided, StepExecuted
from liquidation.domain.states import WAITING_FOR_PEOPLE
from margin import selectors as margin
from margin.domain.calls import CALL_PERCENT, SEVERE_PERCENT


@pages.page
def case_page(request: HttpRequest, case_id: str) -> HttpResponse:
    case, digits = liquidation.case(case_id), record.scales()
    trail = liquidation.trail(case_id)
    words = Words(digits, asset=case.asset)
    stuck = case.state in WAITING_FOR_PEOPLE
    resume = reverse("admin:liquidation_case_resume", args=[case_id])
    opened = next((it for it in trail if isinstance(it.fact, CaseOpened)), None)
    context = {
        "case": case,
        "stuck": stuck,
        "resume": resume if stuck and request.user.has_perm(ACT) else None,
        "why": opened.fact.reason if opened else case.reason,
        "call": _call(case.call_id, digits),
        "levels": _levels(case.asset, case.equity, case.maintenance, case.target, digits),
        "before": _levels(case.asset, opened.fact.equity, opened.fact.maintenance, 0, digits)
        if opened
        else None,
        "penalty": record.shown(case.asset, case.penalty, digits),
        "plans": _plans(trail, case.asset, words),
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


def _levels(
    asset: str, equity: int, maintenance: int, target: int, digits: dict[str, int]
) -> dict[str, Any]:
    lines = {"call_percent": CALL_PERCENT, "severe_percent": SEVERE_PERCENT}
    return {
        "asset": asset,
        "equity": record.shown(asset, equity, digits),
        "maintenance": record.shown(asset, maintenance, digits),
        "target": record.shown(asset, target, digits) if target else None,
        "standing": pictures.standing(equity, maintenance, **lines),
        "bar": pictures.coverage(equity=equity, maintenance=maintenance, **lines),
    }


def _plans(trail: list[Recorded], asset: str, words: Words) -> list[dict[str, Any]]:
    """Every plan of the case, with what became of it."""
    done = {it.fact.plan: it for it in trail if isinstance(it.fact, (StepExecuted, PlanVoided))}
    found = []
    for it in trail:
        if not isinstance(it.fact, PlanMade):
            continue
        made, end = it.fact, done.get(it.fact.plan)
        before, after = (
            _levels(asset, equity, maintenance, target, dict(words.digits))
            for equity, maintenance, target in (
                (made.equity_before, made.maintenance_before, 0),
                (made.equity_after, made.maintenance_after, made.target_after),
            )
        )
        found.append(
            {
                "fact": made,
                "sequence": it.sequence,
                "event": reverse("admin:clearing_event_change", args=[it.sequence]),
                "outcome": _outcome(end),
                "penalty": record.shown(asset, made.penalty, words.digits),
                "steps": [_step(step, words) for step in plan.read(made.steps)],
                "before": before,
                "after": after,
            }
        )
    return found


def _outcome(end: Recorded | None) -> str:
    if end is None:
        return "not carried out yet"
    return "carried out" if isinstance(end.fact, StepExecuted) else f"void: {end.fact.reason}"


def _step(step: plan.Step, words: Words) -> dict[str, Any]:
    it = words.terms(step.symbol)
    return {
        "symbol": step.symbol,
        "lots": step.lots,
        "quantity": format(step.lots * it.lot_size, "f") if it else None,
        "price": format(instrument.price_of(it, step.price_ticks), "f") if it else None,
        "unit": (it.settlement if it.priced_in_coin else it.quote) if it else "ticks",
    }
