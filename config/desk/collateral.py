"""Collateral on a page: how market value becomes what counts, lot by lot; and the schedule."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from clearing import selectors as record
from clearing.domain import amounts, outflows
from clearing.domain.collateral import CUTS
from clearing.domain.schedule import Announced, about
from clearing.services import timekeeping
from config.desk import pages, pictures
from config.desk.collateral_wording import SAYS
from config.desk.pictures import Step

TITLES = {
    "not_admitted": "not admitted",
    "haircut": "haircut",
    "gap": "gap",
    "concentration": "concentration",
    "wrong_way": "wrong way",
    "depeg": "depeg",
}


@pages.page
def collateral_page(request: HttpRequest, account_id: str) -> HttpResponse:
    row, digits = record.account_row(account_id), record.scales()
    found = record.account_collateral(account_id, at=timekeeping.now())
    reporting = found.schedule.reporting
    context = {
        "account": row,
        "reporting": reporting,
        "price_sequence": found.price_sequence,
        "picture": _waterfall(found, digits) if reporting else None,
        "totals": _totals(found, digits) if reporting else None,
        "assets": [_asset(it, reporting, digits) for it in found.assets],
        "withdrawals": [
            {"row": it, "amount": record.shown(it.asset, it.amount, digits)}
            for it in record.withdrawals(account_id)[:20]
        ],
        "substitutions": [
            {
                "row": it,
                "amount": record.shown(it.asset, it.amount, digits),
                "incoming": record.shown(it.incoming, it.incoming_amount, digits),
            }
            for it in record.substitutions(account_id)[:20]
        ],
    }
    title = f"Collateral of {account_id}"
    return pages.shown(request, "desk/collateral.html", title=title, context=context)


def _waterfall(found: record.AccountCollateral, digits: dict[str, int]) -> str:
    """Market value down to what counts, a bar for each cut."""
    reporting = found.schedule.reporting
    worth = [it.valued for it in found.assets if it.valued]
    left = [sum(it.market for it in worth)]
    left += [sum(it.left[at] for it in worth) for at in range(len(CUTS))]

    def number(minor: int) -> float:
        return float(amounts.shown(minor, scale=digits[reporting]))

    steps = [Step(name="market value", start=0.0, end=number(left[0]))]
    steps += [
        Step(name=TITLES[name], start=number(left[at]), end=number(left[at + 1]))
        for at, name in enumerate(CUTS)
    ]
    steps.append(Step(name="counts", start=0.0, end=number(left[-1])))
    title = "From market value to what counts"
    return pictures.waterfall(steps, key="collateral", title=title, unit=reporting)


def _totals(found: record.AccountCollateral, digits: dict[str, int]) -> dict[str, str]:
    reporting = found.schedule.reporting
    worth = [it.valued for it in found.assets if it.valued]
    return {
        "market": record.shown(reporting, sum(it.market for it in worth), digits),
        "eligible": record.shown(reporting, sum(it.eligible for it in worth), digits),
    }


def _asset(it: record.AssetLots, reporting: str, digits: dict[str, int]) -> dict[str, Any]:
    worth = it.valued

    def money(minor: int) -> str:
        return record.shown(reporting, minor, digits)

    def units(minor: int) -> str:
        return record.shown(it.asset, minor, digits)

    return {
        "asset": it.asset,
        "balance": units(it.balance),
        "settled_cash": units(it.against.settled_cash),
        "price": worth.price if worth else None,
        "why": worth.why if worth else "",
        "market": money(worth.market) if worth else None,
        "cuts": [
            {"name": name, "title": TITLES[name], "amount": money(cut)}
            for name, cut in (worth.cuts if worth else {}).items()
        ],
        "eligible": money(worth.eligible) if worth else None,
        "lots": [
            {
                "lot": row.lot,
                "left": units(row.left),
                "used": units(row.used) if row.used else None,
                "promised": row.lot.encumbered_by,
            }
            for row in it.against.lots
        ]
        + [
            {"lot": lot, "left": units(lot.units), "used": None, "promised": lot.encumbered_by}
            for lot in it.leaving
        ],
    }


@pages.page
def schedule_page(request: HttpRequest) -> HttpResponse:
    now = timekeeping.now()
    found, told = record.collateral_schedule(at=now), record.announced()
    context = {
        "reporting": found.reporting,
        "window": int(outflows.WINDOW.total_seconds() // 60),
        "gaps": [found.gaps[name] for name in sorted(found.gaps)],
        "terms": [found.of(asset) for asset in sorted(found.terms)],
        "announced": [
            {"it": it, "says": _said(it), "asset": about(it.fact)}
            for it in sorted(told, key=lambda it: it.effective_from)
            if it.effective_from > now
        ],
        "history": [
            {"it": it, "says": _said(it)} for it in reversed(told) if it.effective_from <= now
        ][:50],
    }
    return pages.shown(
        request, "desk/schedule.html", title="The collateral schedule", context=context
    )


def _said(it: Announced) -> str:
    return SAYS[type(it.fact)](it.fact, None)
