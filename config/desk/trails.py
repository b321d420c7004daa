"""Everything one request led to, in order."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from clearing import selectors as record
from config.desk import pages
from config.desk.wording import Words

MOST = 500


@pages.page
def trail_page(request: HttpRequest, correlation_id: str) -> HttpResponse:
    found = record.trail(correlation_id, limit=MOST + 1)
    if not found:
        raise Http404("no fact carries this correlation id")
    events = reverse("admin:clearing_event_changelist")
    context = {
        "correlation_id": correlation_id,
        "trail": pages.lines(found[:MOST], Words(record.scales())),
        "more": len(found) > MOST,
        "events": f"{events}?{urlencode({'correlation_id': correlation_id})}",
    }
    return pages.shown(
        request, "desk/trail.html", title=f"Trail of {correlation_id}", context=context
    )
