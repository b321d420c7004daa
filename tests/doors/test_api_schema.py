"""The description of the API is complete, and true of its answers."""

from __future__ import annotations

import json
import re
from functools import cache
from io import StringIO
from typing import Any

import jsonschema
import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command

from clearing import selectors
from clearing.services import checkpoints, cycles, pricing, sealing
from tests.builders import CALL, CAUSE, a_house, a_price_set, after, run_due_jobs
from tests.doors.callers import Caller, a_report, north, officer, venue
from tests.doors.test_api_walls import OFFICERS, OPEN, SWAP, doors, what_follows_the_trade
from tests.tampering import count_from_one

ASKED = {"/api/v1/trial-balance/accounts": {"ledger": "cash:USDC", "group": "client"}}

UNKEYED = (  # a trade's key is its id at its venue, a message's its own
    "/api/v1/trades",
    "/api/v1/trades/batch",
    "/api/v1/trades/fpml",
)
METHODS = ("get", "post", "put", "patch", "delete")


@cache
def described() -> dict[str, Any]:
    """Written and validated by the tool, which fails on any warning."""
    text = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", format="openapi-json", stdout=text)
    schema: dict[str, Any] = json.loads(text.getvalue())
    return schema


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in described()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_every_route_is_described():
    told = {(method, path) for method, path, _ in operations()}

    for method, route, _names in doors():
        path = "/api/v1/" + route.replace("<name:", "{").replace("<symbol:", "{").replace(">", "}")
        assert (method, path) in told
    assert len(OPEN) == 5


def test_every_operation_says_what_it_is_for_and_how_it_fails():
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert len(ids) == len(set(ids))
    for method, path, operation in operations():
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert "503" in operation["responses"], where
        for status, response in operation["responses"].items():
            assert response["description"], where
            expected = "application/problem+json" if status >= "400" else "application/json"
            assert expected in response["content"], where


def test_writes_but_trades_need_a_key():
    for method, path, operation in operations():
        keyed = any(it["name"] == "Idempotency-Key" for it in operation.get("parameters", []))
        assert keyed is (method == "post" and path not in UNKEYED), path


def test_no_amount_is_a_number():
    def floats(node: Any, path: str) -> list[str]:
        match node:
            case dict():
                own = [path] if node.get("type") == "number" else []
                return own + [it for k, v in node.items() for it in floats(v, f"{path}/{k}")]
            case list():
                return [it for v in node for it in floats(v, path)]
            case _:
                return []

    assert floats(described(), "") == []


def test_who_may_ask_is_said():
    schemes = described()["components"]["securitySchemes"]

    assert schemes["credential"]["scheme"] == "bearer"
    assert schemes["officer"]["in"] == "cookie"
    for _, path, operation in operations():
        if "/problems" not in path:
            assert operation["security"] == [{"credential": []}, {"officer": []}]


@pytest.mark.django_db
def test_answers_are_as_described(settings, tmp_path):
    """Every GET of a house with a history, held against its schema."""
    settings.SURETY_CHECKPOINT_KEY = tmp_path / "key"
    count_from_one()
    a_house(NORTH="20000")
    pricing.seal(a_price_set(), cause=CAUSE)
    run_due_jobs()
    answer = venue().post("/trades", a_report(), headers={"X-Correlation-Id": "ticket-0001"})
    must_fit(answer, "post", "/api/v1/trades")
    caller = north()
    what_follows_the_trade("SOUTH")
    answer = caller.post(
        "/accounts/NORTH-1/withdrawals", {"asset": "USDC", "amount": "1"}, key="out-1"
    )
    must_fit(answer, "post", "/api/v1/accounts/{account_id}/withdrawals")
    answer = caller.post("/accounts/NORTH-1/substitutions", SWAP, key="swap-1")
    must_fit(answer, "post", "/api/v1/accounts/{account_id}/substitutions")
    run_due_jobs()
    for hour, index in ((3, "82000"), (4, "76000")):
        pricing.seal(a_price_set(index, at=after(hours=hour)), cause=CAUSE)
        run_due_jobs()
    checkpoints.make_key("test")
    sealing.catch_up()
    checkpoints.issue()

    cycles.settle_now(cause=CAUSE)
    ids = {
        "sequence": str(next(selectors.stream("account-NORTH-1")).sequence),
        "cycle_id": "ad-hoc-1",
        "account_id": "NORTH-1",
        "call_id": "NORTH-1-call-1",
        "case_id": "NORTH-1-case-1",
        "withdrawal_id": "NORTH-1:out-1",
        "substitution_id": "NORTH-1:swap-1",
        "correlation_id": "NORTH-1-call-1",
        "symbol": CALL,
        "venue": "XDER",
        "trade_id": "t-1",
        "give_up_id": "SOUTH-1:give-up:up-1",
        "code": "not-found",
        "price_set": "latest",
    }

    house = officer()
    for method, path, _ in operations():
        if method == "get":
            asks = house if path.removeprefix("/api/v1/") in OFFICERS else caller
            answer = asks.get(path.removeprefix("/api/v1").format(**ids), **ASKED.get(path, {}))
            assert answer.status_code == 200, path
            must_fit(answer, method, path)
    must_fit(Caller().get("/accounts"), "get", "/api/v1/accounts")


def must_fit(answer: Any, method: str, path: str) -> None:
    response = described()["paths"][path][method]["responses"][str(answer.status_code)]
    kind = answer.headers["Content-Type"]
    shape = {
        **response["content"][kind]["schema"],
        "components": described()["components"],
    }
    jsonschema.Draft202012Validator(shape).validate(answer.json())


@pytest.mark.django_db
def test_the_description_and_its_page_are_served(client):
    assert client.get("/api/v1/schema").status_code == 200
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert b"https://" not in page.content, "everything it needs is served by us"
    for asset in re.findall(r'(?:src|href)="/static/([^"]+)"', page.content.decode()):
        assert finders.find(asset), asset
