"""Bust and correction, wherever the lots have gone."""

from __future__ import annotations

import pytest

from accounts.services import register
from clearing import models, selectors
from clearing.domain.account import AccountNotOpen
from clearing.domain.errors import NotFound
from clearing.domain.parts import TradeEnded
from clearing.domain.trade import TradeIdNotValid
from clearing.services import busts, trades
from clearing.services.busts import TradeIdTaken
from clearing.store import KeyReused
from tests.builders import CALL, CAUSE, FUTURE, INVERSE, SPOT, START, a_trade
from tests.services.posttrade import (
    ACCOUNTS,
    VENUE,
    a_busy_house,
    accept,
    all_totals,
    allocate,
    assert_sound,
    average,
    bust,
    claim,
    correct,
    give_up,
    port,
    revalue,
    trade,
    transfer,
)
from tests.services.test_posttrade import expire

pytestmark = pytest.mark.django_db


def everything() -> dict[str, dict[str, int]]:
    return {account_id: dict(selectors.holdings(account_id)) for account_id in ACCOUNTS}


@pytest.mark.parametrize(
    ("symbol", "quantity", "price"),
    [
        ("BTC-PERP", "1", "90000"),
        (INVERSE, "70", "88888.5"),
        (CALL, "0.5", "0.0123"),
        (SPOT, "0.01", "89990"),
    ],
)
def test_a_busted_trade_leaves_nothing_behind(symbol, quantity, price):
    a_busy_house()
    before = everything()
    trade(symbol=symbol, quantity=quantity, price=price)

    bust()

    assert everything() == before
    assert selectors.trade(VENUE, "t-1").status == "busted"
    assert_sound()


def test_a_leg_already_allocated_given_up_and_ported_is_undone_where_it_is_now():
    """Fault case 7: the chain unwinds at the original price, and everybody is as before."""
    a_busy_house()
    trade("t-0", price="89000")
    before = all_totals()
    trade("t-1", price="90000")
    allocate(shares={"NORTH-2": "0.4"})
    claim(give_up(account_id="NORTH-1", quantity="0.3"))
    claim(give_up(account_id="NORTH-2", quantity="0.2"))
    revalue("BTC-PERP", 94_000_000)
    port("EAST-1", "SOUTH-2")

    bust()

    assert all_totals() == before
    assert_sound()


def test_a_bust_after_the_lots_were_sold_on_leaves_the_seller_short_of_them():
    a_busy_house()
    trade("t-1", price="90000")
    trade("t-2", price="91000", buyer="EAST-1", seller="NORTH-1")

    bust("t-1")

    assert selectors.account("NORTH-1").lots("BTC-PERP") == -1_000
    assert (
        selectors.account("NORTH-1").cash("USDC") - selectors.account("NORTH-1").cost("BTC-PERP")
        == 1_000_000_000_000 + 91_000_000_000
    )
    assert_sound()


def test_a_trade_of_an_average_price_group_is_undone_to_the_last_minor_unit():
    a_busy_house()
    trade("t-1", quantity="0.003", price="90000")
    trade("t-2", quantity="0.004", price="91000.5")
    average(("t-1", "t-2"), NORTH_2="0.002", NORTH_3="0.005")

    bust("t-1")
    bust("t-2")

    assert set(all_totals().values()) == {(0, 1_000_000_000_000)}
    assert_sound()


def test_a_busted_trade_of_a_group_is_given_back_at_the_average():
    a_busy_house()
    trade("t-1", quantity="0.004", price="90000")
    trade("t-2", quantity="0.004", price="92000")
    average(("t-1", "t-2"), NORTH_2="0.008")

    bust("t-1")

    assert selectors.account("NORTH-2").lots("BTC-PERP") == 4
    totals = all_totals()
    assert totals["NORTH-2"] == (4, 1_000_000_000_000 - 4 * 91_000_000)
    assert totals["NORTH-1"] == (0, 1_000_000_000_000 - 4 * 1_000_000)


@pytest.mark.parametrize(("symbol", "price"), [(FUTURE, "90000"), (CALL, "0.0123")])
def test_after_expiry_only_cash_comes_back(symbol, price):
    a_busy_house()
    before = everything()
    trade(symbol=symbol, quantity="0.5", price=price)
    claim(give_up(quantity="0.2"))
    expire()

    bust()

    assert everything() == before
    assert_sound()


def test_whatever_registers_can_be_busted_and_what_cannot_is_refused_at_once():
    a_busy_house()
    before = everything()
    longest = "x" * 89

    with pytest.raises(TradeIdNotValid):
        trade(longest + "y")
    trade(longest)
    claim(give_up(longest))
    bust(longest)

    assert everything() == before
    assert_sound()


def test_a_bust_is_refused_by_no_standing():
    a_busy_house()
    trade("t-0", buyer="SOUTH-1", seller="NORTH-1", quantity="2")
    trade("t-1")
    for account_id in ("NORTH-1", "SOUTH-1"):
        register.suspend(account_id, reason="called", at=START, cause=CAUSE)

    bust("t-1")

    assert selectors.account("NORTH-1").lots("BTC-PERP") == -2_000


def test_a_bust_told_twice_is_one_under_any_key():
    a_busy_house()
    trade()

    first = bust(key="b-1")
    count = models.Event.objects.count()

    assert bust(key="b-1") == first
    assert bust(key="b-2") == first
    assert models.Event.objects.count() == count


def test_a_key_is_for_one_bust():
    a_busy_house()
    trade("t-1")
    trade("t-2")
    bust("t-1", key="b-1")

    with pytest.raises(KeyReused):
        bust("t-2", key="b-1")


def test_a_trade_reported_again_after_its_bust_stays_busted():
    a_busy_house()
    first = trade()
    bust()

    assert trade() == first
    assert selectors.account("NORTH-1").lots("BTC-PERP") == 0


def test_what_was_asked_of_a_busted_trade_is_void():
    a_busy_house()
    trade()
    asked = give_up()

    bust()

    row = selectors.handover(asked, kind="give-up")
    assert (row.status, row.reason) == ("cancelled", "the trade was busted")
    with pytest.raises(TradeEnded):
        allocate()
    assert_sound()


def test_a_trade_nobody_reported_is_not_busted():
    a_busy_house()

    with pytest.raises(NotFound):
        bust("t-9")


def test_a_transfer_of_the_position_does_not_take_the_bust_along():
    a_busy_house()
    trade()
    accept(transfer(quantity="1"))

    bust()

    totals = all_totals()
    assert totals["NORTH-1"][0] == -1_000
    assert totals["EAST-1"][0] == 1_000
    assert_sound()


def test_a_successor_answers_for_the_trades_it_took_over():
    a_busy_house()
    trade("t-0", price="89000")
    trade("t-1", price="90000")
    revalue("BTC-PERP", 95_000_000)
    port("NORTH-1", "EAST-1", whole=True)

    bust("t-1")

    lots, worth = all_totals()["EAST-1"]
    assert (lots, worth) == (1_000, 2_000_000_000_000 - 89_000_000_000)
    assert selectors.account("NORTH-1").holdings == {}
    assert_sound()


# --- correction -----------------------------------------------------------------------------------


def test_a_corrected_trade_is_as_if_reported_right():
    a_busy_house()
    trade("t-1", price="90000")
    allocate(shares={"NORTH-2": "0.4"})
    revalue("BTC-PERP", 93_000_000)

    correct("t-1", by="t-1c", price="91000", quantity="2")

    totals = all_totals()
    assert totals["NORTH-1"] == (2_000, 1_000_000_000_000 - 182_000_000_000)
    assert totals["NORTH-2"] == (0, 1_000_000_000_000)
    old, new = selectors.trade(VENUE, "t-1"), selectors.trade(VENUE, "t-1c")
    assert (old.status, old.replaced_by) == ("corrected", "t-1c")
    assert (new.status, new.replaces) == ("active", "t-1")
    assert_sound()


def test_a_correction_after_expiry_moves_cash_alone():
    a_busy_house()
    trade("t-1", symbol=FUTURE, price="90000")
    expire()

    correct("t-1", by="t-1c", symbol=FUTURE, price="91000")

    held = selectors.account("NORTH-1").holdings
    assert held == {"cash:USDC": 1_000_000_000_000 + 95_000_000_000 - 91_000_000_000}
    assert_sound()


def test_a_suspended_account_stays_in_the_trade_that_is_corrected_and_gets_into_no_other():
    a_busy_house()
    trade("t-1")
    for account_id in ("NORTH-1", "EAST-1"):
        register.suspend(account_id, reason="called", at=START, cause=CAUSE)

    with pytest.raises(AccountNotOpen):
        correct("t-1", by="t-1c", buyer="EAST-1")
    correct("t-1", by="t-1c", price="91000")

    assert selectors.account("NORTH-1").cost("BTC-PERP") == 91_000_000_000


def test_what_has_ended_is_not_corrected_and_what_was_corrected_is_not_busted():
    a_busy_house()
    trade("t-1")
    trade("t-2")
    bust("t-1")
    correct("t-2", by="t-2c")

    with pytest.raises(TradeEnded):
        correct("t-1", by="t-1c")
    with pytest.raises(TradeEnded) as refused:
        bust("t-2")
    assert refused.value.facts["replaced_by"] == "t-2c"
    bust("t-2c")
    assert set(all_totals().values()) == {(0, 1_000_000_000_000)}


def test_a_correction_needs_an_id_of_its_own_that_is_then_a_trades_like_any_other():
    a_busy_house()
    trade("t-1")
    trade("t-2")

    with pytest.raises(TradeIdTaken):
        correct("t-1", by="t-2")
    correct("t-1", by="t-1c", price="91000")
    count = models.Event.objects.count()
    trades.novate(a_trade(trade_id="t-1c", price="91000"), at=START, cause=CAUSE)

    assert models.Event.objects.count() == count


def test_a_correction_told_twice_is_one():
    a_busy_house()
    trade("t-1")
    ask = {"by": a_trade(trade_id="t-1c", price="91000"), "key": "c-1", "reason": "price"}

    first = busts.correct(VENUE, "t-1", **ask, at=START, cause=CAUSE)

    assert busts.correct(VENUE, "t-1", **ask, at=START, cause=CAUSE) == first
