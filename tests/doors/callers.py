"""Who calls the API in tests, and what every answer must keep to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any

from django.db import connection
from rest_framework.test import APIClient

from tests.builders import CAUSE, START

API = "/api/v1"
_numbers = count(1)


def a_key(
    *, member: str = "", venue: str = "", custodian: str = "", expires_at: datetime | None = None
) -> str:
    from accounts.services import people

    return people.issue_credential(
        title="test",
        member_id=member,
        venue=venue,
        custodian=custodian,
        expires_at=expires_at,
        at=START,
        cause=CAUSE,
    )


class Caller:
    """Sends JSON under a fresh key unless told which; checks what holds for every answer."""

    def __init__(self, key: str | None = None) -> None:
        self.client = APIClient()
        if key:
            self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")

    def get(self, path: str, **query: Any) -> Any:
        return kept_to(self.client.get(f"{API}{path}", query))

    def post(self, path: str, body: Any = None, *, key: str | None = None, **more: Any) -> Any:
        headers = {"Idempotency-Key": key or f"key-{next(_numbers)}"} if key != "" else {}
        headers |= more.pop("headers", {})
        return self.send("post", path, json.dumps(body or {}), headers=headers, **more)

    def send(self, method: str, path: str, text: str | bytes, **more: Any) -> Any:
        """A body as it stands, JSON or not."""
        more.setdefault("content_type", "application/json")
        return kept_to(getattr(self.client, method)(f"{API}{path}", text, **more))


def north() -> Caller:
    return Caller(a_key(member="NORTH"))


def south() -> Caller:
    return Caller(a_key(member="SOUTH"))


def venue(code: str = "XDER") -> Caller:
    return Caller(a_key(venue=code))


def custodian(name: str = "CUSTODY-BANK") -> Caller:
    return Caller(a_key(custodian=name))


def officer(*, role: str = "auditor", enforce_csrf: bool = False) -> Caller:
    from accounts.services import people

    user = people.create_user("olga", password="correct horse battery")
    people.grant_role("olga", role=role, at=START, cause=CAUSE)
    caller = Caller()
    caller.client = APIClient(enforce_csrf_checks=enforce_csrf)
    caller.client.force_login(user)
    return caller


def a_report(**but: Any) -> dict[str, Any]:
    usual = {
        "trade_id": "t-1",
        "symbol": "BTC-PERP",
        "quantity": "1",
        "price": "90000",
        "buyer": "NORTH-1",
        "seller": "SOUTH-1",
    }
    return usual | but


# Whole numbers that count or order something. Every other number is a decimal string.
COUNTS = {
    *("sequence", "version", "cause", "status", "next_after", "sealed_up_to", "latest", "steps"),
    *("account_version", "account_sequence", "price_sequence", "accounts", "unpriced", "percent"),
    *("step", "trades", "last_trade", "scale", "quotes", "instruments"),
    *("price_max_age_seconds", "margin_period_seconds"),
    *("numerator", "denominator", "lots_factor"),
    *("corrects", "weight", "count", "observations", "rejected"),
    *("lines", "matched", "breaks", "missing", "last_source", "halted", "runs"),
    *("positions", "balances", "shares"),
    *("number", "first", "last", "count", "total", "index", "block"),
    *("watermark", "opened", "closed", "lines", "count", "abandon", "abandon_lots"),
    *("flagged", "correction", "plans", "cycles"),
    *("book_version", "exercised", "assigned", "hours", "interval_minutes"),
    *("quorum_index", "quorum_forward", "quorum_linear", "quorum_option"),
    *("cadence_seconds", "max_age_seconds", "outlier_mads"),
}


def kept_to(response: Any) -> Any:
    """The response, after checking what every answer promises."""
    kind = response.headers.get("Content-Type", "")
    assert response.headers["X-Correlation-Id"]
    if "json" in kind and "openapi" not in kind:
        body = response.json()
        loose = [f"{path} = {value}" for path, name, value in numbers(body) if name not in COUNTS]
        assert loose == [], "amounts are strings"
    if response.status_code >= 400:
        assert kind == "application/problem+json"
        assert body["status"] == response.status_code
        assert body["instance"] == response.headers["X-Correlation-Id"]
        assert body["type"] == f"{API}/problems/{body['code']}"
        assert body["title"]
        assert body["detail"]
    return response


def numbers(body: Any, path: str = "", name: str = "") -> Iterator[tuple[str, str, int | float]]:
    match body:
        case bool() | None | str():
            return
        case dict():
            for key, value in body.items():
                yield from numbers(value, f"{path}/{key}", key)
        case list():
            for place, value in enumerate(body):
                yield from numbers(value, f"{path}/{place}", name)
        case _:
            yield path, name if isinstance(body, int) else "a float", body


def problem(response: Any) -> tuple[int, str, list[str]]:
    """(status, code, the places at fault)."""
    body = response.json()
    where = [e.get("pointer") or e.get("parameter") or e.get("header") for e in body["errors"]]
    return response.status_code, body["code"], where


def events() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM clearing_event")
        return int(cursor.fetchone()[0])
