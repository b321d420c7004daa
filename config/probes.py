"""Is this process alive, and can it serve?"""

from __future__ import annotations

import logging

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from config import health

log = logging.getLogger("surety.probes")

_migrated = False  # once true in a process it stays true


@require_safe
def alive(_request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked, so that a slow database restarts nobody."""
    return JsonResponse({"status": "alive"})


@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """The database answers and is migrated; 503 otherwise, so that no request is sent here."""
    global _migrated  # noqa: PLW0603 - see above
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT last FROM clearing_sealstate WHERE id = 1")
            cursor.fetchone()
    except Error as error:
        log.warning("not ready: %s", error)
        return _not_ready("the database does not answer, or is not migrated")
    if not _migrated:
        finding = health.migrations()
        if finding.verdict != "ok":
            return _not_ready(str(finding))
        _migrated = True
    return JsonResponse({"status": "ready"})


def _not_ready(why: str) -> JsonResponse:
    return JsonResponse(
        {"status": "not ready", "why": why}, status=503, headers={"Retry-After": "1"}
    )
