"""One settlement cycle: what it is pinned to, what each member paid and received, and its facts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from clearing import selectors as record
from clearing.domain.cycles import State
from clearing.selectors import MemberLine
from config.desk import pages, pictures
from config.desk.pictures import Bar
from config.desk.wording import Words

MOST_BARS = 40
TITLES = (
    ("vm", "variation margin"),
    ("realised", "realised by trades"),
    ("funding", "funding"),
    ("premium", "premium"),
    ("fee", "fees"),
    ("payout", "payouts"),
)


@pages.page
def cycle_page(request: HttpRequest, cycle_id: str) -> HttpResponse:
    cycle, digits = record.cycle(cycle_id), record.scales()
    owed = record.member_lines(cycle_id)
    lines = reverse("admin:clearing_cycleline_changelist")
    context = {
        "cycle": cycle,
        "held": cycle.state == State.HELD,
        "open": cycle.state == State.OPENED,
        "lines": f"{lines}?cycle={cycle_id}",
        "kinds": [title for _, title in TITLES],
        "assets": [
            _asset(asset, [it for it in owed if it.asset == asset], cycle.totals, digits)
            for asset in sorted({it.asset for it in owed})
        ],
        "trail": pages.lines(list(record.stream(f"cycle-{cycle_id}")), Words(digits)),
    }
    return pages.shown(request, "desk/cycle.html", title=f"Cycle {cycle_id}", context=context)


def _asset(
    asset: str, owed: Sequence[MemberLine], totals: str, digits: dict[str, int]
) -> dict[str, Any]:
    sums = json.loads(totals).get(asset, {})
    largest = sorted(owed, key=lambda it: -abs(it.net))[:MOST_BARS]
    bars = [
        Bar(name=it.member_id, value=float(Decimal(record.shown(asset, it.net, digits))))
        for it in sorted(largest, key=lambda it: it.member_id)
    ]
    return {
        "asset": asset,
        "picture": pictures.bars(
            bars, key=f"net-{asset}", title=f"Net received by member, in {asset}", unit=asset
        ),
        "totals": [(what, record.shown(asset, minor, digits)) for what, minor in sums.items()],
        "rows": [_row(it, digits) for it in owed],
    }


def _row(it: MemberLine, digits: dict[str, int]) -> dict[str, Any]:
    return {
        "member": it.member_id,
        "page": reverse("admin:accounts_member_change", args=[it.member_id]),
        "amounts": [record.shown(it.asset, it.by_kind.get(kind, 0), digits) for kind, _ in TITLES],
        "net": record.shown(it.asset, it.net, digits),
        "paying": it.net < 0,
    }
