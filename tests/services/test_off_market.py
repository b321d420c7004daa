"""Nobody takes out of the house what another of its accounts, or another member, cannot pay."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from clearing import selectors
from clearing.domain.prices import PriceOutsideBand, PriceStale, Quote
from clearing.services import collateral, pricing, reference, timekeeping
from tests.builders import CALL, CAUSE, INVERSE, a_price_set, after, run_due_jobs
from tests.services.posttrade import (
    a_busy_house,
    accept,
    assert_sound,
    correct,
    trade,
    transfer,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def banded() -> None:
    a_busy_house()
    policy = replace(selectors.policy(), price_band=Decimal("0.05"))
    reference.set_policy(policy, at=timekeeping.now(), cause=CAUSE)
    pricing.seal(a_price_set("90000"), cause=CAUSE)
    run_due_jobs()


def lots(account_id: str) -> int:
    return selectors.account(account_id).lots("BTC-PERP")


def withdraw(account_id: str, amount: str) -> tuple[str, str]:
    collateral.request_withdrawal(
        account_id,
        key=f"w-{account_id}",
        asset="USDC",
        amount=amount,
        at=timekeeping.now(),
        cause=CAUSE,
    )
    run_due_jobs()
    row = selectors.withdrawal(f"{account_id}:w-{account_id}")
    return row.status, row.reason.partition(":")[0]


@pytest.mark.parametrize("price", ["94500.5", "85499.5", "900000000"])
def test_a_transfer_far_from_the_mark_is_refused_and_moves_nothing(banded, price: str):
    trade()

    with pytest.raises(PriceOutsideBand):
        transfer(to_member="NORTH", to_account="NORTH-2", price=price)
    asked = transfer(price=price)
    with pytest.raises(PriceOutsideBand):
        accept(asked)

    assert (lots("NORTH-1"), lots("NORTH-2"), lots("EAST-1")) == (1_000, 0, 0)
    assert_sound()


@pytest.mark.parametrize("price", ["94500", "85500", ""])
def test_a_transfer_near_the_mark_or_for_what_is_carried_is_taken(banded, price: str):
    trade()

    accept(transfer(price=price))

    assert (lots("NORTH-1"), lots("EAST-1")) == (500, 500)
    assert_sound()


def test_what_is_carried_may_be_far_from_the_mark_by_now(banded):
    trade()
    trade("t-inverse", symbol=INVERSE, quantity="1000")
    for minute, symbol, quantity in ((10, "BTC-PERP", "0.5"), (30, INVERSE, "500")):
        asked = transfer(symbol=symbol, quantity=quantity)
        pricing.seal(a_price_set("95000", at=after(hours=1, minutes=minute)), cause=CAUSE)
        with pytest.raises(PriceOutsideBand):
            accept(asked)
        pricing.seal(a_price_set("94000", at=after(hours=1, minutes=minute + 10)), cause=CAUSE)
        accept(asked)
    assert_sound()


def test_a_written_option_is_not_given_away_for_nothing(banded):
    """It is carried for nothing; what it is worth would stay with who takes it."""
    trade(symbol=CALL, price="0.0123", buyer="SOUTH-1", seller="NORTH-1")
    dear = {CALL: Quote("0.2", "0.9")}
    pricing.seal(a_price_set("90000", at=after(hours=2), quotes=dear), cause=CAUSE)

    with pytest.raises(PriceOutsideBand):
        accept(transfer(symbol=CALL, quantity="0.5"))


def test_without_a_mark_nothing_is_moved_by_agreement(banded):
    trade()
    policy = replace(selectors.policy(), price_max_age_seconds=60)
    reference.set_policy(policy, at=timekeeping.now(), cause=CAUSE)
    asked = transfer()
    timekeeping.advance(to=after(hours=1, minutes=2), cause=CAUSE)

    with pytest.raises(PriceStale):
        transfer(to_member="NORTH", to_account="NORTH-2")
    with pytest.raises(PriceStale):
        accept(asked)


def test_a_correction_names_a_price_that_a_report_could_have_named(banded):
    trade(price="90000")

    with pytest.raises(PriceOutsideBand):
        correct(price="94500.5")
    assert selectors.trade("XDER", "t-1").status == "active"
    pricing.seal(a_price_set("99000", at=after(hours=2)), cause=CAUSE)
    correct(price="94500")

    assert selectors.account("NORTH-1").cost("BTC-PERP") == 94_500_000_000
    assert_sound()


def test_money_does_not_leave_while_another_account_of_the_member_is_short():
    """The risk goes to an empty account, and the money would go out of the other."""
    a_busy_house()
    pricing.seal(a_price_set("90000"), cause=CAUSE)
    trade(price="90000", quantity="10")
    run_due_jobs()
    assert withdraw("NORTH-2", "1000000")[0] == "settled"
    transfer(to_member="NORTH", to_account="NORTH-2", quantity="10")
    run_due_jobs()

    assert withdraw("NORTH-1", "1000000") == ("refused", "member-short")
    assert selectors.account("NORTH-1").cash("USDC") == 1_000_000_000_000
    assert withdraw("EAST-1", "1000000")[0] == "settled", "another member's is nobody's business"
