"""Two at once on one leg: whoever is second is told so, and nothing is lost or doubled."""

from __future__ import annotations

from functools import partial

import pytest

from clearing import models, selectors
from clearing.domain.errors import Refusal
from clearing.domain.handover import HandoverEnded
from clearing.domain.parts import LotsNotFree, TradeEnded
from clearing.services import allocations, busts, give_ups, porting
from clearing.store import KeyReused
from tests.builders import CAUSE, START
from tests.services.posttrade import (
    VENUE,
    a_busy_house,
    all_totals,
    allocate,
    assert_sound,
    bust,
    claim,
    give_up,
    port,
    trade,
)
from tests.threads import at_once

FREE = (0, 1_000_000_000_000)


def outcome(future) -> str:
    """The sequence it led to, or the refusal's code; anything else is a fault."""
    error = future.exception()
    if error is None:
        return "done"
    assert isinstance(error, Refusal), error
    return error.code


def test_two_claims_at_once_take_the_lots_once(house):
    a_busy_house()
    trade()
    asked = give_up(quantity="0.6")

    answers = at_once([partial(claim, asked, key=f"c-{number}") for number in range(4)])

    assert sorted(map(outcome, answers)) == ["done", *[HandoverEnded.code] * 3]
    assert selectors.account("EAST-1").lots("BTC-PERP") == 600
    assert_sound()


def test_one_claim_told_many_times_at_once_is_one_answer(house):
    a_busy_house()
    trade()
    asked = give_up(quantity="0.6")

    answers = at_once([partial(claim, asked, key="c-1") for _ in range(4)])

    assert len({answer.result() for answer in answers}) == 1
    assert selectors.account("EAST-1").lots("BTC-PERP") == 600


@pytest.mark.parametrize("turn", range(3))
def test_a_bust_and_a_claim_at_once_leave_nothing_behind(house, turn):
    a_busy_house()
    trade()
    asked = give_up(quantity="0.6")

    answers = at_once([partial(claim, asked), bust])

    assert outcome(answers[0]) in ("done", HandoverEnded.code, TradeEnded.code)
    assert outcome(answers[1]) == "done"
    assert set(all_totals().values()) == {FREE}
    assert_sound()


@pytest.mark.parametrize("turn", range(3))
def test_a_bust_finds_the_lots_that_are_being_ported(house, turn):
    a_busy_house()
    trade()
    trade("t-2", quantity="0.5")

    answers = at_once([partial(port, "NORTH-1", "EAST-1", whole=True), bust])

    assert [outcome(answer) for answer in answers] == ["done", "done"]
    assert selectors.account("NORTH-1").lots("BTC-PERP") == 0
    assert selectors.account("EAST-1").lots("BTC-PERP") == 500
    assert_sound()


def test_a_bust_told_over_two_gateways_at_once_is_one(house):
    a_busy_house()
    trade()
    count = models.Event.objects.count()

    answers = at_once([partial(bust, key=f"b-{number % 2}") for number in range(4)])

    assert len({answer.result() for answer in answers}) == 1
    assert models.Event.objects.count() == count + 3


def test_allocations_at_once_share_out_no_more_than_there_is(house):
    a_busy_house()
    trade()

    answers = at_once(
        [partial(allocate, shares={"NORTH-2": "0.4"}, key=f"a-{number}") for number in range(4)]
    )

    assert sorted(map(outcome, answers)) == ["done", "done", *[LotsNotFree.code] * 2]
    assert selectors.account("NORTH-2").lots("BTC-PERP") == 800
    assert_sound()


def test_crossing_allocations_and_give_ups_never_deadlock(house):
    a_busy_house()
    for number in range(4):
        trade(f"t-{number}")
    asked = [give_up(f"t-{number}", quantity="0.2") for number in range(4)]

    answers = at_once(
        [
            *(partial(claim, each) for each in asked),
            *(partial(allocate, f"t-{number}") for number in range(4)),
        ]
    )

    assert [outcome(answer) for answer in answers] == ["done"] * 8
    assert_sound()


def test_every_request_told_again_at_once_is_answered_alike(house):
    """Fault case 1, for what follows a trade: three deliveries, any order, one effect."""
    a_busy_house()
    trade()
    common = {"at": START, "cause": CAUSE}
    requests = (
        partial(
            allocations.allocate,
            VENUE,
            "t-1",
            account_id="NORTH-1",
            shares={"NORTH-2": "0.1"},
            key="r-1",
            **common,
        ),
        partial(
            give_ups.request,
            VENUE,
            "t-1",
            account_id="NORTH-1",
            quantity="0.2",
            to_member="EAST",
            key="r-2",
            **common,
        ),
        partial(porting.port, "SOUTH-1", "EAST-1", key="r-3", reason="x", **common),
        partial(busts.bust, VENUE, "t-1", key="r-4", reason="x", **common),
    )

    for request in requests:
        answers = at_once([request] * 3)
        assert len({answer.result() for answer in answers}) == 1
        assert request() == answers[0].result()

    with pytest.raises(KeyReused):
        busts.bust(VENUE, "t-2", key="r-4", reason="x", **common)
    assert set(all_totals().values()) == {FREE}
    assert_sound()
