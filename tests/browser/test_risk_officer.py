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
PARTS = (
    *("binding", "mark_to_market", "worst"),
    *("initial_factor", "initial_contingency", "maintenance_contingency"),
)
STAGE = ("equity", "maintenance", "target", "coverage")


@pytest.fixture
def site(house, request):
    """The house after the fall, served; the browser starts later, because its loop forbids the ORM."""
    from clearing.services import sealing

    scene.a_closed_account()
    scene.an_officer()
    for _ in range(2):  # the first may only note the fence behind which holes are final
        sealing.seal()
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


def told(found, names):
    """What of an answer a page shows: nothing where the API says that there is nothing."""
    return {name: str(found[name]) for name in names if found[name] is not None}


def open_account(page, site, account):
    """By the links somebody would follow who looks for the account."""
    page.goto(f"{site}/admin/accounts/account/")
    page.click(f"a[href$='/house/accounts/{account}/']")
    page.wait_for_selector(f"[data-account={account}]")


def test_the_account_page_says_what_the_api_says(page, site):
    open_account(page, site, "NORTH-1")

    _the_levels_match(page, site)
    _the_groups_match(page, site)
    _the_holdings_match(page, site)
    _the_lists_match(page, site)
    _the_latest_events_match(page, site)


def _the_levels_match(page, site):
    found = ask(page, site, "accounts/NORTH-1/requirement")
    account = ask(page, site, "accounts/NORTH-1")
    names = [
        *("equity", "maintenance", "initial", "target", "missing", "free", "coverage"),
        *("run_id", "price_sequence", "account_version", "result_hash"),
    ]
    if not Decimal(found["missing"]):
        names.remove("missing")
    assert fields(page, "[data-account]") == told(found, names) | told(
        account, ("standing", "version", "sequence")
    )
    assert page.get_attribute("[data-standing]", "data-standing") == found["standing"]
    assert f"Equity is {found['coverage']} %" in page.text_content("[data-account] svg title")


def _the_groups_match(page, site):
    found = ask(page, site, "accounts/NORTH-1/requirement")
    groups = rows(page, "#desk-live", "group")
    assert set(groups) == {group["underlying"] for group in found["groups"]} != set()
    for group in found["groups"]:
        on_page = groups[group["underlying"]]
        on_page.pop("value")  # of the vector, compared below
        assert on_page == told(group, PARTS)
        vector = rows(page, f"[data-group={group['underlying']}]", "scenario")
        assert {name: row["value"] for name, row in vector.items()} == {
            row["name"]: row["amount"] for row in group["vector"]
        }


def _the_holdings_match(page, site):
    positions = ask(page, site, "accounts/NORTH-1/positions")["positions"]
    assert len(positions) == 3
    assert rows(page, "[aria-label=Positions]", "symbol") == {
        it["symbol"]: told(it, ("quantity", "lots", "mark", "cost", "value")) for it in positions
    }
    indices = ask(page, site, "prices")["indices"]
    balances = ask(page, site, "accounts/NORTH-1/balances")["balances"]
    assert rows(page, "[aria-label=Balances]", "asset") == {
        it["asset"]: told({**it, "index": indices.get(it["asset"])}, ("amount", "index"))
        for it in balances
    }
    asked = ask(page, site, "accounts/NORTH-1/withdrawals")["items"]
    assert rows(page, "[aria-label=Balances]", "withdrawal") == {
        it["withdrawal_id"]: told(it, ("amount",)) for it in asked if it["status"] == "requested"
    }


def _the_lists_match(page, site):
    calls = ask(page, site, "accounts/NORTH-1/calls")["items"]
    assert rows(page, "[aria-label=Calls]", "call") == {
        it["call_id"]: told(it, ("amount",)) for it in calls
    }
    cases = ask(page, site, "accounts/NORTH-1/cases")["items"]
    assert set(rows(page, "[aria-label=Cases]", "case")) == {it["case_id"] for it in cases}
    history = ask(page, site, "accounts/NORTH-1/requirements?limit=60")["items"]
    assert int(page.inner_text("[data-field=runs]")) == sum(not it["reason"] for it in history)


def _the_latest_events_match(page, site):
    """The log is read to its sealed end, as a member's own books would be kept."""
    facts, after = {}, 0
    while True:
        answer = ask(page, site, f"events?after={after}&limit=500")
        facts |= {str(it["sequence"]): it for it in answer["items"]}
        after = answer["next_after"]
        if not answer["has_more"]:
            break
    own = [at for at, it in facts.items() if it["stream"].partition("-")[2] == "NORTH-1"]
    lines = _lines(page, "[aria-label='Latest events']")
    assert [sequence for sequence, _, _ in lines] == own[::-1][:15]
    _sentences_match(lines, facts)


def _lines(page, within):
    return page.eval_on_selector_all(
        f"{within} li[data-sequence]",
        """(lines) => lines.map((line) => [line.dataset.sequence, line.textContent,
            line.querySelector('.desk-sequence').getAttribute('href')])""",
    )


def _sentences_match(lines, facts):
    """Amounts stand in a sentence without their sign."""
    for sequence, said, to in lines:
        assert to == f"/admin/clearing/event/{sequence}/change/"
        known = _numbers(facts[sequence]["fact"])
        for text in MONEY.findall(said):
            assert abs(Decimal(text.replace(",", ""))) in known, (sequence, said)


def test_the_case_page_tells_the_whole_trail_with_the_apis_numbers(page, site):
    open_account(page, site, "NORTH-1")
    page.click("[aria-label=Cases] a")
    page.wait_for_selector("[aria-label=Trail]")

    case = ask(page, site, "cases/NORTH-1-case-1")
    call = ask(page, site, f"calls/{case['call_id']}")
    facts = {str(it["sequence"]): it for it in case["trail"]}
    lines = _lines(page, "[aria-label=Trail]")
    assert [sequence for sequence, _, _ in lines] == list(facts)
    _sentences_match(lines, facts)
    own = fields(page, "[data-case]")
    assert {name: own[name] for name in ("state", "steps", "penalty")} == told(
        case, ("state", "steps", "penalty")
    )
    assert own["call_amount"] == call["amount"]
    assert set(own) == {"state", "steps", "penalty", "call_amount", "reason", *STAGE}
    assert fields(page, "[data-case] [data-levels=before]") == told(case["opened"], STAGE)
    assert fields(page, "[data-case] [data-levels=now]") == told(case, STAGE)
    _plans_match(page, case)


def _plans_match(page, case):
    made = [it for it in case["trail"] if it["name"] == "liquidation.plan-made.v1"]
    assert [it["sequence"] for it in case["plans"]] == [it["sequence"] for it in made] != []
    assert page.locator("[data-plan]").count() == len(made)
    for plan in case["plans"]:
        part = f"[data-plan='{plan['plan']}']"
        names = ("step", "percent", "penalty", "sequence", "price_sequence")
        on_page = fields(page, part)
        assert {name: on_page[name] for name in names} == told(plan, names)
        assert rows(page, part, "symbol") == {
            it["symbol"]: told(it, ("quantity", "lots", "price")) for it in plan["steps"]
        }
        for when in ("before", "after"):
            assert fields(page, f"{part} [data-levels={when}]") == told(plan[when], STAGE)
            assert None not in plan[when].values()
        shown = {*names, "quantity", "lots", "price", *STAGE}
        assert set(on_page) == shown, "a number nobody compared"


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
        assert row == told(found, ("equity", "maintenance", "missing", "coverage"))
        assert fields(page, f"tr[data-call={call['call_id']}]") == {"amount": call["amount"]}
        assert page.inner_text("[data-field=open-calls]") == "1"
        page.click("tr[data-account=NORTH-1] a")
        page.wait_for_selector("[data-account=NORTH-1] h2")
        _the_levels_match(page, site)
        _the_groups_match(page, site)
        _the_holdings_match(page, site)
        _the_lists_match(page, site)
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
