"""The trial balance and the statement, as pages that lead to accounts and to events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from clearing import selectors as record
from clearing.domain import clock, statement
from clearing.domain.errors import Refusal
from clearing.selectors import MovementRow, Period, TrialColumn, Unit
from clearing.services import timekeeping
from config.desk import pages, points
from config.desk.wording import Words

MOST = 500  # movements or accounts on one page; the next ones are a link away
SIDES = ("start", "end", "known_at")


@pages.page
def trial_balance_page(request: HttpRequest) -> HttpResponse:
    asked = points.as_of(request)
    columns = record.trial_balance_at(asked.point)
    known = record.units(it.asset for it in columns)
    context = {
        "as_of": asked,
        "columns": [_column(it, known[it.asset], asked.query) for it in columns],
        "off": [known[it.asset].title for it in columns if it.off],
    }
    return pages.shown(request, "desk/trial_balance.html", title="Trial balance", context=context)


def _column(it: TrialColumn, unit: Unit, query: str) -> dict[str, Any]:
    accounts = reverse("desk-trial-accounts")
    return {
        "asset": it.asset,
        "title": unit.title,
        "debit": unit.shown(it.debit),
        "credit": unit.shown(it.credit),
        "off": unit.shown(it.off) if it.off else None,
        "lines": [
            {
                "group": line.group,
                "accounts": line.accounts,
                "debit": unit.shown(line.debit),
                "credit": unit.shown(line.credit),
                "page": f"{accounts}?{urlencode({'ledger': it.asset, 'group': line.group})}&{query}",
            }
            for line in it.lines
        ],
    }


@pages.page
def trial_accounts_page(request: HttpRequest) -> HttpResponse:
    asked = points.as_of(request)
    ledger, group = request.GET.get("ledger", ""), request.GET.get("group", "")
    if ":" not in ledger or not group:
        raise Http404("say which column and line")
    unit = record.units([ledger])[ledger]
    found = record.trial_accounts(
        asked.point,
        asset=ledger,
        group=group,
        after=request.GET.get("after", ""),
        limit=MOST + 1,
    )
    shown, more = found[:MOST], len(found) > MOST
    here = {"ledger": ledger, "group": group, **asked.asked}
    context = {
        "as_of": asked,
        "unit": unit,
        "group": group,
        "here": here,
        "rows": [
            {
                "account": it.account,
                "amount": unit.shown(it.amount),
                "page": reverse("desk-statement", args=[it.account]),
            }
            for it in shown
        ],
        "next": f"?{urlencode({**here, 'after': shown[-1].account})}" if more else None,
    }
    title = f"{unit.title}: {group}"
    return pages.shown(request, "desk/trial_accounts.html", title=title, context=context)


@pages.page
def statement_page(request: HttpRequest, account_id: str) -> HttpResponse:
    account = record.account_row(account_id)
    asked = {name: it for name in SIDES if (it := request.GET.get(name, "").strip())}
    error = ""
    try:
        period = _period(account_id, asked)
        after = request.GET.get("after")
        place = statement.place(after) if after else None
    except Refusal as refusal:
        error, asked, place = str(refusal), {}, None
        period = _period(account_id, asked)
    found = record.statement_page(period, after=place, limit=MOST + 1)
    shown, more = found.movements[:MOST], len(found.movements) > MOST
    known = record.units(
        [*found.balances.opening, *found.balances.closing, *(it.asset for it in shown)]
    )
    words = Words(record.scales())
    table = {name: _rfc3339(it) for name, it in asked.items()}
    context = {
        "account": account,
        "period": period,
        "asked": asked,
        "error": error,
        "opening": _balances(found.balances.opening, known),
        "closing": _balances(found.balances.closing, known),
        "movements": [_movement(it, known[it.asset], words) for it in shown],
        "next": f"?{urlencode({**asked, 'after': str(shown[-1].place)})}" if more else None,
        "table": f"/api/v1/accounts/{account_id}/statement?{urlencode({**table, 'format': 'csv'})}",
    }
    title = f"Statement of {account_id}"
    return pages.shown(request, "desk/statement.html", title=title, context=context)


def _period(account_id: str, asked: Mapping[str, str]) -> Period:
    start, end, known_at = (
        points.moment(asked[name], field=name) if name in asked else None for name in SIDES
    )
    until = end or timekeeping.now()
    statement.check_period(start, until)
    record.point(effective_at=end, known_at=known_at)
    return Period(account_id=account_id, start=start, end=until, known_at=known_at)


def _rfc3339(text: str) -> str:
    return clock.text(points.moment(text, field="start"))


def _balances(held: Mapping[str, int], known: Mapping[str, Unit]) -> list[dict[str, str]]:
    return [
        {"asset": asset, "title": known[asset].title, "amount": known[asset].shown(amount)}
        for asset, amount in held.items()
    ]


def _movement(it: MovementRow, unit: Unit, words: Words) -> dict[str, Any]:
    return {
        "sequence": it.recorded.sequence,
        "event": reverse("admin:clearing_event_change", args=[it.recorded.sequence]),
        "at": it.recorded.effective_at,
        "late": it.recorded.recorded_at,
        "kind": it.kind,
        "said": words.line(it.recorded),
        "counterparts": ", ".join(it.counterparts),
        "reference": it.reference,
        "title": unit.title,
        "amount": unit.shown(it.amount),
        "balance": unit.shown(it.balance),
    }
