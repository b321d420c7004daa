"""Every no of the API: the only module that knows a refusal and an HTTP status.

An answer is a problem document (RFC 9457). Its `type` is a page we serve (config/problems.py), its
`instance` the correlation id of the request, and `errors` points at what was at fault.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from clearing.domain.errors import NotFound, Refusal

log = logging.getLogger("surety.api")

CONTENT_TYPE = "application/problem+json"
API = "/api/v1/"
PAGES = f"{API}problems/"
RETRY_SECONDS = "1"

# 400 the request is not well made, 401 who are you, 403 not with this credential, 404 not there or
# not yours, 409 not now: the same request may be right later, 422 never, 503 ask again.
STATUS: dict[str, int] = {
    "account-already-open": 409,
    "account-not-flat": 409,
    "account-ring-fenced": 409,
    "account-not-open": 409,
    "adjustment-not-possible": 422,
    "amount-not-exact": 422,
    "amount-out-of-range": 422,
    "asset-not-valid": 422,
    "asset-unknown": 422,
    "balance-too-small": 409,
    "batch-out-of-range": 422,
    "break-not-open": 409,
    "call-not-open": 409,
    "certificate-refused": 409,
    "checkpoint-key-exists": 409,
    "checkpoint-key-missing": 409,
    "checkpoint-not-valid": 422,
    "clock-backwards": 409,
    "clock-is-live": 409,
    "clock-not-started": 503,
    "code-not-valid": 422,
    "contract-ambiguous": 422,
    "corrected-already": 409,
    "correction-not-valid": 422,
    "credential-not-valid": 401,
    "description-differs": 422,
    "cursor-not-valid": 400,
    "deadline-not-valid": 422,
    "deadline-passed": 409,
    "difference-out-of-range": 422,
    "executed-too-early": 422,
    "execution-time-not-valid": 422,
    "cycle-not-balanced": 409,
    "cycle-under-way": 409,
    "fee-not-valid": 422,
    "file-not-valid": 422,
    "fpml-incomplete": 422,
    "fpml-not-taken": 422,
    "fpml-not-valid": 422,
    "gap-not-valid": 422,
    "holder-unnamed": 422,
    "group-not-allocated": 422,
    "group-not-uniform": 422,
    "handover-deadline-not-valid": 422,
    "handover-ended": 409,
    "illegal-call-move": 409,
    "illegal-case-move": 409,
    "illegal-cycle-move": 409,
    "instruction-not-valid": 422,
    "funding-differs": 409,
    "funding-not-valid": 422,
    "instrument-not-trading": 409,
    "instrument-unknown": 422,
    "key-missing": 400,
    "key-not-valid": 400,
    "key-reused": 422,
    "lots-not-free": 409,
    "location-not-admitted": 409,
    "lots-out-of-range": 422,
    "member-already-admitted": 409,
    "member-unknown": 422,
    "move-taken": 409,
    "name-not-valid": 422,
    "not-a-number": 422,
    "not-found": 404,
    "nothing-to-adjust": 409,
    "not-sealed": 409,
    "nothing-sealed": 409,
    "nothing-to-close": 409,
    "observation-refused": 422,
    "notice-too-short": 409,
    "out-of-scope": 403,
    "outside-statement-not-valid": 422,
    "outflow-too-large": 409,
    "parameters-missing": 409,
    "parameters-refused": 422,
    "party-unknown": 422,
    "password-too-weak": 422,
    "period-not-valid": 400,
    "point-before-the-log": 409,
    "point-in-the-future": 409,
    "point-not-sealed": 409,
    "point-not-valid": 400,
    "port-not-whole": 409,
    "price-from-the-future": 409,
    "price-missing": 409,
    "price-not-positive": 422,
    "price-off-tick": 422,
    "price-out-of-order": 409,
    "price-outside-band": 422,
    "price-outside-limits": 422,
    "price-refused": 422,
    "price-stale": 409,
    "quantity-off-lot": 422,
    "ratio-not-valid": 422,
    "price-policy-not-valid": 422,
    "quorum-needed": 409,
    "refused": 422,
    "releases-halted": 409,
    "releases-not-halted": 409,
    "role-held-otherwise": 409,
    "role-unknown": 422,
    "schedule-not-valid": 422,
    "settlement-schedule-not-valid": 422,
    "schedule-leaves-out": 409,
    "self-trade": 422,
    "source-already-admitted": 409,
    "source-not-valid": 422,
    "source-unknown": 422,
    "source-gap": 409,
    "source-reused": 422,
    "shares-not-valid": 422,
    "status-not-valid": 409,
    "stream-moved": 409,
    "still-held": 409,
    "symbol-taken": 409,
    "substitution-not-open": 409,
    "substitution-not-valid": 422,
    "substitution-taken": 409,
    "terms-differ": 409,
    "terms-fixed": 422,
    "terms-not-valid": 422,
    "trade-ended": 409,
    "trade-id-not-valid": 422,
    "trade-id-taken": 409,
    "withdrawal-not-instructed": 409,
    "withdrawal-taken": 409,
    "withdrawal-unknown": 409,
}
OTHERWISE = 422

# What the doors themselves refuse, before any rule of the house is asked: status, title, remedy.
AT_THE_DOOR: dict[str, tuple[int, str, str]] = {
    "request-not-valid": (
        400,
        "The request does not have the right shape.",
        "See `errors` for each field, and the API's description for what it takes.",
    ),
    "malformed": (400, "The body is not JSON we take.", "Send one JSON object in UTF-8."),
    "credential-missing": (
        401,
        "This needs a credential.",
        "Send `Authorization: Bearer clr_...` with a live key.",
    ),
    "permission-denied": (
        403,
        "This is not allowed.",
        "A session's writes need its CSRF token; officers act in the admin.",
    ),
    "no-such-route": (404, "There is no such route.", "See the API's description."),
    "method-not-allowed": (405, "This route does not take that method.", "See the `Allow` header."),
    "not-acceptable": (406, "We answer in JSON only.", "Accept `application/json`."),
    "body-too-large": (413, "The body is too large.", "Send it in smaller pieces."),
    "unsupported-media-type": (415, "We take JSON only.", "Send `application/json`."),
    "busy": (503, "The house is busy.", "Send the same request again under the same key."),
    "broken": (500, "Something is wrong on our side.", "Tell the operator the correlation id."),
}
_DOOR_CODES = {
    "not_authenticated": "credential-missing",
    "authentication_failed": "credential-missing",
    "parse_error": "malformed",
    "not_found": "no-such-route",
}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF asks this for every exception of a view; None lets it fail loudly."""
    match error:
        case Refusal():
            return _refused(error, context)
        case OperationalError() | InterfaceError():
            log.warning("the database did not answer: %s", error)
            return _at_the_door("busy", context)
        case exceptions.ValidationError():
            return _at_the_door("request-not-valid", context, errors=list(_invalid(error, context)))
        case Http404():
            return _at_the_door("no-such-route", context)
        case PermissionDenied():
            return _at_the_door("permission-denied", context)
        case exceptions.APIException():
            spelled = str(error.default_code)
            code = _DOOR_CODES.get(spelled, spelled.replace("_", "-"))
            return _at_the_door(code, context, detail=str(error.detail))
        case _:
            return None


def status_of(refusal: type[Refusal]) -> int:
    return STATUS.get(refusal.code, OTHERWISE)


def _refused(refusal: Refusal, context: dict[str, Any]) -> Response:
    where = _where(refusal.field, refusal.place, context) if refusal.field else None
    status = status_of(type(refusal))
    in_path = getattr(context.get("view"), "kwargs", {})
    if where and where.get("parameter") in in_path and refusal.code.endswith("-unknown"):
        status = status_of(NotFound)  # it is what the path names
    detail = refusal.sentence
    body = {
        **_head(refusal.code, status, refusal.says, detail, context),
        "facts": refusal.facts,
        "errors": [{**where, "detail": detail}] if where else [],
    }
    return _response(body)


def _at_the_door(
    code: str,
    context: dict[str, Any],
    *,
    detail: str = "",
    errors: list[dict[str, str]] | None = None,
) -> Response:
    status, title, remedy = AT_THE_DOOR[code]
    body = {
        **_head(code, status, title, detail or f"{title} {remedy}", context),
        "facts": {},
        "errors": errors or [],
    }
    return _response(body)


def _head(
    code: str, status: int, title: str, detail: str, context: Mapping[str, Any]
) -> dict[str, Any]:
    request = context.get("request")
    return {
        "type": f"{PAGES}{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": getattr(request, "correlation_id", ""),
    }


def _response(body: dict[str, Any]) -> Response:
    headers = {}
    if body["status"] == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if body["status"] == 503:
        headers["Retry-After"] = RETRY_SECONDS
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def _where(field: str, place: int | None, context: Mapping[str, Any]) -> dict[str, str]:
    """The part of the request that a service's word for a field stands for."""
    view = context.get("view")
    name = getattr(view, "names", {}).get(field, field)
    in_path = getattr(view, "kwargs", {})
    for spelled in (name, f"{name}_id"):
        if spelled in in_path:
            return {"parameter": spelled}
    if "-" in name:
        return {"header": name}
    if name in getattr(context.get("request"), "query_params", {}):
        return {"parameter": name}
    many = getattr(view, "items_in", "")
    return {"pointer": f"/{many}/{place}/{name}" if many and place is not None else f"/{name}"}


def _invalid(
    error: exceptions.ValidationError, context: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    in_query = getattr(context.get("request"), "method", "") == "GET"
    for path, detail in _leaves(error.detail, ()):
        where = {"parameter": path[0]} if in_query and path else {"pointer": _pointer(path)}
        code = (detail.code or "invalid").replace("_", "-")
        yield {**where, "code": code, "detail": str(detail)}


def _pointer(path: tuple[str, ...]) -> str:
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)


def _leaves(
    detail: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], exceptions.ErrorDetail]]:
    match detail:
        case dict():
            for name, inner in detail.items():
                own = () if name == "non_field_errors" else (str(name),)
                yield from _leaves(inner, path + own)
        case [exceptions.ErrorDetail(), *_]:
            for each in detail:
                yield path, each
        case list():
            for place, inner in enumerate(detail):
                yield from _leaves(inner, (*path, str(place)))
        case exceptions.ErrorDetail():
            yield path, detail


# --- where no view was reached ----------------------------------------------------------------


def _page(code: str, request: HttpRequest) -> JsonResponse:
    response = _at_the_door(code, {"request": request})
    return JsonResponse(response.data, status=response.status_code, content_type=CONTENT_TYPE)


def not_found(
    request: HttpRequest, exception: Exception | None = None, **_path: str
) -> HttpResponse:
    if not request.path.startswith(API):
        return defaults.page_not_found(request, exception or Http404())
    return _page("no-such-route", request)


def broken(request: HttpRequest) -> HttpResponse:
    """Django has logged the error with its traceback; the caller learns only which request it was."""
    if not request.path.startswith(API):
        return defaults.server_error(request)
    return _page("broken", request)
