"""What a fact moves, it moves from somebody to somebody."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing import codec
from clearing.domain import entries, events, settlement
from clearing.domain.entries import CUSTODY, INSURANCE, NOVATION, PENDING, Entry, effects

AMOUNTS = st.integers(-(2**62), 2**62)


def moving(**but):
    usual = {"account_id": "NORTH-1", "asset": "USDC", "amount": 5}
    return usual | but


TRADE = {
    "account_id": "NORTH-1",
    "trade_id": "t-1",
    "venue": "XDER",
    "symbol": "BTC-PERP",
    "lots": 5,
    "price_ticks": 180_000,
    "settlement": "USDC",
    "cash": -7,
    "cost": 450,
    "underlying": "",
    "delivered": 0,
}


def test_a_trade_faces_the_house():
    assert set(effects(events.TradeNovated(**TRADE))) == {
        Entry("NORTH-1", "cash:USDC", -7),
        Entry(NOVATION, "cash:USDC", 7),
        Entry("NORTH-1", "lots:BTC-PERP", 5),
        Entry(NOVATION, "lots:BTC-PERP", -5),
        Entry("NORTH-1", "cost:BTC-PERP", 450),
        Entry(NOVATION, "cost:BTC-PERP", -450),
    }


def test_a_spot_trade_delivers_and_leaves_no_position():
    spot = TRADE | {"underlying": "BTC", "delivered": 100_000, "cost": 0}

    assert set(effects(events.TradeNovated(**spot))) == {
        Entry("NORTH-1", "cash:USDC", -7),
        Entry(NOVATION, "cash:USDC", 7),
        Entry("NORTH-1", "cash:BTC", 100_000),
        Entry(NOVATION, "cash:BTC", -100_000),
    }


@pytest.mark.parametrize(
    ("fact", "source", "to"),
    [
        (events.CollateralDeposited(deposit_id="d", **moving()), CUSTODY, "NORTH-1"),
        (events.WithdrawalRequested(withdrawal_id="w", **moving()), "NORTH-1", PENDING),
        (events.WithdrawalSettled(withdrawal_id="w", **moving()), PENDING, CUSTODY),
        (
            events.WithdrawalRefused(withdrawal_id="w", code="", reason="", **moving()),
            PENDING,
            "NORTH-1",
        ),
        (events.PenaltyCharged(reason="", **moving()), "NORTH-1", INSURANCE),
    ],
    ids=lambda it: getattr(it, "NAME", it),
)
def test_money_moves_between_two_accounts(fact, source, to):
    assert set(effects(fact)) == {Entry(to, "cash:USDC", 5), Entry(source, "cash:USDC", -5)}


def test_a_contract_that_is_settled_is_taken_back():
    fact = events.ContractSettled(
        account_id="NORTH-1",
        symbol="BTC-FUT",
        settlement="USDC",
        lots=3,
        cost=270,
        cash=15,
        price_set="p",
    )

    assert set(effects(fact)) == {
        Entry("NORTH-1", "lots:BTC-FUT", -3),
        Entry(NOVATION, "lots:BTC-FUT", 3),
        Entry("NORTH-1", "cost:BTC-FUT", -270),
        Entry(NOVATION, "cost:BTC-FUT", 270),
        Entry("NORTH-1", "cash:USDC", 15),
        Entry(NOVATION, "cash:USDC", -15),
    }


def test_nothing_moves_by_nothing():
    still = TRADE | {"cash": 0, "cost": 0}

    assert {entry.asset for entry in effects(events.TradeNovated(**still))} == {"lots:BTC-PERP"}


@given(st.sampled_from(sorted(codec.catalogue())), st.data())
def test_every_fact_of_every_app_balances(name, data):
    fact_type = codec.catalogue()[name]
    kinds = {"str": st.sampled_from(["", "BTC", "USDC"]), "int": AMOUNTS, "bool": st.booleans()}
    content = {field.name: data.draw(kinds[str(field.type)]) for field in fields(fact_type)}
    if "lines" in content and isinstance(content["lines"], str):
        content["lines"] = settlement.text_of(data.draw(st.lists(LINES)))
    fact = fact_type(**content)

    totals: Counter[str] = Counter()
    for entry in effects(fact):
        assert entry.amount
        totals[entry.asset] += entry.amount

    assert not any(totals.values())


LINES = st.builds(
    settlement.Line,
    kind=st.sampled_from(settlement.LINE_KINDS),
    symbol=st.sampled_from(["BTC", "USDC"]),
    asset=st.sampled_from(["BTC", "USDC"]),
    count=AMOUNTS,
    cash=AMOUNTS,
    cost=AMOUNTS,
)


def test_only_facts_about_what_is_held_move_anything():
    """A new fact that moves something is a decision, and is named here."""
    moves = set()
    for name, fact_type in codec.catalogue().items():
        values = {"str": "X", "int": 1, "bool": True}
        content = {field.name: values[str(field.type)] for field in fields(fact_type)}
        if isinstance(content.get("lines"), str):
            line = settlement.Line(kind="vm", symbol="X", asset="X", count=1, cash=1, cost=1)
            content["lines"] = settlement.text_of([line])
        fact = fact_type(**content)
        if effects(fact):
            moves.add(name.split(".")[1])

    assert moves == {
        "trade-novated",
        "collateral-deposited",
        "withdrawal-requested",
        "withdrawal-settled",
        "withdrawal-refused",
        "contract-settled",
        "penalty-charged",
        "lots-adjusted",
        "account-settled",
        "perpetual-funded",
        "future-settled",
        "option-exercised",
        "option-assigned",
        "option-expired",
        "settlement-corrected",
        "cycle-cleared",
        "leg-moved",
        "leg-unwound",
        "position-moved",
        "collateral-ported",
        "trade-busted",
        "trade-corrected",
        "substitution-settled",
    }


def test_the_names_of_assets_cannot_meet():
    assert len({entries.lots("X"), entries.cost("X"), entries.cash("X")}) == 3
