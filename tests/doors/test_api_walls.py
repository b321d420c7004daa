"""Nobody sees or moves what is not theirs, on any route there is or will be."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import URLPattern, get_resolver

from accounts.services import people
from clearing import selectors
from clearing.services import checkpoints, cycles, pricing, sealing, timekeeping
from tests.builders import (
    CALL,
    CAUSE,
    START,
    a_house,
    a_price_set,
    a_third_member,
    after,
    run_due_jobs,
)
from tests.doors.callers import (
    API,
    Caller,
    a_key,
    a_report,
    custodian,
    events,
    north,
    officer,
    problem,
    south,
    venue,
)
from tests.tampering import count_from_one

pytestmark = pytest.mark.django_db

# What stands in paths: one member's things, or everybody's. A new kind must be put in one of them.
NORTHS = {
    "substitution_id": "NORTH-1:swap-1",
    "account_id": "NORTH-1",
    "call_id": "NORTH-1-call-1",
    "case_id": "NORTH-1-case-1",
    "withdrawal_id": "NORTH-1:out-1",
    "trade_id": "t-1",
    "allocation_id": "NORTH-1:allocation:all-1",
    "give_up_id": "EAST-1:give-up:up-1",
    "transfer_id": "EAST-1:transfer:tr-1",
    "correlation_id": "req:ticket-0001",
    "sequence": "",  # of a sealed fact; `norths_things` says which
}
NOBODYS = dict.fromkeys(NORTHS, "NOBODY-9")
EVERYBODYS = {
    "symbol": CALL,
    "code": "not-found",
    "price_set": "latest",
    "venue": "XDER",
    "cycle_id": "ad-hoc-1",
}
CUSTODY = (  # the custodian's doors, and nobody else's
    "accounts/<name:account_id>/deposits",
    "accounts/<name:account_id>/withdrawals/<name:withdrawal_id>/confirm",
    "accounts/<name:account_id>/substitutions/<name:substitution_id>/confirm",
)
OFFICERS = {"trial-balance", "trial-balance/accounts"}  # the whole house's, for its officers alone

TRADE = "trades/<name:venue>/<name:trade_id>"
VENUES = (f"{TRADE}/bust", f"{TRADE}/correct")  # the reporting venue's, and nobody else's
OFFERED = ("give-ups/<name:give_up_id>/cancel", "position-transfers/<name:transfer_id>/cancel")
# What a post takes, where it is not an amount of money.
BODIES: dict[str, dict[str, Any]] = {
    f"{TRADE}/allocations": {
        "account_id": "NORTH-1",
        "shares": [{"account_id": "NORTH-2", "quantity": "0.001"}],
    },
    f"{TRADE}/give-ups": {"account_id": "NORTH-1", "quantity": "0.001", "to_member": "EAST"},
    f"{TRADE}/bust": {"reason": "a mistake"},
    f"{TRADE}/correct": {
        "reason": "a mistake",
        "new_trade_id": "t-2",
        "symbol": "BTC-PERP",
        "quantity": "1",
        "price": "90000",
        "buyer": "NORTH-1",
        "seller": "EAST-1",
    },
    "give-ups/<name:give_up_id>/claim": {"account_id": "NORTH-1"},
    "position-transfers/<name:transfer_id>/accept": {"account_id": "NORTH-1"},
}
# Right once, or only after something else: the owner is told why not, and not that it is not there.
NOT_NOW = {
    *("call-not-open", "handover-ended", "trade-ended", "out-of-scope", "request-not-valid"),
    *("withdrawal-not-instructed", "substitution-not-open"),
}
SWAP = {
    "asset": "USDC",
    "amount": "1",
    "incoming": "BTC",
    "incoming_amount": "1",
    "expires_at": "2026-01-02T00:00:00Z",
}
OPEN = {"problems", "problems/<name:code>", "schema", "docs", "<path:other>"}  # no key needed


def routes() -> list[tuple[str, URLPattern]]:
    (api,) = [it for it in get_resolver().url_patterns if str(it.pattern) == "api/v1/"]
    return list(_below(api, ""))


def _below(resolver: Any, prefix: str) -> Any:
    for it in resolver.url_patterns:
        path = prefix + str(it.pattern)
        if isinstance(it, URLPattern):
            yield path, it
        else:
            yield from _below(it, path)


def doors() -> list[tuple[str, str, list[str]]]:
    """(method, route, names in its path) of everything that needs a credential."""
    return [
        (method, path, list(it.pattern.converters))
        for path, it in routes()
        if path not in OPEN
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(it.callback.view_class, method)
    ]


DOORS = doors()
PRIVATE = [door for door in DOORS if set(door[2]) & set(NORTHS)]


def ask(caller: Caller, method: str, path: str, ids: dict[str, str], body: Any = None) -> Any:
    for name, value in (EVERYBODYS | ids).items():
        for kind in ("name", "symbol"):
            path = path.replace(f"<{kind}:{name}>", value)
    assert "<" not in path, f"say in this test whose {path} is"
    return caller.post(f"/{path}", body) if method == "post" else caller.get(f"/{path}")


@pytest.fixture
def norths_things(db, settings, tmp_path):
    """An account, a call, a case, a withdrawal, a trail and a sealed fact of NORTH's."""
    count_from_one()
    a_house(NORTH="20000")
    pricing.seal(a_price_set(), cause=CAUSE)
    run_due_jobs()
    body = {"asset": "USDC", "amount": "1"}
    venue().post(
        "/trades", a_report(seller=a_third_member()), headers={"X-Correlation-Id": "ticket-0001"}
    )
    what_follows_the_trade()
    north().post("/accounts/NORTH-1/withdrawals", body, key="out-1")
    north().post("/accounts/NORTH-1/substitutions", SWAP, key="swap-1")
    run_due_jobs()
    for hour, index in ((3, "82000"), (4, "76000")):
        pricing.seal(a_price_set(index, at=after(hours=hour)), cause=CAUSE)
        run_due_jobs()
    cycles.settle_now(cause=CAUSE)
    sealing.catch_up()
    settings.SURETY_CHECKPOINT_KEY = tmp_path / "key"
    checkpoints.make_key("test")
    checkpoints.issue()
    NORTHS["sequence"] = str(next(selectors.stream("account-NORTH-1")).sequence)


def what_follows_the_trade(other: str = "EAST") -> None:
    """An allocation of NORTH's, and a give-up and a transfer that the other side offers it."""
    from accounts.services import register

    register.open_account(
        "NORTH-2", member_id="NORTH", kind="client", title="", at=START, cause=CAUSE
    )
    share = {"account_id": "NORTH-2", "quantity": "0.001"}
    allocated = north().post(
        "/trades/XDER/t-1/allocations", {"account_id": "NORTH-1", "shares": [share]}, key="all-1"
    )
    caller = Caller(a_key(member=other))
    offer = {"account_id": f"{other}-1", "quantity": "0.001", "to_member": "NORTH"}
    given = caller.post("/trades/XDER/t-1/give-ups", offer, key="up-1")
    moved = caller.post("/position-transfers", offer | {"symbol": "BTC-PERP"}, key="tr-1")
    assert [it.status_code for it in (allocated, given, moved)] == [201, 202, 202]


def other_venue() -> Caller:
    """It reported nothing of NORTH's."""
    return venue("XOTH")


def test_the_routes_are_found():
    assert len(DOORS) >= 40
    assert len(PRIVATE) >= 28


def test_the_owner_reaches_every_route(norths_things):
    caller = north()
    body = SWAP | {"symbol": CALL, "abandon_lots": 0}
    others = dict.fromkeys(VENUES, venue()) | dict.fromkeys(CUSTODY, custodian())
    others |= dict.fromkeys(OFFERED, Caller(a_key(member="EAST")))

    for method, path, _ in sorted(PRIVATE, key=lambda door: door[1] in VENUES):
        answer = ask(others.get(path, caller), method, path, NORTHS, BODIES.get(path, body))

        if answer.status_code >= 300:
            assert answer.json()["code"] in NOT_NOW, path


def test_a_member_busts_nothing_and_a_venue_passes_nothing_on(norths_things):
    member, reporter = north(), venue()
    before = events()

    for path in VENUES:
        answer = ask(member, "post", path, NORTHS, BODIES[path])
        assert problem(answer)[:2] == (403, "out-of-scope"), path
    for path in (f"{TRADE}/allocations", f"{TRADE}/give-ups"):
        answer = ask(reporter, "post", path, NORTHS, BODIES[path])
        assert problem(answer)[:2] == (403, "out-of-scope"), path

    assert events() == before


@pytest.mark.parametrize("who", [south, other_venue, custodian])
def test_what_is_anothers_is_not_there_on_any_route(norths_things, who):
    caller = who()
    before = events()

    for method, path, _ in PRIVATE:
        if who is custodian and path in CUSTODY:
            continue
        foreign = ask(caller, method, path, NORTHS)
        nobodys = ask(caller, method, path, NOBODYS)

        assert foreign.status_code == 404, path
        assert problem(foreign) == problem(nobodys), path
    assert events() == before


def test_ones_own_account_is_no_way_to_anothers_things(norths_things):
    caller = south()

    for method, path, names in PRIVATE:
        if len(names) > 1:
            answer = ask(caller, method, path, NORTHS | {"account_id": "SOUTH-1"})

            assert answer.status_code == 404, path


@pytest.mark.parametrize("who", [south, other_venue, custodian])
def test_no_list_shows_anything_of_others(norths_things, who):
    caller = who()

    for method, path, names in DOORS:
        if method == "get" and not set(NORTHS) & set(names):
            answer = ask(caller, method, path, {})

            assert answer.status_code == (403 if path in OFFICERS else 200), path
            assert "NORTH" not in answer.content.decode(), path


def test_without_a_credential_nothing_is_answered(db):
    a_house()

    for method, path, _ in DOORS:
        answer = ask(Caller(), method, path, NORTHS)

        assert problem(answer)[:2] == (401, "credential-missing"), path
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def wrong_keys() -> dict[str, str]:
    live, revoked = a_key(member="NORTH"), a_key(member="NORTH")
    credential_id = revoked.split("_")[1]
    people.revoke_credential(credential_id, reason="test", at=START, cause=CAUSE)
    return {
        "revoked": revoked,
        "expired": a_key(member="NORTH", expires_at=START),
        "other secret": live[:-1] + ("0" if live[-1] != "0" else "1"),
        "unknown": "clr_000000000000_" + "0" * 64,
        "no key": "clr",
        "empty": "",
        "NUL": "clr_\x00_x",
        "not ASCII": "clr_ä_ö",
        "very long": "clr_" + "a" * 50_000 + "_b",
    }


def test_a_wrong_key_is_wrong_on_every_route(db):
    a_house()
    keys = wrong_keys()

    for method, path, _ in DOORS:
        for kind in ("revoked", "expired"):
            answer = ask(Caller(keys[kind]), method, path, NORTHS)

            assert problem(answer)[:2] == (401, "credential-not-valid"), path


def test_every_kind_of_wrong_is_answered_alike(db):
    a_house()

    answers = []
    for key in wrong_keys().values():
        caller = Caller()
        caller.client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
        body = caller.get("/accounts").json()
        answers.append({name: body[name] for name in body if name != "instance"})

    assert len(answers) == 9
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["code"] == "credential-not-valid"


def test_a_key_expires_by_business_time(db):
    a_house()
    caller = Caller(a_key(member="NORTH", expires_at=after(hours=2)))

    before = caller.get("/accounts")
    timekeeping.advance(after(hours=2), cause=CAUSE)
    afterwards = caller.get("/accounts")

    assert (before.status_code, afterwards.status_code) == (200, 401)


def test_the_schemes_name_is_read_in_any_case_and_others_are_not_read(db):
    a_house()
    key, caller = a_key(member="NORTH"), Caller()

    caller.client.credentials(HTTP_AUTHORIZATION=f"bearer {key}")
    assert caller.get("/accounts").status_code == 200
    caller.client.credentials(HTTP_AUTHORIZATION=f"Basic {key}")
    assert problem(caller.get("/accounts"))[:2] == (401, "credential-missing")


def test_a_session_of_somebody_without_a_role_sees_nothing(db):
    a_house()
    caller = Caller()
    caller.client.force_login(people.create_user("mallory", password="correct horse battery"))

    assert problem(caller.get("/accounts"))[:2] == (401, "credential-missing")


def test_an_officers_session_needs_its_csrf_token_to_write(db):
    a_house()
    caller = officer(enforce_csrf=True)

    reading = caller.get("/accounts")
    writing = caller.post("/accounts/NORTH-1/deposits", {"asset": "USDC", "amount": "1"})

    assert reading.status_code == 200
    assert problem(writing)[:2] == (403, "permission-denied")


STRANGE = ["NORTH-1%00", "NORTH-1%0a", "..%2f..", "NORTH%20-1", "%C3%A4", "x" * 101, "%ED%A0%80"]


@pytest.mark.parametrize("path", ["accounts", "calls", "cases", "audit", "instruments"])
def test_a_strange_name_in_a_path_is_no_route(db, path):
    a_house()
    caller = officer()

    for name in STRANGE:
        assert caller.get(f"/{path}/{name}").status_code == 404, name


def test_no_route_is_a_problem_too(db):
    answer = Caller().get("/nothing/here")

    assert problem(answer) == (404, "no-such-route", [])
    assert answer.json()["type"] == f"{API}/problems/no-such-route"
