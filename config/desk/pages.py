"""What every joined page needs: who may see it, and as of when it speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from clearing import selectors as record
from clearing.desk import VIEW
from clearing.domain import clock
from clearing.domain.errors import NotFound
from clearing.store import Recorded
from config.desk.wording import Words
from margin import selectors as margin

LATE = timedelta(seconds=60)  # a live clock that lags more has stopped

View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The page's own place in time: the wall, business time, the prices and the last run of all."""

    read_at: datetime
    business: datetime | None
    mode: str
    prices: Any  # the latest price set's row, or None
    run: Any  # the last completed run of all, or None
    under_way: Any  # one that is not completed yet, or None
    price_limit: timedelta

    @property
    def stopped(self) -> bool:
        """Nobody feeds a live clock."""
        live = self.business is not None and self.mode == clock.LIVE
        return live and self.read_at - self.business > LATE  # type: ignore[operator]

    @property
    def price_age(self) -> timedelta | None:
        return self.business - self.prices.at if self.business and self.prices else None

    @property
    def run_age(self) -> timedelta | None:
        return self.business - self.run.at if self.business and self.run else None

    @property
    def stale(self) -> bool:
        return self.price_age is not None and self.price_age > self.price_limit


def moment() -> Moment:
    ticking = record.business_clock()
    newest = margin.last_run_of_all()
    completed = newest is None or newest.completed
    return Moment(
        read_at=datetime.now(UTC),
        business=ticking.now if ticking else None,
        mode=ticking.mode if ticking else "not started",
        prices=record.price_sets().first(),
        run=newest if completed else margin.last_completed_run_of_all(),
        under_way=None if completed else newest,
        price_limit=timedelta(seconds=record.policy().price_max_age_seconds),
    )


def page(view: View) -> View:
    """For those who may read everything in the house; what is not there is a 404."""

    @wraps(view)
    def guarded(request: HttpRequest, **address: Any) -> HttpResponse:
        if not request.user.has_perm(VIEW):
            raise PermissionDenied
        try:
            return view(request, **address)
        except NotFound as refusal:
            raise Http404(str(refusal)) from refusal

    return admin.site.admin_view(guarded)


def shown(
    request: HttpRequest, template: str, *, title: str, context: dict[str, Any]
) -> HttpResponse:
    usual = {**admin.site.each_context(request), "title": title, "moment": moment()}
    return render(request, template, {**usual, **context})


def lines(found: list[Recorded], words: Words) -> list[dict[str, Any]]:
    """A trail as the page shows it: when, what, by whom, and the way to each event."""
    return [
        {
            "sequence": it.sequence,
            "event": reverse("admin:clearing_event_change", args=[it.sequence]),
            "at": it.effective_at,
            "said": words.line(it),
            "actor": it.cause.actor,
            "name": it.fact.NAME,
            "cause": it.cause.sequence,
        }
        for it in found
    ]
