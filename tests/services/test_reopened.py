"""An account that was closed and gets something back is reopened, and can be closed once more."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from clearing import models, selectors
from clearing.domain.account import AccountNotOpen, Standing
from clearing.domain.instrument import Kind
from clearing.services import accounts, collateral, cycles, pricing, schedules, timekeeping
from liquidation import selectors as liquidation
from tests.builders import CAUSE, PERPETUAL, a_price_set, run_due_jobs
from tests.services.posttrade import (
    a_busy_house,
    assert_sound,
    bust,
    correct,
    key,
    now,
    port,
    trade,
)

pytestmark = pytest.mark.django_db


def seal(index: str = "90000") -> None:
    pricing.seal(a_price_set(index, at=now() + timedelta(hours=1)), cause=CAUSE)
    run_due_jobs()


def standing(account_id: str) -> Standing:
    return selectors.account(account_id).standing


def withdraw_all(account_id: str) -> None:
    amount = selectors.account(account_id).cash("USDC") / 10**6
    collateral.request_withdrawal(
        account_id, key=key(), asset="USDC", amount=f"{amount:.6f}", at=now(), cause=CAUSE
    )
    run_due_jobs()
    assert selectors.account(account_id).cash("USDC") == 0


def close(account_id: str) -> None:
    accounts.close(account_id, reason="it is empty", at=now(), cause=CAUSE)


def in_and_out() -> None:
    """NORTH-2 bought one and sold it again, took its money and was closed."""
    a_busy_house()
    seal()
    trade("t-1", buyer="NORTH-2")
    trade("t-2", buyer="SOUTH-1", seller="NORTH-2")
    run_due_jobs()
    withdraw_all("NORTH-2")
    close("NORTH-2")


def test_what_a_bust_gives_back_reopens_the_account_in_the_same_decision():
    in_and_out()

    bust("t-1")

    held = selectors.account("NORTH-2")
    assert (held.standing, held.lots(PERPETUAL)) == (Standing.SUSPENDED, -1_000)
    names = list(
        models.Event.objects.filter(stream="account-NORTH-2")
        .order_by("version")
        .values_list("name", flat=True)
    )
    assert names[-2:] == ["clearing.account-reopened.v1", "clearing.leg-unwound.v1"]
    assert_sound()


def test_a_reopened_account_takes_no_risk_and_can_get_rid_of_what_came_back():
    in_and_out()
    bust("t-1")

    with pytest.raises(AccountNotOpen):
        trade("t-3", buyer="SOUTH-1", seller="NORTH-2")
    collateral.deposit("NORTH-2", key=key(), asset="USDC", amount="5000", at=now(), cause=CAUSE)
    trade("t-4", buyer="NORTH-2", quantity="0.4")
    port("NORTH-2", "NORTH-1")

    held = selectors.account("NORTH-2")
    assert (held.lots(PERPETUAL), held.cash("USDC")) == (0, 5_000_000_000)
    accounts.reinstate("NORTH-2", reason="paid in", at=now(), cause=CAUSE)
    withdraw_all("NORTH-2")
    close("NORTH-2")
    assert standing("NORTH-2") == Standing.CLOSED
    assert_sound()


def test_whoever_cannot_pay_for_what_came_back_is_liquidated():
    in_and_out()
    collateral.deposit("RING-1", key=key(), asset="USDC", amount="900000", at=now(), cause=CAUSE)
    bust("t-1")

    seal("99000")
    for hours in (1, 24, 24):
        timekeeping.advance(now() + timedelta(hours=hours), cause=CAUSE)
        seal("99000")

    (case,) = liquidation.cases()
    assert (case.account, case.steps) == ("NORTH-2", 1)
    held = selectors.account("NORTH-2")
    assert (held.lots(PERPETUAL), held.cash("USDC")) == (0, -9_000_000_000)
    collateral.deposit("NORTH-2", key=key(), asset="USDC", amount="9000", at=now(), cause=CAUSE)
    assert selectors.account("NORTH-2").holdings == {}


def test_a_reopened_account_is_closed_again_once_it_is_empty_and_reinstated():
    in_and_out()
    bust("t-1")
    bust("t-2")

    assert selectors.account("NORTH-2").holdings == {}
    with pytest.raises(AccountNotOpen):
        close("NORTH-2")  # a call or a case may still be about it
    accounts.reinstate("NORTH-2", reason="it is empty", at=now(), cause=CAUSE)
    close("NORTH-2")

    assert standing("NORTH-2") == Standing.CLOSED


def test_the_remainder_of_a_ported_trade_reopens_who_gave_it():
    """A port moves lots at what they are carried for; what they were traded for beyond stays."""
    a_busy_house()
    seal()
    trade("t-1", buyer="NORTH-2")
    cycles.settle_now(cause=CAUSE)
    seal("91000")
    cycles.settle_now(cause=CAUSE)
    port("NORTH-2", "NORTH-1")
    run_due_jobs()
    withdraw_all("NORTH-2")
    close("NORTH-2")

    bust("t-1")

    held = selectors.account("NORTH-2")
    assert (held.standing, held.lots(PERPETUAL)) == (Standing.SUSPENDED, 0)
    assert held.cash("USDC") < 0, "the gain it withdrew was never its own"
    assert_sound()


def test_who_was_in_a_corrected_trade_is_reopened_by_its_new_terms():
    in_and_out()

    correct("t-1", buyer="NORTH-2", quantity="2")

    held = selectors.account("NORTH-2")
    assert (held.standing, held.lots(PERPETUAL)) == (Standing.SUSPENDED, 1_000)
    assert_sound()


def test_a_fee_charged_after_the_account_was_closed_reopens_it():
    a_busy_house()
    schedules.set_fee(Kind.PERPETUAL, per_lot="0.01", rate="0", at=now(), cause=CAUSE)
    seal()
    trade("t-1", buyer="NORTH-2")
    trade("t-2", buyer="SOUTH-1", seller="NORTH-2")
    withdraw_all("NORTH-2")
    close("NORTH-2")

    cycles.settle_now(cause=CAUSE)

    held = selectors.account("NORTH-2")
    assert (held.standing, held.cash("USDC")) == (Standing.SUSPENDED, -20_000_000)
    assert_sound()


def test_the_command_closes_an_empty_account_and_names_what_still_stands():
    a_busy_house()
    trade("t-1", buyer="NORTH-2")

    with pytest.raises(CommandError) as refused:
        call_command("close_account", "NORTH-2", "--reason", "gone")
    said = str(refused.value)
    assert said.startswith("account-not-flat account_id:")
    assert "cash:USDC 1000000000000" in said and "lots:BTC-PERP 1000" in said

    port("NORTH-2", "NORTH-1", whole=True)
    out = io.StringIO()
    call_command("close_account", "NORTH-2", "--reason", "gone", stdout=out)
    assert out.getvalue().startswith("NORTH-2 is closed (event ")
    with pytest.raises(CommandError, match="account-not-open account"):
        call_command("reinstate_account", "NORTH-2", "--reason", "back")


def test_the_command_reinstates_an_account_that_was_reopened():
    in_and_out()
    bust("t-1")
    out = io.StringIO()

    call_command("reinstate_account", "NORTH-2", "--reason", "paid", stdout=out)
    call_command("reinstate_account", "NORTH-2", "--reason", "paid", stdout=out)

    assert standing("NORTH-2") == Standing.OPEN
    assert "was open already" in out.getvalue()
