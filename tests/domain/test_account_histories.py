"""Whatever is asked of an account in whatever order, these hold at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import account, entries
from clearing.domain.account import Account, Standing, evolve, novate, replay
from clearing.domain.errors import Refusal
from clearing.domain.events import AccountOpened, FutureSettled, WithdrawalRequested
from tests.domain.instruments import ALL, a_leg

OPENED = AccountOpened(account_id="NORTH-1", member_id="NORTH", kind="client", title="North")


@dataclass(frozen=True)
class Command:
    """Something asked of the account; what it is refused is skipped."""

    name: str
    run: Callable[[Account], object]


def _trade(place: int, lots: int, ticks: int) -> Command:
    it = ALL[place]
    return Command("trade", lambda held: novate(held, a_leg(lots=lots, price_ticks=ticks), it))


def _settle(place: int, payout: int) -> Command:
    it = ALL[place]

    def settled(held: Account) -> FutureSettled:
        lots, cost = held.lots(it.symbol), held.cost(it.symbol)
        return FutureSettled(
            account_id=held.account_id,
            cycle_id="c",
            symbol=it.symbol,
            settlement=it.settlement,
            index="1",
            lots=lots,
            cost=cost,
            cash=lots * payout - cost,
            price_set="p",
        )

    return Command("settle", settled)


def _oldest(held: Account) -> str:
    return min(held.waiting, default="none")


ASSETS = st.sampled_from(["USDC", "BTC"])
AMOUNTS = st.integers(1, 10**12)
COMMANDS = st.one_of(
    st.builds(_trade, st.integers(0, 6), st.integers(-30, 30).filter(bool), st.integers(1, 10**6)),
    st.builds(_settle, st.integers(0, 6), st.integers(0, 10**9)),
    st.builds(
        lambda asset, amount: Command(
            "deposit",
            lambda held: account.deposit(held, deposit_id="d", asset=asset, amount=amount),
        ),
        ASSETS,
        AMOUNTS,
    ),
    st.builds(
        lambda key, asset, amount: Command(
            "withdraw",
            lambda held: account.request_withdrawal(
                held, withdrawal_id=f"w-{key}", asset=asset, amount=amount
            ),
        ),
        st.integers(0, 10**6),
        ASSETS,
        AMOUNTS,
    ),
    st.just(
        Command("pay", lambda held: account.settle_withdrawal(held, withdrawal_id=_oldest(held)))
    ),
    st.just(
        Command(
            "refuse",
            lambda held: account.refuse_withdrawal(
                held, withdrawal_id=_oldest(held), code="c", reason="r"
            ),
        )
    ),
    st.builds(
        lambda asset, amount: Command(
            "penalty",
            lambda held: account.charge_penalty(held, asset=asset, amount=amount, reason="r"),
        ),
        ASSETS,
        AMOUNTS,
    ),
    st.just(Command("suspend", lambda held: account.suspend(held, reason="r"))),
    st.just(Command("reinstate", lambda held: account.reinstate(held, reason="r"))),
)


@st.composite
def histories(draw) -> list:
    facts, held = [OPENED], replay([OPENED])
    for command in draw(st.lists(COMMANDS, max_size=25)):
        try:
            fact = command.run(held)
        except Refusal:
            continue
        if fact is not None:
            facts.append(fact)
            held = evolve(held, fact)
    return facts


@given(histories(), st.integers(0, 26))
def test_replay_may_stop_and_resume_anywhere(facts, cut):
    snapshot = replay(facts[:cut])

    assert replay(facts[cut:], snapshot) == replay(facts)


@given(histories())
def test_holdings_are_the_sum_of_entries(facts):
    summed: dict[str, int] = {}
    for fact in facts:
        for entry in entries.effects(fact):
            if entry.account == "NORTH-1":
                summed[entry.asset] = summed.get(entry.asset, 0) + entry.amount

    assert replay(facts).holdings == {asset: amount for asset, amount in summed.items() if amount}


@given(histories())
def test_a_flat_position_has_no_cost(facts):
    for held in accumulate(facts, evolve, initial=Account()):
        for it in ALL:
            assert held.lots(it.symbol) or not held.cost(it.symbol)
            assert it.carried_at_cost or not held.cost(it.symbol)


@given(histories())
def test_while_suspended_no_position_grows_and_nothing_is_released(facts):
    held = Account()
    for fact in facts:
        after = evolve(held, fact)
        if held.standing is Standing.SUSPENDED:
            assert not isinstance(fact, WithdrawalRequested)
            for it in ALL:
                before, now = held.lots(it.symbol), after.lots(it.symbol)
                assert abs(now) <= abs(before)
                assert now * before >= 0
        held = after


@given(histories())
def test_what_waits_is_never_more_than_was_there(facts):
    held = Account()
    for fact in facts:
        if isinstance(fact, WithdrawalRequested):
            assert 0 < fact.amount <= held.cash(fact.asset)
        held = evolve(held, fact)
