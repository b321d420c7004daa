"""Settlement's facts in plain English: one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clearing.domain import events as book
from clearing.domain import settlement
from clearing.domain.events.cycles import PAID_AT_THE_TRADE

if TYPE_CHECKING:
    from config.desk.wording import Words


def _schedule(it: book.SettlementScheduleSet, _: Words) -> str:
    times = f"at {it.times} UTC" if it.times else "at no fixed time"
    every = f" and every {it.interval_minutes} minutes" if it.interval_minutes else ""
    return f"The book is settled {times}{every}"


def _cycle_opened(it: book.CycleOpened, _: Words) -> str:
    on = f" on price set {it.price_sequence}" if it.price_sequence else ""
    differences = f", as the difference to {it.corrects}" if it.corrects else ""
    return (
        f"Settlement cycle {it.cycle_id} ({it.kind}) is opened over {it.accounts:,}"
        f" accounts{on}{differences}"
    )


def _cleared(it: book.CycleCleared, words: Words) -> str:
    return (
        f"Cycle {it.cycle_id} has cleared {it.symbol}: rounding left"
        f" {words.money(it.residue_cash, it.settlement)}"
    )


def _account_settled(it: book.AccountSettled, words: Words) -> str:
    net: dict[str, int] = {}
    for line in settlement.lines_of(it.lines):
        if line.kind not in PAID_AT_THE_TRADE:
            net[line.asset] = net.get(line.asset, 0) + line.cash
    return f"{it.account_id} is settled in cycle {it.cycle_id}: {words.nets(net)}"


def _expired_by(it: Any, words: Words, what: str) -> str:
    moved = "received" if it.cash >= 0 else "paid"
    return (
        f"{it.symbol} expired: {it.account_id} {moved} {words.money(abs(it.cash), it.settlement)}"
        f" for {what}"
    )


def _funded(it: book.PerpetualFunded, words: Words) -> str:
    moved = "received" if it.cash >= 0 else "paid"
    return (
        f"{it.account_id} {moved} {words.money(abs(it.cash), it.settlement)} of funding on"
        f" {it.symbol}, at a rate of {it.rate}"
    )


def _corrected(it: book.SettlementCorrected, words: Words) -> str:
    moved = "receives" if it.cash >= 0 else "pays"
    return (
        f"Cycle {it.corrects} is settled again at {it.price} for {it.symbol}: {it.account_id}"
        f" {moved} {words.money(abs(it.cash), it.settlement)}"
    )


SAYS: dict[type, Callable[[Any, Words], str]] = {
    book.PriceSetCorrected: lambda it, _: f"Price set {it.corrects} is corrected: {it.reason}",
    book.SettlementScheduleSet: _schedule,
    book.FeeSet: lambda it, _: (
        f"Trading a {it.kind} costs {it.per_lot} a lot and a share of {it.rate}"
    ),
    book.FundingRateFixed: lambda it, _: (
        f"Funding of {it.symbol} for {it.hours} hours is {it.rate}, by {it.source}, on {it.price}"
    ),
    book.CycleOpened: _cycle_opened,
    book.CycleCleared: _cleared,
    book.CycleClosed: lambda it, _: (
        f"Settlement cycle {it.cycle_id} is closed and balances: {it.lines:,} lines of"
        f" {it.accounts:,} accounts"
    ),
    book.CycleHeld: lambda it, _: (
        f"Settlement cycle {it.cycle_id} is held, {it.invariant} is broken: {it.reason}"
    ),
    book.AssignmentDrawn: lambda it, _: (
        f"{it.exercised:,} lots of {it.symbol} are exercised, and drawn among the short by"
        f" {it.algorithm}"
    ),
    book.AccountSettled: _account_settled,
    book.PerpetualFunded: _funded,
    book.FutureSettled: lambda it, words: _expired_by(it, words, f"{it.lots:,} lots"),
    book.OptionExercised: lambda it, words: _expired_by(
        it, words, f"{it.exercised:,} of {it.lots:,} lots exercised"
    ),
    book.OptionAssigned: lambda it, words: _expired_by(
        it, words, f"{it.assigned:,} of {-it.lots:,} lots assigned"
    ),
    book.OptionExpired: lambda it, _: (
        f"{it.symbol} expired: {it.account_id} receives nothing for {it.lots:,} lots, {it.reason}"
    ),
    book.ExerciseInstructed: lambda it, _: (
        f"{it.account_id} will not have {it.abandon:,} lots of {it.symbol} exercised"
    ),
    book.SettlementCorrected: _corrected,
}
