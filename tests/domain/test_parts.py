"""Splitting parts of a leg, and what moving one does to an account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import account, average_price, parts
from clearing.domain.account import Account, AccountNotOpen, AccountRingFenced, Standing
from clearing.domain.average_price import GroupNotAllocated, GroupNotUniform
from clearing.domain.parts import LotsNotFree, Move, Part, Share, SharesNotValid
from tests.domain.instruments import CALL, PERPETUAL, SPOT

BY = Move(why="allocation", move_id="A:allocation:1", venue="XDER", trade_id="t-1")


def a_part(**but) -> Part:
    return Part(**({"account_id": "A-1", "side": "bought", "lots": 3, "value": 100} | but))


def a_share(account_id: str, lots: int) -> Share:
    return Share(account_id=account_id, lots=lots)


def an_account(**but) -> Account:
    return Account(**({"account_id": "A-1", "kind": "client", "standing": Standing.OPEN} | but))


# --- largest remainder ----------------------------------------------------------------------------


@given(
    total=st.integers(-(2**62), 2**62),
    weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any),
)
def test_shares_sum_to_the_total_and_are_within_a_unit_of_their_due(total, weights):
    shares = parts.apportion(total, weights)

    assert sum(shares) == total
    whole = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * whole - total * weight) < whole
        assert weight or share == 0


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),  # ties to whoever stands first
        (-100, [1, 1, 1], [-34, -33, -33]),
        (100, [1, 2], [33, 67]),  # the larger remainder, not the first
        (1, [1, 1, 1, 1], [1, 0, 0, 0]),  # one unit among many
        (1, [0, 5, 0], [0, 1, 0]),  # a single survivor
        (0, [3, 4], [0, 0]),
        (7, [7], [7]),
    ],
)
def test_what_does_not_divide_goes_by_largest_remainder(total, weights, shares):
    assert parts.apportion(total, weights) == shares


# --- splitting ------------------------------------------------------------------------------------


def test_the_rest_of_a_part_takes_its_turn_in_the_rounding():
    taken = parts.split(a_part(), [a_share("B-1", 1)])

    assert taken == [Part(account_id="B-1", side="bought", lots=1, value=33)]


def test_a_whole_part_keeps_its_whole_value():
    taken = parts.split(a_part(lots=-3, value=-100, side="sold"), [a_share("B-1", 3)])

    assert (taken[0].lots, taken[0].value) == (-3, -100)


def test_what_was_promised_to_others_is_not_free():
    with pytest.raises(LotsNotFree) as refused:
        parts.split(a_part(), [a_share("B-1", 2)], waiting=2)

    assert refused.value.facts["free"] == "1"


@pytest.mark.parametrize("names", [[], ["B-1", "B-1"], [f"B-{n}" for n in range(1_001)]])
def test_shares_name_each_account_once(names):
    with pytest.raises(SharesNotValid):
        parts.check_shares([a_share(name, 1) for name in names])


# --- what a move does -----------------------------------------------------------------------------


@given(
    held=st.integers(-50, 50),
    cost=st.integers(-(10**9), 10**9),
    lots=st.integers(-60, 60),
    value=st.integers(-(10**9), 10**9),
)
def test_a_move_changes_cash_less_cost_by_exactly_its_value(held, cost, lots, value):
    holdings = {"lots:BTC-PERP": held, "cost:BTC-PERP": cost if held else 0}
    before = an_account(holdings=holdings)
    part = a_part(lots=lots, value=value)

    fact = parts.moved(before, PERPETUAL, part, counterpart="B-1", by=BY)
    after = account.evolve(before, fact)

    assert fact.cash - fact.cost == -value
    assert after.lots("BTC-PERP") == held + lots
    assert after.lots("BTC-PERP") or after.cost("BTC-PERP") == 0 or not lots


def test_value_without_lots_is_cash():
    fact = parts.unwound(
        an_account(), PERPETUAL, a_part(lots=0, value=-7), venue="XDER", trade_id="t-1"
    )

    assert (fact.lots, fact.cost, fact.cash) == (0, 0, -7)


def test_an_options_part_moves_with_its_premium_and_a_spot_part_with_what_was_delivered():
    option = parts.moved(an_account(), CALL, a_part(), counterpart="B-1", by=BY)
    spot = parts.moved(an_account(), SPOT, a_part(), counterpart="B-1", by=BY)

    assert (option.cash, option.cost, option.lots) == (-100, 0, 3)
    assert (spot.cash, spot.underlying, spot.delivered) == (-100, "BTC", 300_000)


def test_only_open_accounts_take_risk_and_suspended_ones_may_shed():
    long = {"lots:BTC-PERP": 5}
    suspended = an_account(standing=Standing.SUSPENDED, holdings=long)

    parts.check_may_move(suspended, PERPETUAL, lots=-2, field="account")
    with pytest.raises(AccountNotOpen):
        parts.check_may_move(suspended, PERPETUAL, lots=1, field="account")
    with pytest.raises(AccountNotOpen):
        parts.check_may_move(an_account(account_id="ccp-novation"), SPOT, lots=1, field="account")
    with pytest.raises(AccountRingFenced):
        parts.check_may_move(an_account(kind="backstop"), PERPETUAL, lots=1, field="account")


# --- average price --------------------------------------------------------------------------------


def test_the_average_is_exact_and_nothing_is_left_over():
    found = [a_part(lots=3, value=100), a_part(lots=4, value=150)]
    shares = [a_share("B-1", 2), a_share("C-1", 5)]

    slices = average_price.allocate(found, shares)

    assert average_price.average(found) * 7 == 250
    assert [(it.trade, it.part.account_id, it.part.lots, it.part.value) for it in slices] == [
        (0, "B-1", 2, 71),
        (0, "C-1", 1, 36),
        (1, "C-1", 4, 143),
    ]


@given(
    found=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10**9)), min_size=1, max_size=8),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    sign=st.sampled_from([1, -1]),
)
def test_any_group_is_allocated_to_the_last_lot_and_minor_unit(found, cuts, sign):
    group = [a_part(lots=sign * lots, value=sign * value) for lots, value in found]
    size, shares = sum(lots for lots, _ in found), []
    for place, cut in enumerate(cuts):
        lots = min(cut, size - sum(share.lots for share in shares))
        if lots:
            shares.append(a_share(f"B-{place}", lots))
    missing = size - sum(share.lots for share in shares)
    if missing:
        shares.append(a_share("Z-1", missing))

    slices = average_price.allocate(group, shares)

    assert sum(it.part.value for it in slices) == sum(part.value for part in group)
    for place, part in enumerate(group):
        assert sum(it.part.lots for it in slices if it.trade == place) == part.lots
    average = average_price.average(group)
    for share in shares:
        worth = sum(it.part.value for it in slices if it.part.account_id == share.account_id)
        assert abs(worth - sign * share.lots * average) < 1


def test_a_group_is_of_one_kind_and_allocated_whole():
    with pytest.raises(GroupNotUniform):
        average_price.check_group([a_part(), a_part(side="sold", lots=-1)], ["X", "X"])
    with pytest.raises(GroupNotUniform):
        average_price.check_group([a_part(), a_part()], ["X", "Y"])
    with pytest.raises(GroupNotAllocated):
        average_price.allocate([a_part()], [a_share("B-1", 2)])


@given(held=st.integers(2, 10**6), data=st.data(), cost=st.integers(-(10**15), 10**15))
def test_who_gives_lots_away_for_what_is_carried_is_paid_nothing(held: int, data, cost: int):
    lots = data.draw(st.integers(1, held))
    position = {f"lots:{PERPETUAL.symbol}": held, f"cost:{PERPETUAL.symbol}": cost}
    giver = Account(account_id="A", standing=Standing.OPEN, holdings=position)

    value = parts.carried_for(giver, PERPETUAL, lots=lots)
    gives = parts.position_moved(
        giver,
        PERPETUAL,
        lots=-lots,
        value=-value,
        counterpart="B",
        gives=True,
        why="transfer",
        move_id="m",
    )

    assert gives.cash == 0
    assert gives.cost == -value
    assert abs(value * held - cost * lots) < held
