"""One id for everything a request leads to."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "X-Correlation-Id"
REQUEST = "req:"  # so that no caller can write itself into the trail of a call or a case
_ALLOWED = re.compile(r"[A-Za-z0-9._:-]{8,64}")


class CorrelationMiddleware:
    """Takes the caller's id when it is well formed, makes one otherwise, and answers with the name
    under which the request's facts are found."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        name = given if _ALLOWED.fullmatch(given) else str(uuid.uuid4())
        request.correlation_id = f"{REQUEST}{name}"  # type: ignore[attr-defined]
        response = self.get_response(request)
        response[HEADER] = request.correlation_id  # type: ignore[attr-defined]
        return response
