"""Books, trial balances and statements at any two times, against an oracle that shares no code."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from django.db import connection

from clearing import models, selectors
from clearing.domain import entries, statement
from clearing.domain.points import Point
from clearing.selectors import Period
from clearing.services import timekeeping, trades
from tests.builders import CAUSE, PERPETUAL, START, a_house, a_trade, after
from tests.histories_told_late import ToldLate, accounts
from tests.seeds import seed_of
from tests.tampering import owning

pytestmark = pytest.mark.django_db
LOTS = entries.lots(PERPETUAL)
PENALTY = '{"account_id":"BUSY-1","asset":"USDC","amount":1,"reason":"r"}'


@pytest.mark.parametrize("seed", [11, 12, seed_of("statements")])
def test_every_book_trial_balance_and_statement_is_what_the_oracle_says(seed):
    print(f"seed {seed}")  # shown when it fails
    assert_agree(ToldLate(random.Random(seed)), commands=40, looks=25)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100))
def test_they_agree_for_a_long_time(seed):
    assert_agree(ToldLate(random.Random(seed)), commands=300, looks=100)


def assert_agree(both: ToldLate, *, commands: int, looks: int) -> None:
    history = both.run(commands)

    for _ in range(looks):
        point = both.a_point()
        for account in accounts():
            assert selectors.book_as_of(account, **point) == history.book(account, **point), point
        found = selectors.trial_balance_at(Point(**point))
        assert {it.asset: (it.debit, it.credit) for it in found} == history.everything(**point)
        assert not any(it.off for it in found)
    for _ in range(looks):
        account = both.chance.choice(accounts())
        start, end = sorted(both.chance.choices(both.times, k=2))
        known = {name: it for name, it in both.a_point().items() if name != "effective_at"}
        period = Period(account_id=account, start=start, end=end, **known)
        assert_adds_up(
            period,
            opening=history.book(account, effective_at=start, **known),
            closing=history.book(account, effective_at=end, **known),
        )
        moved: Counter[str] = Counter()
        for change in history.within(effective_at=end, **known):
            if change.effective_at > start:
                moved.update(change.moved.get(account, {}))
        summed: Counter[str] = Counter()
        for it in selectors.statement_page(period).movements:
            summed[it.asset] += it.amount
        assert _without_zeros(summed) == _without_zeros(moved)


def _without_zeros(amounts: Counter[str]) -> dict[str, int]:
    return {asset: amount for asset, amount in amounts.items() if amount}


def assert_adds_up(period: Period, *, opening: dict, closing: dict) -> None:
    page = selectors.statement_page(period)

    assert page.balances.opening == opening
    assert page.balances.closing == closing
    held = dict(opening)
    for it in page.movements:
        held[it.asset] = held.get(it.asset, 0) + it.amount
        assert it.balance == held[it.asset]
    assert {asset: amount for asset, amount in held.items() if amount} == closing
    assert read_aloud(period) == (opening, closing)


def read_aloud(period: Period) -> tuple[dict[str, int], dict[str, int]]:
    lines = list(selectors.statement_lines(period))
    opens = {it.asset: it.balance for it in lines if it.part == statement.OPENING}
    closes = {it.asset: it.balance for it in lines if it.part == statement.CLOSING}
    return opens, closes


def test_one_periods_closing_is_the_next_ones_opening():
    a_house()
    for hour in range(1, 6):
        timekeeping.advance(after(hours=hour), cause=CAUSE)
        trades.novate(a_trade(trade_id=f"t-{hour}"), at=after(hours=hour), cause=CAUSE)
    whole = selectors.statement_page(Period(account_id="NORTH-1", end=after(hours=5)))

    joined = []
    for hour in range(5):
        period = Period(account_id="NORTH-1", start=after(hours=hour), end=after(hours=hour + 1))
        page = selectors.statement_page(period)
        joined += page.movements
        assert [it.recorded.fact.trade_id for it in page.movements[:1]] == [f"t-{hour + 1}"]

    opened = [it for it in whole.movements if it.recorded.effective_at == START]
    assert [*opened, *joined] == whole.movements


def test_a_fact_told_late_is_in_the_period_of_its_effect_and_not_in_what_was_printed_before():
    a_house()
    timekeeping.advance(after(hours=5), cause=CAUSE)
    trades.novate(a_trade(trade_id="on time"), at=after(hours=4), cause=CAUSE)
    printed = models.Event.objects.latest("sequence")
    trades.novate(a_trade(trade_id="late"), at=after(hours=2), cause=CAUSE)
    period = {"account_id": "NORTH-1", "start": after(hours=1), "end": after(hours=3)}

    now = selectors.statement_page(Period(**period))
    then = selectors.statement_page(Period(**period, known_at=printed.recorded_at))
    by_place = selectors.statement_page(Period(**period, sequence=printed.sequence))

    assert [it.reference for it in now.movements] == ["late", "late"]
    assert now.balances.closing[LOTS] == 1_000
    assert then.movements == by_place.movements == []
    assert LOTS not in then.balances.closing


def test_a_movement_names_its_counterpart_its_reference_and_its_kind():
    a_house()
    trades.novate(a_trade(), at=START, cause=CAUSE)

    page = selectors.statement_page(Period(account_id="NORTH-1", end=START))

    deposited, *_, lots = [it for it in page.movements if not it.asset.startswith("cost")]
    assert (deposited.kind, deposited.reference, deposited.counterparts) == (
        *("collateral deposited", "start-NORTH"),
        ("ccp-custody",),
    )
    assert (lots.kind, lots.reference, lots.counterparts) == (
        *("trade novated", "t-1"),
        ("ccp-novation",),
    )


def test_pages_of_a_statement_join_without_gap_or_overlap():
    both = ToldLate(random.Random(5))
    both.run(20)
    period = Period(account_id="NORTH-1", end=timekeeping.now())
    whole = selectors.statement_page(period).movements

    seen, place = [], None
    while page := selectors.statement_page(period, after=place, limit=3).movements:
        seen += page
        place = statement.place(str(page[-1].place))

    assert len(whole) > 6
    assert seen == whole


def test_a_statement_that_does_not_add_up_ends_with_an_error(monkeypatch):
    """Nothing in the house can make one; so one line is lost on the way here."""
    a_house()
    monkeypatch.setattr(statement.Running, "moves", lambda *_: 0)

    with pytest.raises(statement.StatementBroken):
        list(selectors.statement_lines(Period(account_id="NORTH-1", end=START)))


def test_the_accounts_behind_a_line_are_the_line():
    a_house(NORTH="15", SOUTH="0")
    cash = entries.cash("USDC")

    [column] = selectors.trial_balance_at()
    client = next(it for it in column.lines if it.group == "client")
    behind = selectors.trial_accounts(asset=cash, group="client")

    assert (client.accounts, client.debit, client.credit) == (1, 0, 15_000_000)
    assert [(it.account, it.amount) for it in behind] == [("NORTH-1", 15_000_000)]
    assert (
        selectors.trial_accounts(asset=cash, group=entries.CUSTODY)[0].amount == -1_000_015_000_000
    )


@pytest.mark.parametrize(
    "ask",
    [
        lambda it: selectors.account_book("BUSY-1", effective_at=it),
        lambda it: selectors.account_book("BUSY-1", effective_at=it, known_at=it),
        lambda _: selectors.account_book("BUSY-1", sequence=10**6),
        lambda it: selectors.statement_page(
            Period(account_id="BUSY-1", start=START, end=it), limit=10
        ),
    ],
    ids=["effective", "both times", "sequence", "statement"],
)
def test_an_account_at_a_point_costs_its_own_entries_and_not_the_log(ask):
    """Busy enough that a plain join would be planned as reading all of the log."""
    a_house()
    _a_long_log(30_000, busy=1_500)

    with connection.execute_wrapper(_explaining):
        plans.clear()
        ask(after(hours=1))

    [plan] = plans
    read = [it for it in _nodes(plan) if it.get("Relation Name", "").startswith("clearing_e")]
    assert sum(it["Actual Rows"] * it["Actual Loops"] for it in read) in range(1_500, 6_500)
    assert "Seq Scan" not in {it["Node Type"] for it in read}


plans: list[dict] = []


def _explaining(execute, sql, params, many, context):
    """The plan that was run, beside the answer."""
    with connection.connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        (found,) = cursor.fetchone()
    plans.append((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])
    return execute(sql, params, many, context)


def _nodes(plan):
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _a_long_log(facts: int, *, busy: int) -> None:
    """Others' facts and entries, as many as make the planner choose, and one busy account's."""
    with owning() as cursor:
        cursor.execute(
            "INSERT INTO clearing_event (stream, version, name, effective_at, recorded_at, actor,"
            " correlation_id, payload, hash)"
            " SELECT CASE WHEN it %% %s = 0 THEN 'account-BUSY-1' ELSE 'account-OTHER-1' END,"
            " 1 + it, 'clearing.penalty-charged.v1', %s, now(), 'x', 'x', %s, ''"
            " FROM generate_series(1, %s) AS it",
            [facts // busy, START, PENALTY, facts],
        )
        cursor.execute(
            "INSERT INTO clearing_entry (sequence, account, asset, amount)"
            " SELECT sequence, side.account, 'cash:USDC', side.amount FROM clearing_event,"
            " LATERAL (VALUES (substr(stream, 9), -1), ('ccp-insurance', 1)) AS side"
            " (account, amount) WHERE name = 'clearing.penalty-charged.v1'"
        )
        cursor.execute("ANALYZE clearing_event; ANALYZE clearing_entry")
