"""A price set's page: what stands for its time, what it was made of, what was not heard, its smiles."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import mark_safe

from clearing import selectors as record
from config.desk import pages, smiles
from config.desk.smiles import Sketch
from margin import selectors as margin
from margin.selectors import SetSurface

MOST = 200  # rejections shown; how many there are in all is said beside them


@pages.page
def price_set_page(request: HttpRequest, sequence: int) -> HttpResponse:
    sealed = record.prices_at(sequence)
    found = sealed.prices
    chain = record.sets_of_time(sequence)
    rejected = record.rejection_rows(sealed.name).order_by("id")
    context = {
        "sealed": sealed,
        "stands": chain[-1].sequence,
        "chain": [
            {
                "sequence": row.sequence,
                "page": reverse("desk-prices", args=[row.sequence]),
                "event": reverse("admin:clearing_event_change", args=[row.sequence]),
                "name": row.name,
                "reason": row.reason or "as it was sealed",
            }
            for row in chain
        ],
        "indices": sorted(found.indices.items()),
        "forwards": sorted(found.forwards.items()),
        "recipe": found.made_of,
        "rejections": rejected[:MOST],
        "rejected": rejected.count(),
        "surfaces": [_shown(it) for it in margin.set_surfaces(sealed)],
    }
    return pages.shown(
        request, "desk/prices.html", title=f"Price set {sealed.name[:12]}", context=context
    )


def _shown(found: SetSurface) -> dict[str, Any]:
    faults: dict[int, list[float]] = {}
    for it in found.violations:
        faults.setdefault(it.expiry, []).append(it.strike)
    pictures = [
        smiles.drawn(
            Sketch(
                key=f"{found.underlying}-{at:%Y%m%d}",
                title=f"{found.underlying} {at:%Y-%m-%d}",
                points=points,
                smile=smile,
                marked=faults.get(row, []),
            )
        )
        for row, (at, points, smile) in enumerate(
            zip(found.expiries, found.points, found.smiles, strict=True)
        )
    ]
    return {
        "underlying": found.underlying,
        "pictures": [
            {"title": f"{at:%Y-%m-%d %H:%M}", "svg": mark_safe(svg)}  # noqa: S308 - ours
            for at, svg in zip(found.expiries, pictures, strict=True)
        ],
        "violations": [smiles.said(it, found.expiries) for it in found.violations],
    }
