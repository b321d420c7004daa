"""What becomes of trades and positions, in plain English; part of `wording`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clearing.domain import events as book
from clearing.domain.handover import State

if TYPE_CHECKING:
    from config.desk.wording import Words

WHY = {
    "allocation": "by allocation",
    "allocation-cancelled": "back from an allocation",
    "give-up": "by give-up",
    "average-price": "at the average price",
    "transfer": "by transfer",
    "port": "by porting",
    "succession": "by succession",
}
ENDS = {
    State.CLAIMED: "taken into",
    State.REJECTED: "rejected",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "out of time",
}


def _leg_moved(it: book.LegMoved, words: Words) -> str:
    way = "from" if (it.lots > 0) is (it.side == "bought") else "to"
    return (
        f"{it.account_id}: {words.size(it.symbol, it.lots)} worth"
        f" {words.money(it.value, it.settlement)} {way} {it.counterpart}, {WHY.get(it.why, it.why)}"
        f" (trade {it.trade_id}, {it.venue})"
    )


def _unwound(it: book.LegUnwound, words: Words) -> str:
    return (
        f"{it.account_id} is out of trade {it.trade_id} ({it.venue}):"
        f" {words.size(it.symbol, it.lots)} for {words.money(it.value, it.settlement)}"
    )


def _position_moved(it: book.PositionMoved, words: Words) -> str:
    return (
        f"{it.account_id}: {words.size(it.symbol, it.lots)} {'to' if it.gives else 'from'}"
        f" {it.counterpart} for {words.money(it.value, it.settlement)}, {WHY.get(it.why, it.why)}"
    )


def _ported(it: book.AccountPorted, _: Words) -> str:
    what = "Everything" if it.succession else "Every position"
    return f"{what} of {it.account_id} goes to {it.to_account}: {it.reason}"


def _collateral(it: book.CollateralPorted, words: Words) -> str:
    return (
        f"{it.account_id}: {words.money(it.amount, it.asset)} of collateral with {it.counterpart},"
        " by porting"
    )


def _allocated(it: book.LegAllocated, words: Words) -> str:
    accounts = "1 account" if it.shares == 1 else f"{it.shares:,} accounts"
    return (
        f"{it.from_account} allocates {words.size(it.symbol, it.lots)} of trade {it.trade_id} to"
        f" {accounts}"
    )


def _averaged(it: book.AveragePriced, words: Words) -> str:
    return (
        f"{it.from_account} allocates {it.trades:,} trades as one:"
        f" {words.size(it.symbol, it.lots)} for {words.money(it.value, it.settlement)}"
    )


def _given_up(it: book.GiveUpRequested, words: Words) -> str:
    return (
        f"{it.from_account} gives up {words.size(it.symbol, it.lots)} of trade {it.trade_id} to"
        f" {it.to_member}"
    )


def _ended(what: str) -> Callable[[Any, Words], str]:
    def said(it: Any, _: Words) -> str:
        end = ENDS.get(it.outcome, it.outcome)
        into = f" {it.to_account}" if it.to_account else ""
        return f"{what} {it.handover_id} is {end}{into}" + (f": {it.reason}" if it.reason else "")

    return said


SAYS: dict[type, Callable[[Any, Any], str]] = {
    book.LegMoved: _leg_moved,
    book.LegUnwound: _unwound,
    book.PositionMoved: _position_moved,
    book.AccountPorted: _ported,
    book.CollateralPorted: _collateral,
    book.LegAllocated: _allocated,
    book.AllocationCancelled: lambda it, _: f"Allocation {it.allocation_id} is taken back",
    book.AveragePriced: _averaged,
    book.GiveUpRequested: _given_up,
    book.GiveUpEnded: _ended("Give-up"),
    book.PositionTransferRequested: lambda it, words: (
        f"{it.account_id} offers {words.size(it.symbol, it.lots)} to {it.to_member}"
    ),
    book.PositionTransferEnded: _ended("Transfer"),
    book.TradeBusted: lambda it, _: f"Trade {it.trade_id} of {it.venue} is busted: {it.reason}",
    book.TradeCorrected: lambda it, _: (
        f"Trade {it.trade_id} of {it.venue} is corrected by {it.replaced_by}: {it.reason}"
    ),
}
