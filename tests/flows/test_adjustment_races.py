"""Adjustments at once with each other, and with trades: done once, and nobody is left behind."""

from __future__ import annotations

from functools import partial

from clearing import selectors
from clearing.domain.adjustment import ratio_of
from clearing.domain.errors import Refusal
from clearing.domain.instrument import InstrumentNotTrading, Status
from clearing.services import adjustments, listing, trades, verification
from tests.builders import CAUSE, FUTURE, PERPETUAL, START, a_house, a_trade
from tests.threads import at_once

NEW = "BTC1-PERP"


def adjust(action="BTC-10-1"):
    return adjustments.adjust_contract(
        PERPETUAL, ratio=ratio_of("10:1"), action=action, reason="split", at=START, cause=CAUSE
    )


def trade(number, symbol=PERPETUAL):
    return trades.novate(a_trade(trade_id=f"t-{number}", symbol=symbol), at=START, cause=CAUSE)


def test_eight_at_once_adjust_once(house):
    a_house()
    trade(1)

    done = [it.result() for it in at_once([adjust] * 8)]

    assert sum(it.new for it in done) == 1
    assert len({it.sequence for it in done}) == 1
    assert selectors.account("NORTH-1").lots(NEW) == 10_000
    assert verification.verify() == []


def test_two_actions_on_one_contract_adjust_it_once(house):
    a_house()
    trade(1)

    done = at_once([partial(adjust, f"action-{it}") for it in range(4)])

    refused = [it for it in done if isinstance(it.exception(), Refusal)]
    assert len(refused) == 3
    assert selectors.account("NORTH-1").lots(NEW) == 10_000


def test_trades_that_race_an_adjustment_are_exchanged_or_refused(house):
    """Each is booked before, and its lots are exchanged, or comes after and is told the new symbol."""
    a_house()

    done = at_once([*(partial(trade, it) for it in range(7)), adjust])

    booked = sum(it.exception() is None for it in done[:-1])
    for it in done[:-1]:
        assert isinstance(it.exception(), InstrumentNotTrading | None)
    assert done[-1].result().new
    assert selectors.account("NORTH-1").lots(PERPETUAL) == 0
    assert selectors.account("NORTH-1").lots(NEW) == booked * 10_000
    assert selectors.account("SOUTH-1").lots(NEW) == -booked * 10_000
    assert all(members + house == 0 for _, members, house in selectors.trial_balance())
    assert verification.verify() == []


def test_a_trade_that_races_a_delisting_is_held_or_refused_and_never_both(house):
    a_house()

    traded, delisted = at_once(
        [
            partial(trade, 1, FUTURE),
            partial(listing.delist, FUTURE, reason="no interest", at=START, cause=CAUSE),
        ]
    )

    gone = selectors.instrument(FUTURE).status is Status.DELISTED
    assert gone is (delisted.exception() is None)
    assert gone is (traded.exception() is not None)
    assert (selectors.account("NORTH-1").lots(FUTURE) == 0) is gone
