"""Several workers on one cycle, trades meanwhile, and an expiry beside them."""

from __future__ import annotations

import contextlib
from functools import partial

from clearing import models, selectors
from clearing.domain.cycles import CycleUnderWay
from clearing.services import (
    cycles,
    pricing,
    sealing,
    settlement,
    timekeeping,
    trades,
    verification,
)
from clearing.services.jobs import NotYet
from tests.builders import (
    CAUSE,
    EXPIRY,
    FUTURE,
    INVERSE,
    PERPETUAL,
    a_house,
    a_price_set,
    a_third_member,
    a_trade,
)
from tests.flows.test_racing_writers import at_once

MEMBERS = ("EAST-1", "NORTH-1", "SOUTH-1")


def test_three_workers_settle_a_cycle_once_while_trading_goes_on(house, settings):
    settings.SURETY_CHUNK_ACCOUNTS = 1
    a_house()
    a_third_member()
    for number, symbol in enumerate((PERPETUAL, INVERSE)):
        report = a_trade(trade_id=f"t-{number}", symbol=symbol, quantity="1000")
        trades.novate(report, at=timekeeping.now(), cause=CAUSE)
    on = selectors.prices_at(pricing.seal(a_price_set("91000"), cause=CAUSE))

    def work() -> None:
        with contextlib.suppress(CycleUnderWay):  # another has the last accounts, and closes it
            cycles.settle("one", on, cause=CAUSE)

    def trade(number: int) -> None:
        pair = (MEMBERS[number % 3], MEMBERS[(number + 1) % 3])
        report = a_trade(
            trade_id=f"more-{number}", buyer=pair[0], seller=pair[1], price=f"{90_000 + number}"
        )
        trades.novate(report, at=timekeeping.now(), cause=CAUSE)

    for done in at_once([*[work] * 3, *(partial(trade, number) for number in range(9))]):
        done.result()
    cycles.finish_open(cause=CAUSE)
    cycles.settle("two", on, cause=CAUSE)

    assert {row.state for row in selectors.cycles()} == {"closed"}
    lines = models.CycleLine.objects.filter(cycle="one")
    assert len({(it.account, it.symbol) for it in lines}) == lines.count()
    assert sum(selectors.account(it).cash("USDC") for it in MEMBERS) == 3 * 10**12
    assert selectors.holdings("ccp-settlement") == {}
    assert not [it for it in selectors.holdings("ccp-novation") if it.startswith("cost")]
    sealing.seal()
    assert verification.verify() == []


def test_an_expiry_waits_for_a_cycle_that_has_the_position_in_its_book(house):
    a_house()
    trades.novate(a_trade(symbol=FUTURE), at=timekeeping.now(), cause=CAUSE)
    on = selectors.prices_at(pricing.seal(a_price_set("91000"), cause=CAUSE))
    last = pricing.seal(a_price_set("95000", at=EXPIRY), cause=CAUSE)

    def cycle() -> None:
        with contextlib.suppress(CycleUnderWay):
            cycles.settle("one", on, cause=CAUSE)

    def expire() -> None:
        with contextlib.suppress(NotYet):
            settlement.settle_expiries(last, cause=CAUSE)

    for done in at_once([cycle, expire, cycle, expire]):
        done.result()
    cycles.finish_open(cause=CAUSE)
    settlement.settle_expiries(last, cause=CAUSE)

    assert selectors.holders(FUTURE) == []
    assert selectors.account("NORTH-1").cash("USDC") == 1_005_000_000_000
    assert selectors.holdings("ccp-settlement") == {}
    sealing.seal()
    assert verification.verify() == []
