"""What every operation of the API's description has in common: the problems it may answer with."""

from __future__ import annotations

from typing import Any

from config.answers import CONTENT_TYPE

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "code", "instance", "facts", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "A page about it."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; for machines."},
        "instance": {"type": "string", "description": "Correlation id of the request."},
        "facts": {"type": "object", "additionalProperties": {"type": "string"}},
        "errors": {
            "type": "array",
            "description": "Where the fault lies: in the body, in the path or query, in a header.",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "format": "json-pointer"},
                    "parameter": {"type": "string"},
                    "header": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "example": {
        "type": "/api/v1/problems/price-off-tick",
        "title": "The price is not a whole number of ticks.",
        "status": 422,
        "detail": "The price is not a whole number of ticks. (got 90000.3, tick 0.5)"
        " Use a multiple of the tick.",
        "code": "price-off-tick",
        "instance": "2f0c0d9e-5a63-4f51-8f2e-0c9f6f4f6a55",
        "facts": {"got": "90000.3", "tick": "0.5"},
        "errors": [
            {"pointer": "/price", "detail": "The price is not a whole number of ticks. ..."}
        ],
    },
}
DONE = {"200": "The answer.", "201": "Recorded.", "202": "Taken; what becomes of it is a fact."}
SAYS = {
    "400": "The request is not well made.",
    "401": "No credential, or none that is valid.",
    "403": "This credential is for something else.",
    "404": "Not there, or not the caller's: nobody learns which.",
    "409": "Not now: the state of the house, an account or a price set does not allow it.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "A rule refuses it, or the key was used for another request.",
    "503": "Ask again after `Retry-After` seconds.",
}


def with_problems(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """Add to each operation the problems that its kind of request may meet."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    for path in result["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                response["description"] = response["description"] or DONE[status]
            for status in _statuses(operation):
                operation["responses"].setdefault(status, _answer(status))
    return result


def _statuses(operation: dict[str, Any]) -> list[str]:
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    found = {"503"}
    if operation.get("security"):
        found |= {"401", "409"}
    if "path" in places:
        found |= {"404"}
    if "query" in places or "header" in places:
        found |= {"400"}
    if "header" in places:
        found |= {"403", "409", "422"}
    if "requestBody" in operation:
        found |= {"400", "403", "409", "413", "415", "422"}
    return sorted(found)


def _answer(status: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    answer: dict[str, Any] = {
        "description": SAYS[status],
        "content": {CONTENT_TYPE: {"schema": schema}},
    }
    if status == "503":
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return answer
