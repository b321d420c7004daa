"""A risk officer logs in, opens the breached account and reads why it was closed."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from tests.browser import scene
from tests.browser.conftest import serving

pytestmark = pytest.mark.browser

WIDTHS = (320, 1280)
MONEY = re.compile(r"(\d[\d,]*\.\d+) (?:USDC|BTC)\b")
COMPUTED = {"target", "missing", "free", "value"}  # from the API's numbers, checked by arithmetic


@pytest.fixture
def site(house, request):
    """The house after the fall, served; the browser starts later, because its loop forbids the ORM."""
    scene.a_closed_account()
    scene.an_officer()
    with serving() as address:
        request.getfixturevalue("chromium")
        yield address


@pytest.fixture
def page(site, chromium):
    return log_in(chromium, site)


def log_in(browser, site):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{site}/admin/")
    page.fill("input[name=username]", scene.OFFICER)
    page.fill("input[name=password]", scene.PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("[data-field=open-cases]")
    return page


def ask(page, site, path):
    """The API's answer to the same session."""
    answer = page.request.get(f"{site}/api/v1/{path}")
    assert answer.ok, f"{path}: {answer.status} {answer.text()}"
    return answer.json()


def fields(page, within):
    """Every named number and word inside the first element that matches."""
    return page.eval_on_selector(
        within,
        """(part) => Object.fromEntries([...part.querySelectorAll('[data-field]')]
            .map((it) => [it.dataset.field, it.textContent.trim()]))""",
    )


def rows(page, within, key):
    """key -> its named numbers, for every element that carries the key."""
    return page.eval_on_selector_all(
        f"{within} [data-{key}]",
        """(parts, key) => Object.fromEntries(parts.map((part) => [part.dataset[key],
            Object.fromEntries([...part.querySelectorAll('[data-field]')]
                .map((it) => [it.dataset.field, it.textContent.trim()]))]))""",
        key,
    )


def test_the_account_page_says_what_the_api_says(page, site):
    page.goto(f"{site}/admin/house/accounts/NORTH-1/")

    found = ask(page, site, "accounts/NORTH-1/requirement")
    account = ask(page, site, "accounts/NORTH-1")
    on_page = fields(page, "[data-account]")
    assert {name: on_page.pop(name) for name in ("equity", "maintenance", "initial")} == {
        name: found[name] for name in ("equity", "maintenance", "initial")
    }
    assert [on_page.pop(name) for name in ("run_id", "result_hash")] == [
        found["run_id"],
        found["result_hash"],
    ]
    assert int(on_page.pop("price_sequence")) == found["price_sequence"]
    assert on_page.pop("standing") == account["standing"]
    assert int(on_page.pop("sequence")) == account["sequence"]
    assert int(on_page.pop("account_version")) == found["account_version"]
    equity, initial, maintenance = (
        Decimal(found[name]) for name in ("equity", "initial", "maintenance")
    )
    assert Decimal(on_page["target"]) >= max(initial, maintenance * Decimal("1.1"))
    assert Decimal(on_page["free"]) == max(Decimal(0), equity - initial)
    assert set(on_page) <= COMPUTED, "a number nobody compared"
    assert [page.inner_text("[data-group] dd[data-field=binding]")] == [
        group["binding"] for group in found["groups"]
    ]


def test_every_component_scenario_position_and_balance_is_the_apis(page, site):
    page.goto(f"{site}/admin/house/accounts/NORTH-1/")

    found = ask(page, site, "accounts/NORTH-1/requirement")
    groups = rows(page, "#desk-live", "group")
    assert set(groups) == {group["underlying"] for group in found["groups"]}
    for group in found["groups"]:
        on_page = groups[group["underlying"]]
        on_page.pop("value")  # of the vector, compared below
        assert on_page == {name: group[name] for name in on_page}
        assert len(on_page) == 6
        vector = rows(page, f"[data-group={group['underlying']}]", "scenario")
        assert {name: row["value"] for name, row in vector.items()} == {
            row["name"]: row["amount"] for row in group["vector"]
        }
    prices = ask(page, site, "prices")["quotes"]
    terms = {it["symbol"]: it for it in ask(page, site, "instruments?limit=100")["items"]}
    positions = ask(page, site, "accounts/NORTH-1/positions")["positions"]
    on_page = rows(page, "[aria-label=Positions]", "symbol")
    assert set(on_page) == {it["symbol"] for it in positions}
    for it in positions:
        row = on_page[it["symbol"]]
        assert row.pop("quantity") == it["quantity"]
        assert row.pop("cost", None) == it["cost"]
        assert row.pop("mark") == prices[it["symbol"]]["mark"]
        lot = Decimal(terms[it["symbol"]]["lot_size"])
        assert Decimal(row.pop("lots")) * lot == Decimal(it["quantity"])
        assert set(row) <= COMPUTED
    balances = ask(page, site, "accounts/NORTH-1/balances")["balances"]
    assert {
        asset: row["amount"] for asset, row in rows(page, "[aria-label=Balances]", "asset").items()
    } == {it["asset"]: it["amount"] for it in balances}
    calls = ask(page, site, "accounts/NORTH-1/calls")["items"]
    assert {
        call: row["amount"] for call, row in rows(page, "[aria-label=Calls]", "call").items()
    } == {it["call_id"]: it["amount"] for it in calls}


def test_the_case_page_tells_the_whole_trail_with_the_apis_numbers(page, site):
    page.goto(f"{site}/admin/house/accounts/NORTH-1/")
    page.click("[aria-label=Cases] a")
    page.wait_for_selector("[aria-label=Trail]")

    case = ask(page, site, "cases/NORTH-1-case-1")
    facts = {str(it["sequence"]): it for it in case["trail"]}
    lines = page.eval_on_selector_all(
        "[aria-label=Trail] li[data-sequence]",
        """(lines) => lines.map((line) => [line.dataset.sequence, line.textContent,
            line.querySelector('.desk-sequence').getAttribute('href')])""",
    )
    assert [sequence for sequence, _, _ in lines] == list(facts)
    for sequence, said, to in lines:
        assert to == f"/admin/clearing/event/{sequence}/change/"
        known = _numbers(facts[sequence]["fact"])
        for text in MONEY.findall(said):
            assert abs(Decimal(text.replace(",", ""))) in known, (sequence, said)
    assert page.inner_text("[data-field=state]") == case["state"]
    assert page.inner_text("[data-field=penalty]") == case["penalty"]
    now = fields(page, "[data-levels=now]")
    assert now == {name: case[name] for name in ("equity", "maintenance", "target")}
    _plans_match(page, case)


def _plans_match(page, case):
    plans = [it["fact"] for it in case["trail"] if it["name"] == "liquidation.plan-made.v1"]
    assert plans
    for made in plans:
        part = f"[data-plan='{made['step']}']"
        for when in ("before", "after"):
            shown = fields(page, f"{part} [data-levels={when}]")
            assert shown["equity"] == made[f"equity_{when}"]
            assert shown["maintenance"] == made[f"maintenance_{when}"]
        assert fields(page, f"{part} [data-levels=after]")["target"] == made["target_after"]


def _numbers(fact):
    """Every decimal anywhere in the fact."""
    match fact:
        case dict():
            return set().union(*map(_numbers, fact.values()), set())
        case list():
            return set().union(*map(_numbers, fact), set())
        case str():
            try:
                return {abs(Decimal(fact))}
            except ArithmeticError:
                return _numbers(_json(fact))
        case _:
            return set()


def _json(text):
    import json

    try:
        return json.loads(text) if text[:1] in "[{" else None
    except ValueError:
        return None


def test_a_line_of_the_trail_leads_to_its_event(page, site):
    page.goto(f"{site}/admin/house/cases/NORTH-1-case-1/")

    page.click("[aria-label=Trail] li:nth-child(1) a.desk-sequence")
    page.wait_for_selector("[data-field=payload]")

    assert '"call_id": "NORTH-1-call-1"' in page.inner_text("[data-field=payload]")


PLACES = {
    "front": "",
    "account": "house/accounts/NORTH-1/",
    "case": "house/cases/NORTH-1-case-1/",
    "trail": "house/trails/NORTH-1-call-1/",
    "event": "clearing/event/{latest}/change/",
    "events": "clearing/event/",
    "run": "margin/run/{run_id}/change/",
    "record": "liquidation/case/NORTH-1-case-1/change/",
    "accounts": "accounts/account/",
    "opening": "accounts/account/add/",
    "jobs": "clearing/job/",
}


def test_nothing_overflows(page, site, tmp_path):
    call = ask(page, site, "calls/NORTH-1-call-1")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name, path in PLACES.items():
            _fits(page, f"{site}/admin/{path.format(**call)}", tmp_path / f"{name}-{scheme}")


def _fits(page, address, picture):
    """Loaded at each width, since what is wide may depend on how it was first laid out."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address)
        page.screenshot(path=f"{picture}-{width}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{address} is {wide} px wide at {width}; see {picture}"


def test_the_front_page_shows_what_is_open_now(house, request, tmp_path):
    scene.a_short_account()
    scene.an_officer()
    with serving() as site:
        page = log_in(request.getfixturevalue("chromium"), site)

        found = ask(page, site, "accounts/NORTH-1/requirement")
        [call] = ask(page, site, "accounts/NORTH-1/calls")["items"]
        row = fields(page, "tr[data-account=NORTH-1]")
        assert (row["equity"], row["maintenance"]) == (found["equity"], found["maintenance"])
        assert Decimal(row["missing"]) == Decimal(call["target"]) - Decimal(call["equity"])
        assert fields(page, f"tr[data-call={call['call_id']}]") == {"amount": call["amount"]}
        assert page.inner_text("[data-field=open-calls]") == "1"
        for name in ("front", "account"):
            _fits(page, f"{site}/admin/{PLACES[name]}", tmp_path / f"short-{name}")


def test_a_page_says_its_age_and_reads_itself_anew(page, site):
    page.clock.install()
    page.goto(f"{site}/admin/")
    page.eval_on_selector("[data-field=open-cases]", "(it) => { it.textContent = 'old' }")

    page.clock.run_for(8_000)
    assert "8 s ago" in page.inner_text("[data-read-age]")
    page.clock.run_for(8_000)
    page.wait_for_function("document.querySelector('[data-field=open-cases]').textContent === '0'")
    page.context.clear_cookies()
    page.clock.run_for(90_000)

    assert page.inner_text("[data-field=open-cases]") == "0", "logged out, it keeps what it has"
    assert page.get_attribute("[data-read-age]", "class") == "desk-bad"
