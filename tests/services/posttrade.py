"""A house with two executing members, each with clients, for tests of what follows a trade."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clearing import selectors, store
from clearing.domain.events import TradeNovated
from clearing.services import (
    allocations,
    average_prices,
    busts,
    collateral,
    give_ups,
    porting,
    sealing,
    timekeeping,
    trades,
    transfers,
    verification,
)
from tests.builders import CAUSE, START, a_house, a_third_member, a_trade

ACCOUNTS = ("NORTH-1", "NORTH-2", "NORTH-3", "SOUTH-1", "SOUTH-2", "EAST-1")
VENUE = "XDER"
_keys = iter(range(1, 10**9))


def a_busy_house() -> None:
    """NORTH with three accounts, SOUTH with two, EAST with one; all funded."""
    from accounts.services import register

    a_house(RING="0")
    a_third_member()
    for account_id in ("NORTH-2", "NORTH-3", "SOUTH-2"):
        member = account_id[:5]
        register.open_account(
            account_id, member_id=member, kind="client", title="", at=START, cause=CAUSE
        )
        collateral.deposit(
            account_id, key=f"f-{account_id}", asset="USDC", amount="1000000", at=START, cause=CAUSE
        )


def key() -> str:
    return f"k-{next(_keys)}"


def now() -> datetime:
    return timekeeping.now()


def trade(trade_id: str = "t-1", **but: Any) -> int:
    return trades.novate(a_trade(trade_id=trade_id, **but), at=now(), cause=CAUSE)


def allocate(trade_id: str = "t-1", account_id: str = "NORTH-1", **but: Any) -> str:
    """The allocation's id."""
    usual = {"shares": {"NORTH-2": "0.4", "NORTH-3": "0.1"}, "key": key()}
    allocations.allocate(
        VENUE, trade_id, account_id=account_id, at=now(), cause=CAUSE, **(usual | but)
    )
    return f"{account_id}:allocation:{(usual | but)['key']}"


def give_up(trade_id: str = "t-1", account_id: str = "NORTH-1", **but: Any) -> str:
    usual = {"quantity": "0.6", "to_member": "EAST", "key": key()}
    give_ups.request(VENUE, trade_id, account_id=account_id, at=now(), cause=CAUSE, **(usual | but))
    return f"{account_id}:give-up:{(usual | but)['key']}"


def claim(handover_id: str, **but: Any) -> int:
    usual = {"member_id": "EAST", "account_id": "EAST-1", "key": key()}
    return give_ups.claim(handover_id, at=now(), cause=CAUSE, **(usual | but))


def average(trade_ids: tuple[str, ...], account_id: str = "NORTH-1", **shares: str) -> int:
    named = {name.replace("_", "-"): quantity for name, quantity in shares.items()}
    return average_prices.group(
        account_id,
        trades=[(VENUE, each) for each in trade_ids],
        shares=named,
        key=key(),
        at=now(),
        cause=CAUSE,
    )


def transfer(account_id: str = "NORTH-1", **but: Any) -> str:
    usual = {"symbol": "BTC-PERP", "quantity": "0.5", "to_member": "EAST", "key": key()}
    transfers.request(account_id, at=now(), cause=CAUSE, **(usual | but))
    return f"{account_id}:transfer:{(usual | but)['key']}"


def accept(handover_id: str, **but: Any) -> int:
    usual = {"member_id": "EAST", "account_id": "EAST-1", "key": key()}
    return transfers.accept(handover_id, at=now(), cause=CAUSE, **(usual | but))


def bust(trade_id: str = "t-1", **but: Any) -> int:
    usual = {"key": key(), "reason": "told in error"}
    return busts.bust(VENUE, trade_id, at=now(), cause=CAUSE, **(usual | but))


def correct(trade_id: str = "t-1", *, by: str = "t-1c", **but: Any) -> int:
    return busts.correct(
        VENUE,
        trade_id,
        by=a_trade(trade_id=by, **but),
        key=key(),
        reason="wrong terms",
        at=now(),
        cause=CAUSE,
    )


def port(account_id: str, to_account: str, *, whole: bool = False) -> int:
    move = porting.succeed if whole else porting.port
    return move(account_id, to_account, key=key(), reason="a new home", at=now(), cause=CAUSE)


def revalue(symbol: str, value_of_lot: int) -> None:
    """What a settlement cycle does to every holder: cash += value - cost, cost := value.

    Spelled as a trade in and out at the settlement value, so that it needs no fact of its own.
    """
    it = selectors.instrument(symbol)
    for account_id in selectors.holders(symbol):
        _revalue_one(account_id, it, value_of_lot)


@store.decision
def _revalue_one(account_id: str, it: Any, value_of_lot: int) -> None:
    stream = store.claim(f"account-{account_id}")
    held = selectors.account(account_id)
    worth = held.lots(it.symbol) * value_of_lot
    fact = TradeNovated(
        account_id=account_id,
        trade_id=key(),
        venue="VMVM",
        symbol=it.symbol,
        lots=0,
        price_ticks=1,
        settlement=it.settlement,
        cash=worth - held.cost(it.symbol),
        cost=worth - held.cost(it.symbol),
        underlying="",
        delivered=0,
    )
    store.append(stream, fact, at=now(), cause=CAUSE)


def totals(account_id: str, symbol: str = "BTC-PERP", asset: str = "USDC") -> tuple[int, int]:
    """(lots, cash - cost): what a trade changes for good, whatever was settled meanwhile."""
    held = selectors.account(account_id)
    return held.lots(symbol), held.cash(asset) - held.cost(symbol)


def all_totals(symbol: str = "BTC-PERP", asset: str = "USDC") -> dict[str, tuple[int, int]]:
    return {account_id: totals(account_id, symbol, asset) for account_id in ACCOUNTS}


def assert_sound() -> None:
    """I1 and I2, and that every row follows from the log."""
    for asset, members, house in selectors.trial_balance():
        assert members + house == 0, asset
        if asset.startswith("lots:"):
            assert house == 0, asset
    sealing.seal()
    assert verification.verify() == []
