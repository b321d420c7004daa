"""Settlement and what follows a trade, cut short at any point and asked again (fault 18)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection

from clearing import models, selectors, store
from clearing.domain.cycles import CycleUnderWay
from clearing.services import books, cycles, pricing, trades, verification
from tests.builders import CAUSE, PERPETUAL, a_house, a_price_set, a_third_member, a_trade, after
from tests.faults.interleavings import sample
from tests.faults.test_network import bad_line_to_postgres, embedded_only
from tests.seeds import chance
from tests.services import posttrade
from tests.services.test_cycles import gained

CUT = (OperationalError, InterfaceError)


EVERY = 4  # of the points at which a line can be cut, one in so many is tried in a short run
SAMPLED = pytest.mark.parametrize("every", [EVERY, pytest.param(1, marks=pytest.mark.soak)])


def cut_at_points(ask: Callable[[int], Any], settled: Callable[[int], None], *, every: int) -> int:
    """Ask over a line that is cut after so many answers, and then again over a good one; go on with
    more answers until the cut comes too late. Rounds are counted from 0; the answers of the last one.
    """
    first = chance("where a line is cut").randrange(every)
    for number in count():
        answers = first + number * every
        with bad_line_to_postgres() as line:
            connection.ensure_connection()
            line.cut_after_answers = answers
            try:
                ask(number)
                whole = line.cut_after_answers is not None
            except CUT:
                whole = False
            connection.close()
        ask(number)
        settled(number)
        if whole:
            return answers
    raise AssertionError("the loop returns")


@embedded_only
@SAMPLED
def test_a_cycle_cut_short_anywhere_and_settled_again_pays_everybody_once(
    house, settings, every: int
):
    """One account at a time, so that most cuts find some accounts settled and others not."""
    settings.SURETY_CHUNK_ACCOUNTS = 1
    a_house()
    trades.novate(a_trade(price="90000"), at=after(), cause=CAUSE)
    marks: dict[int, int] = {}

    def ask(number: int) -> None:
        marks[number] = 90_000 + 7 * (number + 1)
        found = a_price_set(str(marks[number]), at=after(hours=1 + number))
        pricing.seal(found, cause=CAUSE)
        sealed = selectors.latest_prices()
        cycles.settle(f"c-{number}", sealed, cause=CAUSE)

    def settled(number: int) -> None:
        row = selectors.cycle(f"c-{number}")
        assert row.state == "closed"
        assert gained("NORTH-1") == (marks[number] - 90_000) * 10**6 == -gained("SOUTH-1")
        assert models.CycleLine.objects.filter(cycle=row.cycle_id).count() == 2
        assert books.left(f"cycle-c-{number}") == 0
        assert selectors.holdings("ccp-settlement") == {}

    assert cut_at_points(ask, settled, every=every) > 10
    assert verification.verify() == []


@embedded_only
@SAMPLED
@pytest.mark.parametrize("what", ["allocation", "claim", "transfer", "bust", "correction"])
def test_what_follows_a_trade_cut_short_anywhere_and_asked_again_happens_once(
    house, what: str, every: int
):
    posttrade.a_busy_house()
    ready: dict[int, Callable[[], Any]] = {}
    before: dict[int, dict[str, tuple[int, int]]] = {}

    def prepared(number: int) -> Callable[[], Any]:
        name = f"t-{number}"
        posttrade.trade(name, price=str(90_000 + number))
        before[number] = posttrade.all_totals()
        if what == "allocation":
            return partial(posttrade.allocate, name, key=name)
        if what == "claim":
            return partial(posttrade.claim, posttrade.give_up(name), key=name)
        if what == "transfer":
            return partial(posttrade.accept, posttrade.transfer(), key=name)
        if what == "bust":
            return partial(posttrade.bust, name, key=name)
        return partial(_corrected, name)

    def ask(number: int) -> None:
        ready[number]()

    def settled(number: int) -> None:
        after_it = posttrade.all_totals()
        for place in (0, 1):
            assert sum(it[place] for it in after_it.values()) == sum(
                it[place] for it in before[number].values()
            )
        moved = {
            account: after_it[account][0] - before[number][account][0]
            for account in posttrade.ACCOUNTS
            if after_it[account][0] != before[number][account][0]
        }
        assert moved == MOVED[what]
        ready[number + 1] = prepared(number + 1)

    ready[0] = prepared(0)
    assert cut_at_points(ask, settled, every=every) > 3
    posttrade.assert_sound()


MOVED = {
    "allocation": {"NORTH-1": -500, "NORTH-2": 400, "NORTH-3": 100},
    "claim": {"NORTH-1": -600, "EAST-1": 600},
    "transfer": {"NORTH-1": -500, "EAST-1": 500},
    "bust": {"NORTH-1": -1_000, "SOUTH-1": 1_000},
    "correction": {"NORTH-1": 1_000, "SOUTH-1": -1_000},
}


def _corrected(name: str) -> int:
    report = a_trade(trade_id=f"{name}-c", quantity="2")
    return posttrade.busts.correct(
        posttrade.VENUE,
        name,
        by=report,
        key=name,
        reason="wrong terms",
        at=posttrade.now(),
        cause=CAUSE,
    )


@pytest.mark.parametrize("orders", [12, pytest.param(400, marks=pytest.mark.soak)])
def test_two_workers_at_one_cycle_pay_everybody_once_in_every_order_tried(
    house, settings, orders: int
):
    """And a trade that comes in between is in the cycle or in the next one."""
    settings.SURETY_CHUNK_ACCOUNTS = 1
    a_house(RING="0")
    a_third_member()
    numbers = count(1)
    paid = 0

    def work(cycle_id: str) -> str:
        try:
            return cycles.carry_on(cycle_id, cause=CAUSE).state
        except CycleUnderWay:
            return "left to the other"

    def trade(number: int) -> None:
        report = a_trade(trade_id=f"t-{number}", price="90000", quantity="0.001")
        trades.novate(report, at=after(), cause=CAUSE)

    def scenario() -> list[Callable[[], Any]]:
        number = next(numbers)
        trade(2 * number)
        index = str(90_000 + number)
        pricing.seal(a_price_set(index, at=after(hours=number)), cause=CAUSE)
        sealed = selectors.latest_prices()
        name = f"c-{number}"
        cycles.open_cycle(name, sealed, kind=cycles.Kind.AD_HOC, slot=name, cause=CAUSE)
        return [partial(work, name), partial(work, name), partial(trade, 2 * number + 1)]

    stops = ((books, "take"), (store, "claim_all"), (store, "append_all"))
    draw = chance("two workers at one cycle")
    for number, outcome in enumerate(
        sample(scenario, stops=stops, orders=orders, chance=draw), start=1
    ):
        assert [it for it in outcome.errors if it is not None] == []
        assert "closed" in outcome.answers[:2] or selectors.cycle(f"c-{number}").state == "closed"
        held = selectors.account("NORTH-1")
        assert held.lots(PERPETUAL) == 2 * number
        paid = gained("NORTH-1") - held.cost(PERPETUAL)
        assert (
            paid
            == -2 * number * 90_000 * 10**3
            == -(gained("SOUTH-1") - selectors.account("SOUTH-1").cost(PERPETUAL))
        )
        lines = models.CycleLine.objects.filter(cycle=f"c-{number}", kind="vm")
        assert sorted(lines.values_list("account", flat=True)) == ["NORTH-1", "SOUTH-1"]

    assert paid != 0
    assert verification.verify() == []
