"""One account on one page: where it stands, why, and what happened."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse

from clearing import selectors as record
from clearing.domain import entries, withdrawal
from clearing.selectors import PositionRow, SealedPrices
from config.desk import pages, pictures, points
from config.desk.pictures import Bar, Point
from config.desk.wording import Words
from liquidation import selectors as liquidation
from margin import selectors as margin

RUNS, FACTS = 60, 15  # in the history, and under latest events
PARTS = (
    ("mark_to_market", "mark to market"),
    ("worst", "worst scenario"),
    ("initial_factor", "initial factor"),
    ("initial_contingency", "initial contingency"),
    ("maintenance_contingency", "maintenance contingency"),
)


@pages.page
def account_page(request: HttpRequest, account_id: str) -> HttpResponse:
    row, digits = record.account_row(account_id), record.scales()
    asked = points.as_of(request)
    book = record.account_book(account_id, **asked.point.sides)
    held, sealed = book.held, record.prices_as_of(**asked.point.sides)
    positions = record.positions(held, sealed)
    words = Words(digits, known={it.terms.symbol: it.terms for it in positions})
    streams = [f"{kind}-{account_id}" for kind in ("account", "call", "case")]
    latest = None if asked.then else margin.latest_requirement(account_id)
    context = {
        "account": row,
        "as_of": asked,
        "leaving": _balances(book.leaving, sealed, digits) if asked.then else [],
        "positions": [_position(it, digits) for it in positions],
        "balances": _balances(held, sealed, digits),
        "withdrawals": [
            {"row": it, "amount": record.shown(it.asset, it.amount, digits)}
            for it in record.withdrawals(account_id).filter(status__in=withdrawal.PENDING)
            if not asked.then
        ],
        "requirement": _requirement(latest, digits) if latest else None,
        "groups": _groups(latest) if latest else [],
        "cuts": _cuts(latest, digits) if latest else [],
        "history": _history(account_id, digits),
        "calls": [
            {"row": it, "amount": record.shown(it.asset, it.amount, digits)}
            for it in margin.calls_of(account_id)[:10]
        ],
        "cases": liquidation.cases_of(account_id)[:10],
        "facts": pages.lines(record.latest_facts(streams, limit=FACTS), words),
    }
    return pages.shown(request, "desk/account.html", title=f"Account {account_id}", context=context)


def _position(row: PositionRow, digits: dict[str, int]) -> dict[str, Any]:
    it = row.terms

    def money(minor: int) -> str:
        return record.shown(it.settlement, minor, digits)

    return {
        "symbol": it.symbol,
        "kind": f"{it.payoff} {it.kind}",
        "lots": row.lots,
        "quantity": format(row.lots * it.lot_size, "f"),
        "mark": row.mark,
        "settlement": it.settlement,
        "cost": money(row.cost) if it.carried_at_cost else None,
        "value": None if row.value is None else money(row.value),
        "losing": row.value is not None and row.value < 0,
    }


def _balances(
    held: Mapping[str, int], sealed: SealedPrices | None, digits: dict[str, int]
) -> list[dict[str, Any]]:
    indices = sealed.prices.indices if sealed else {}
    cash = entries.cash("")
    return [
        {
            "asset": asset.removeprefix(cash),
            "amount": record.shown(asset.removeprefix(cash), minor, digits),
            "owing": minor < 0,
            "index": indices.get(asset.removeprefix(cash)),
        }
        for asset, minor in sorted(held.items())
        if asset.startswith(cash)
    ]


def _requirement(row: Any, digits: dict[str, int]) -> dict[str, Any]:
    levels = margin.levels(row)

    def shown(minor: int) -> str:
        return record.shown(row.asset, minor, digits)

    return {
        "row": row,
        "asset": row.asset,
        "equity": shown(row.equity),
        "maintenance": shown(row.maintenance),
        "initial": shown(row.initial),
        "target": shown(levels.target),
        "missing": shown(levels.missing) if levels.missing > 0 else None,
        "free": shown(levels.free),
        "coverage": levels.coverage,
        "standing": levels.standing,
        "bar": pictures.coverage(levels),
    }


def _groups(row: Any) -> list[dict[str, Any]]:
    """Each margin group with its parts, and its vector as a picture and as numbers."""
    found = []
    for group in margin.components(row):
        name, binding = group["underlying"], group["binding"]
        vector = group["vector"]
        bars = [Bar(name=moves(it), value=value, marked=it == binding) for it, value in vector]
        found.append(
            {
                "underlying": name,
                "binding": binding,
                "parts": [(field, title, exact(group[field])) for field, title in PARTS],
                "vector": [(it, exact(value), it == binding) for it, value in vector],
                "picture": pictures.bars(
                    bars,
                    key=f"vector-{name}",
                    title=f"{name}: gain or loss by scenario",
                    unit=row.asset,
                ),
            }
        )
    return found


def _cuts(row: Any, digits: dict[str, int]) -> list[dict[str, str]]:
    """What the collateral schedule requires beyond the method's haircut, asset by asset."""
    names = ("market", "eligible", "maintenance", "initial")
    return [
        {"asset": cut["asset"]}
        | {name: record.shown(row.asset, cut[name], digits) for name in names}
        for cut in margin.collateral_cuts(row)
    ]


def moves(scenario: str) -> str:
    """`0.82/up` is -18 % of spot with volatility up; other names are left as they are."""
    spot, _, vol = scenario.partition("/")
    try:
        change = (Decimal(spot) - 1) * 100
    except ArithmeticError:
        return scenario
    said = f"{change.normalize():+f} %".replace("-", "−") if change else "0 %"
    return f"{said}, vol {vol}" if vol in ("up", "down", "none") else f"{said}, {vol}"


def exact(value: float) -> str:
    """The fewest digits that name the engine's number, without an exponent."""
    return format(Decimal(repr(value)), "f")


def _history(account_id: str, digits: dict[str, int]) -> dict[str, Any]:
    """The last runs that priced the account, oldest first."""
    rows = [row for row in margin.requirements(account_id)[:RUNS] if not row.reason][::-1]
    points = [
        Point(
            label=f"{row.at:%d %b %H:%M}",
            equity=float(record.shown(row.asset, row.equity, digits)),
            maintenance=float(record.shown(row.asset, row.maintenance, digits)),
        )
        for row in rows
    ]
    unit = rows[-1].asset if rows else ""
    return {"runs": len(rows), "picture": pictures.levels(points, key="levels", unit=unit)}
