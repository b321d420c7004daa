"""One account: facts, command, facts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import account, amounts, entries, expiry
from clearing.domain.account import (
    Account,
    AccountAlreadyOpen,
    AccountNotFlat,
    AccountNotOpen,
    BalanceTooSmall,
    WithdrawalUnknown,
    evolve,
    novate,
    replay,
)
from clearing.domain.events import (
    AccountClosed,
    AccountOpened,
    AccountReinstated,
    AccountSuspended,
    CollateralDeposited,
    TradeNovated,
    WithdrawalRequested,
)
from clearing.domain.expiry import Final
from clearing.domain.trade import leg_value
from tests.domain.instruments import ALL, CALL, FUTURE, INVERSE, PERPETUAL, SPOT, a_leg

OPENED = AccountOpened(account_id="NORTH-1", member_id="NORTH", kind="client", title="North")
SUSPENDED = AccountSuspended(account_id="NORTH-1", reason="a test")
REINSTATED = AccountReinstated(account_id="NORTH-1", reason="a test")
CLOSED = AccountClosed(account_id="NORTH-1", reason="a test")
DEPOSITED = CollateralDeposited(
    account_id="NORTH-1", deposit_id="d-1", asset="USDC", amount=1_000_000
)
REQUESTED = WithdrawalRequested(
    account_id="NORTH-1", withdrawal_id="w-1", asset="USDC", amount=400_000
)


def traded(lots: int, *, ticks: int = 180_000, it=PERPETUAL, held: Account | None = None):
    return novate(held or replay([OPENED]), a_leg(lots=lots, price_ticks=ticks), it)


# --- standing ---------------------------------------------------------------------------------


def test_an_account_opens_once():
    fact = account.open_account(
        Account(), account_id="NORTH-1", member_id="NORTH", kind="client", title="North"
    )
    assert fact == OPENED

    for facts in ([OPENED], [OPENED, SUSPENDED], [OPENED, CLOSED]):
        with pytest.raises(AccountAlreadyOpen):
            account.open_account(
                replay(facts), account_id="NORTH-1", member_id="N", kind="client", title=""
            )


def test_an_open_account_takes_on_risk():
    event = traded(5)

    assert event == TradeNovated(
        account_id="NORTH-1",
        trade_id="t-1",
        venue="XDER",
        symbol="BTC-PERP",
        lots=5,
        price_ticks=180_000,
        settlement="USDC",
        cash=0,
        cost=450_000_000,
        underlying="",
        delivered=0,
    )


@pytest.mark.parametrize(
    "facts", [[], [OPENED, SUSPENDED], [OPENED, CLOSED]], ids=["unopened", "suspended", "closed"]
)
def test_any_other_account_does_not(facts):
    with pytest.raises(AccountNotOpen):
        novate(replay(facts), a_leg(), PERPETUAL)


def test_a_suspended_account_may_still_shrink():
    held = replay([OPENED, traded(5), SUSPENDED])

    assert novate(held, a_leg(lots=-5), PERPETUAL).lots == -5
    for lots in (1, -6, -11):
        with pytest.raises(AccountNotOpen):
            novate(held, a_leg(lots=lots), PERPETUAL)


def test_a_reinstated_account_takes_on_risk_again():
    assert novate(replay([OPENED, SUSPENDED, REINSTATED]), a_leg(), PERPETUAL).lots == 5


@pytest.mark.parametrize("name", entries.HOUSE_ACCOUNTS)
def test_the_houses_own_accounts_never_trade(name):
    with pytest.raises(AccountNotOpen):
        novate(replay([OPENED]), a_leg(account_id=name), PERPETUAL)


def test_suspending_and_reinstating_twice_is_once():
    assert account.suspend(replay([OPENED]), reason="a test") == SUSPENDED
    assert account.suspend(replay([OPENED, SUSPENDED]), reason="again") is None
    assert account.reinstate(replay([OPENED, SUSPENDED]), reason="a test") == REINSTATED
    assert account.reinstate(replay([OPENED]), reason="again") is None


@pytest.mark.parametrize("move", [account.suspend, account.reinstate, account.close])
@pytest.mark.parametrize("facts", [[], [OPENED, CLOSED]], ids=["unopened", "closed"])
def test_what_is_not_there_is_neither_suspended_nor_closed(move, facts):
    with pytest.raises(AccountNotOpen):
        move(replay(facts), reason="a test")


def test_only_an_empty_account_is_closed():
    assert account.close(replay([OPENED]), reason="a test") == CLOSED
    for facts in ([DEPOSITED], [traded(5)], [DEPOSITED, REQUESTED]):
        with pytest.raises(AccountNotFlat):
            account.close(replay([OPENED, *facts]), reason="a test")


@given(st.integers(-9, 9), st.integers(-20, 20))
def test_shrinking_is_getting_nearer_to_nothing_without_passing_it(held, by):
    nearer = range(held) if held >= 0 else range(held + 1, 1)

    assert account.shrinks(held=held, by=by) == (held + by in nearer)


# --- money ------------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [[OPENED], [OPENED, SUSPENDED]])
def test_paying_in_is_how_trouble_ends(facts):
    fact = account.deposit(replay(facts), deposit_id="d-1", asset="USDC", amount=1_000_000)

    assert fact == DEPOSITED


@pytest.mark.parametrize("facts", [[], [OPENED, CLOSED]])
def test_nobody_pays_into_what_is_not_there(facts):
    with pytest.raises(AccountNotOpen):
        account.deposit(replay(facts), deposit_id="d-1", asset="USDC", amount=1)


@pytest.mark.parametrize("amount", [0, -1, 2**63])
def test_an_amount_is_positive_and_fits(amount):
    held = replay([OPENED, DEPOSITED])

    for command in (
        lambda: account.deposit(held, deposit_id="d", asset="USDC", amount=amount),
        lambda: account.request_withdrawal(held, withdrawal_id="w", asset="USDC", amount=amount),
        lambda: account.charge_penalty(held, asset="USDC", amount=amount, reason=""),
    ):
        with pytest.raises(amounts.AmountOutOfRange):
            command()


def test_what_is_asked_for_is_encumbered_at_once():
    held = replay([OPENED, DEPOSITED, REQUESTED])

    assert held.cash("USDC") == 600_000
    assert held.waiting == {"w-1": ("USDC", 400_000)}
    with pytest.raises(BalanceTooSmall):
        account.request_withdrawal(held, withdrawal_id="w-2", asset="USDC", amount=600_001)


def test_a_refused_withdrawal_comes_back_and_a_settled_one_does_not():
    held = replay([OPENED, DEPOSITED, REQUESTED])

    refused = evolve(
        held, account.refuse_withdrawal(held, withdrawal_id="w-1", code="c", reason="r")
    )
    settled = evolve(held, account.settle_withdrawal(held, withdrawal_id="w-1"))

    assert (refused.cash("USDC"), settled.cash("USDC")) == (1_000_000, 600_000)
    assert not refused.waiting
    assert not settled.waiting
    for decided in (refused, settled):
        with pytest.raises(WithdrawalUnknown):
            account.settle_withdrawal(decided, withdrawal_id="w-1")


def test_a_suspended_account_releases_nothing():
    with pytest.raises(AccountNotOpen):
        account.request_withdrawal(
            replay([OPENED, DEPOSITED, SUSPENDED]), withdrawal_id="w", asset="USDC", amount=1
        )


# --- positions carried at cost ----------------------------------------------------------------


def test_a_gain_is_paid_when_the_position_shrinks():
    """Bought 5 at 90000, sold 2 at 95000: the gain on two of five thousandths of a coin."""
    held = replay([OPENED, traded(5)])

    sold = novate(held, a_leg(lots=-2, price_ticks=190_000), PERPETUAL)

    assert (sold.cash, sold.cost) == (10_000_000, -180_000_000)


def test_a_position_that_turns_starts_again_at_the_new_price():
    held = replay([OPENED, traded(5)])

    turned = evolve(held, novate(held, a_leg(lots=-8, price_ticks=190_000), PERPETUAL))

    assert turned.lots("BTC-PERP") == -3
    assert turned.cost("BTC-PERP") == -3 * 95_000_000
    assert turned.cash("USDC") == 25_000_000


@given(
    held=st.integers(-1_000, 1_000),
    cost=st.integers(-(10**12), 10**12),
    lots=st.integers(-1_000, 1_000).filter(bool),
    value=st.integers(-(10**12), 10**12),
)
def test_cash_less_cost_moves_by_the_value_of_the_trade(held, cost, lots, value):
    if held == 0:
        cost = 0
    moved, paid = account.carried(held=held, cost=cost, lots=lots, value=value)

    assert paid - moved == -value
    if held + lots == 0:
        assert cost + moved == 0, "a flat position has no cost left"
    if held * lots >= 0:
        assert paid == 0, "growing realises nothing"


@given(
    first=st.integers(1, 1_000),
    out=st.integers(1, 1_000),
    ticks=st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
    side=st.sampled_from([1, -1]),
)
def test_a_round_trip_pays_the_difference_in_price(first, out, ticks, side):
    """Whatever part leaves first, the whole is paid once all of it has left."""
    out = min(first, out)
    held = replay([OPENED, traded(side * first, ticks=ticks[0])])
    for lots in (out, first - out):
        if lots:
            held = evolve(held, traded(-side * lots, ticks=ticks[1], held=held))

    assert held.lots("BTC-PERP") == held.cost("BTC-PERP") == 0
    assert held.cash("USDC") == side * first * (ticks[1] - ticks[0]) * PERPETUAL.tick_value


@given(
    it=st.sampled_from([it for it in ALL if it is not INVERSE]),
    before=st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 10**6))),
    lots=st.integers(-80, 80).filter(bool),
    ticks=st.integers(1, 10**6),
)
def test_a_trade_at_the_mark_leaves_equity_where_it_was(it, before, lots, ticks):
    """E = cash + lots x mark - cost, and a coin that was delivered at its price."""
    held = replay([OPENED])
    for each, price in before:
        held = evolve(held, novate(held, a_leg(lots=each, price_ticks=price), it))

    after = evolve(held, novate(held, a_leg(lots=lots, price_ticks=ticks), it))

    assert equity(after, it, ticks) == equity(held, it, ticks)


def equity(held: Account, it, ticks: int) -> int:
    if it is SPOT:
        coin = held.cash(it.underlying) / (it.lot_size.scaleb(it.underlying_scale))
        return held.cash(it.settlement) + coin * ticks * it.tick_value
    return (
        held.cash(it.settlement)
        + held.lots(it.symbol) * ticks * it.tick_value
        - held.cost(it.symbol)
    )


def test_buyer_and_seller_of_an_inverse_contract_move_by_the_same_integer():
    for lots, ticks in ((1, 3), (7, 180_001), (999, 12_347)):
        bought, sold = (traded(side * lots, ticks=ticks, it=INVERSE) for side in (1, -1))

        assert bought.cash - bought.cost == -(sold.cash - sold.cost)
        assert leg_value(INVERSE, lots=lots, ticks=ticks) < 0, "long is paid in coin at the end"


def test_a_settled_contract_leaves_the_account():
    held = replay([OPENED, traded(4, it=FUTURE), traded(2, ticks=100, it=CALL)])

    final = Final(cycle_id="c", index=Decimal("125000"), price_set="p", seed_set="p")
    for it, payout in ((FUTURE, 125_000_000), (CALL, 2_000_000)):
        before, others = held, {"SOUTH-1": (-held.lots(it.symbol), 0)}
        book = {"NORTH-1": (held.lots(it.symbol), held.cost(it.symbol)), **others}
        (fact, _), _ = expiry.payouts(it, book, final, abandoned={})
        held = evolve(held, fact)
        assert held.lots(it.symbol) == held.cost(it.symbol) == 0
        gained = held.cash(it.settlement) - before.cash(it.settlement)
        assert gained == before.lots(it.symbol) * payout - before.cost(it.symbol)


# --- what a column can hold -------------------------------------------------------------------


def test_what_an_account_could_not_hold_is_refused():
    rich = replay([OPENED, replace(DEPOSITED, amount=amounts.LARGEST)])
    asked = replay([OPENED, replace(DEPOSITED, amount=amounts.LARGEST), REQUESTED])

    for held in (rich, asked):  # what was asked for may come back
        with pytest.raises(amounts.AmountOutOfRange):
            account.deposit(held, deposit_id="d-2", asset="USDC", amount=1)
    with pytest.raises(amounts.AmountOutOfRange):
        novate(rich, a_leg(lots=-1, price_ticks=1), SPOT)


def test_a_position_stops_growing_where_its_cost_would_not_fit():
    held = replay([OPENED, traded(10**9, ticks=9_000_000)])

    with pytest.raises(amounts.AmountOutOfRange) as caught:
        for _ in range(3):
            held = evolve(held, traded(10**9, ticks=9_000_000, held=held))

    assert caught.value.field == "quantity"
