"""One account: replay, evolve, and what it may do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce
from types import MappingProxyType
from typing import Any

from clearing.domain import amounts, entries, instrument
from clearing.domain.errors import Refusal
from clearing.domain.events import (
    AccountClosed,
    AccountFact,
    AccountOpened,
    AccountReinstated,
    AccountReopened,
    AccountSuspended,
    CollateralDeposited,
    PenaltyCharged,
    SubstitutionCancelled,
    SubstitutionExpired,
    SubstitutionProposed,
    SubstitutionRefused,
    SubstitutionSettled,
    TradeNovated,
    WithdrawalRefused,
    WithdrawalRequested,
    WithdrawalSettled,
)
from clearing.domain.instrument import Instrument, Kind
from clearing.domain.trade import HOUSE_VENUE, Leg, leg_value

BACKSTOP = "backstop"


class Standing(StrEnum):
    UNOPENED = "unopened"
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class AccountNotOpen(Refusal):
    code = "account-not-open"
    says = "The account may not take on risk or release collateral now."


class AccountRingFenced(Refusal):
    code = "account-ring-fenced"
    says = "The backstop takes over what the house closes, and trades with nobody else."


class AccountAlreadyOpen(Refusal):
    code = "account-already-open"
    says = "An account of that name was opened before."


class BalanceTooSmall(Refusal):
    code = "balance-too-small"
    says = "The account does not have that much free."
    remedy = "Withdraw no more than the free balance."


class WithdrawalUnknown(Refusal):
    code = "withdrawal-unknown"
    says = "No such withdrawal is waiting."


class AccountNotFlat(Refusal):
    code = "account-not-flat"
    says = "Only an account that holds nothing can be closed."
    remedy = "Close or port its positions and withdraw its balances first."


@dataclass(frozen=True, slots=True)
class Account:
    """`holdings` is asset -> amount as in entries; `waiting` is withdrawal -> (asset, amount), which
    has left the holdings; `promised` is substitution -> (asset, amount), which is still in them."""

    account_id: str = ""
    kind: str = ""
    standing: Standing = Standing.UNOPENED
    holdings: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    waiting: Mapping[str, tuple[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    promised: Mapping[str, tuple[str, int]] = field(default_factory=lambda: MappingProxyType({}))

    def lots(self, symbol: str) -> int:
        return self.holdings.get(entries.lots(symbol), 0)

    def cost(self, symbol: str) -> int:
        return self.holdings.get(entries.cost(symbol), 0)

    def cash(self, asset: str) -> int:
        return self.holdings.get(entries.cash(asset), 0)

    def free(self, asset: str) -> int:
        """Settled cash that is promised to nothing. What a position has gained and not been paid is
        not in it: that is no holding before a settlement makes it one."""
        promised = sum(amount for what, amount in self.promised.values() if what == asset)
        return self.cash(asset) - promised


def replay(facts: Iterable[AccountFact], start: Account | None = None) -> Account:
    return reduce(evolve, facts, start or Account())


def evolve(account: Account, fact: AccountFact) -> Account:
    """The account after one more fact. Facts are already true, so nothing is checked."""
    account = replace(account, holdings=_held_after(account, fact))
    match fact:
        case AccountOpened():
            return replace(
                account, account_id=fact.account_id, kind=fact.kind, standing=Standing.OPEN
            )
        case AccountSuspended() | AccountReopened():
            return replace(account, standing=Standing.SUSPENDED)
        case AccountReinstated():
            return replace(account, standing=Standing.OPEN)
        case AccountClosed():
            return replace(account, standing=Standing.CLOSED)
        case WithdrawalRequested():
            return replace(
                account, waiting={**account.waiting, fact.withdrawal_id: (fact.asset, fact.amount)}
            )
        case WithdrawalSettled() | WithdrawalRefused():
            left = {key: row for key, row in account.waiting.items() if key != fact.withdrawal_id}
            return replace(account, waiting=left)
        case SubstitutionProposed():
            promise = {fact.substitution_id: (fact.asset, fact.amount)}
            return replace(account, promised={**account.promised, **promise})
        case (
            SubstitutionSettled()
            | SubstitutionRefused()
            | SubstitutionExpired()
            | SubstitutionCancelled()
        ):
            kept = {it: row for it, row in account.promised.items() if it != fact.substitution_id}
            return replace(account, promised=kept)
        case _:
            return account  # it moved something, and that is all


def _held_after(account: Account, fact: Any) -> dict[str, int]:
    held = dict(account.holdings)
    for entry in entries.effects(fact):
        if entry.account == fact.account_id:
            held[entry.asset] = held.get(entry.asset, 0) + entry.amount
    return {asset: amount for asset, amount in held.items() if amount}


def open_account(
    account: Account, *, account_id: str, member_id: str, kind: str, title: str
) -> AccountOpened:
    if account.standing is not Standing.UNOPENED:
        raise AccountAlreadyOpen(field="account_id", account=account_id)
    return AccountOpened(account_id=account_id, member_id=member_id, kind=kind, title=title)


def suspend(account: Account, *, reason: str) -> AccountSuspended | None:
    """None when it is suspended already."""
    if account.standing is Standing.SUSPENDED:
        return None
    _must_be(account, Standing.OPEN)
    return AccountSuspended(account_id=account.account_id, reason=reason)


def reinstate(account: Account, *, reason: str) -> AccountReinstated | None:
    """None when it is open already."""
    if account.standing is Standing.OPEN:
        return None
    _must_be(account, Standing.SUSPENDED)
    return AccountReinstated(account_id=account.account_id, reason=reason)


def close(account: Account, *, reason: str) -> AccountClosed:
    """A suspended account is reinstated first, since a call or a case may still be about it.

    Raises AccountNotOpen; AccountNotFlat, which names what it holds, in lots and minor units.
    """
    _must_be(account, Standing.OPEN)
    waiting = {withdrawal: amount for withdrawal, (_, amount) in account.waiting.items()}
    stands = {"holds": account.holdings, "waiting": waiting}
    named = {
        what: "; ".join(f"{each} {amount}" for each, amount in sorted(rows.items()))
        for what, rows in stands.items()
        if rows
    }
    if named:
        raise AccountNotFlat(field="account_id", account=account.account_id, **named)
    return AccountClosed(account_id=account.account_id, reason=reason)


def reopen(account: Account, *, reason: str) -> AccountReopened | None:
    """For whoever gives a closed account something back, in the same decision; None when it is not
    closed. Suspended, not open: what comes back is to be settled, ported or closed out."""
    if account.standing is not Standing.CLOSED:
        return None
    return AccountReopened(account_id=account.account_id, reason=reason)


def novate(account: Account, leg: Leg, it: Instrument) -> TradeNovated:
    """Open accounts take on risk; suspended ones may only shed it.

    The house's own accounts stand on the other side of entries and never trade; the backstop trades
    with the house alone. What the house itself reports is at the mark, whatever an instrument's
    amended bounds are. Raises AccountNotOpen, AccountRingFenced, PriceOffTick, PriceOutsideLimits.
    """
    if leg.venue != HOUSE_VENUE:
        instrument.check_bounds(it, leg.price_ticks)
    if account.kind == BACKSTOP and leg.venue != HOUSE_VENUE:
        raise AccountRingFenced(field=leg.side, account=leg.account_id)
    if leg.account_id in entries.HOUSE_ACCOUNTS:
        raise AccountNotOpen(field=leg.side, account=leg.account_id, standing="clearinghouse")
    held = account.lots(it.symbol)
    if account.standing is not Standing.OPEN:
        sheds = account.standing is Standing.SUSPENDED and shrinks(held=held, by=leg.lots)
        if not sheds:
            raise AccountNotOpen(field=leg.side, account=leg.account_id, standing=account.standing)
    value = leg_value(it, lots=leg.lots, ticks=leg.price_ticks)
    cost, paid = (0, -value)
    if it.carried_at_cost:
        cost, paid = carried(held=held, cost=account.cost(it.symbol), lots=leg.lots, value=value)
    spot = it.kind is Kind.SPOT
    delivered = amounts.exact(it.lot_size * leg.lots, scale=it.underlying_scale) if spot else 0
    fact = TradeNovated(
        account_id=leg.account_id,
        trade_id=leg.trade_id,
        venue=leg.venue,
        symbol=it.symbol,
        lots=leg.lots,
        price_ticks=leg.price_ticks,
        settlement=it.settlement,
        cash=amounts.fitting(paid),
        cost=amounts.fitting(cost),
        underlying=it.underlying if spot else "",
        delivered=delivered,
    )
    return _holdable(account, fact, field="quantity")


def shrinks(*, held: int, by: int) -> bool:
    """True when the holding gets smaller without changing side."""
    left = held + by
    return abs(left) < abs(held) and left * held >= 0


def carried(*, held: int, cost: int, lots: int, value: int) -> tuple[int, int]:
    """Change of cost and of cash when a position carried at cost trades `lots` for `value`.

    Growing adds to the cost. Shrinking releases the cost of the part that leaves, pro rata, and
    pays its gain or loss in cash; so cash - cost always changes by exactly -value, and a flat
    position has no cost left.
    """
    if held * lots >= 0:
        return value, 0
    leaving = min(abs(lots), abs(held))
    released = pro_rata(cost, part=leaving, whole=abs(held))
    value_leaving = pro_rata(value, part=leaving, whole=abs(lots))
    return (value - value_leaving) - released, -value_leaving - released


def pro_rata(amount: int, *, part: int, whole: int) -> int:
    """Toward zero; exact for the whole."""
    share = abs(amount) * part // whole
    return share if amount >= 0 else -share


def deposit(account: Account, *, deposit_id: str, asset: str, amount: int) -> CollateralDeposited:
    """Taken from open and from suspended accounts: paying in is how trouble ends.

    What waits to be paid out may come back, so it must fit beside it.
    """
    if account.standing not in (Standing.OPEN, Standing.SUSPENDED):
        raise AccountNotOpen(field="account", account=account.account_id, standing=account.standing)
    waiting = sum(each for waits, each in account.waiting.values() if waits == asset)
    amounts.fitting(account.cash(asset) + waiting + amount, field="amount")
    return CollateralDeposited(
        account_id=account.account_id,
        deposit_id=deposit_id,
        asset=asset,
        amount=amounts.positive(amounts.fitting(amount), field="amount"),
    )


def request_withdrawal(
    account: Account, *, withdrawal_id: str, asset: str, amount: int
) -> WithdrawalRequested:
    """Raises AccountNotOpen, BalanceTooSmall, AmountOutOfRange."""
    _must_be(account, Standing.OPEN)
    amounts.positive(amounts.fitting(amount), field="amount")
    if account.free(asset) < amount:
        raise BalanceTooSmall(field="amount", asset=asset, free=account.free(asset), asked=amount)
    return WithdrawalRequested(
        account_id=account.account_id, withdrawal_id=withdrawal_id, asset=asset, amount=amount
    )


def settle_withdrawal(account: Account, *, withdrawal_id: str) -> WithdrawalSettled:
    asset, amount = _waiting(account, withdrawal_id)
    return WithdrawalSettled(
        account_id=account.account_id, withdrawal_id=withdrawal_id, asset=asset, amount=amount
    )


def refuse_withdrawal(
    account: Account, *, withdrawal_id: str, code: str, reason: str
) -> WithdrawalRefused:
    asset, amount = _waiting(account, withdrawal_id)
    return WithdrawalRefused(
        account_id=account.account_id,
        withdrawal_id=withdrawal_id,
        asset=asset,
        amount=amount,
        code=code,
        reason=reason,
    )


def charge_penalty(account: Account, *, asset: str, amount: int, reason: str) -> PenaltyCharged:
    return PenaltyCharged(
        account_id=account.account_id,
        asset=asset,
        amount=amounts.positive(amounts.fitting(amount), field="amount"),
        reason=reason,
    )


def _holdable(account: Account, fact: TradeNovated, *, field: str) -> TradeNovated:
    """The fact itself, if the account can hold what it leads to. Raises AmountOutOfRange."""
    for entry in entries.effects(fact):
        if entry.account == account.account_id:
            amounts.fitting(account.holdings.get(entry.asset, 0) + entry.amount, field=field)
    return fact


def _waiting(account: Account, withdrawal_id: str) -> tuple[str, int]:
    if withdrawal_id not in account.waiting:
        raise WithdrawalUnknown(field="withdrawal_id", withdrawal=withdrawal_id)
    return account.waiting[withdrawal_id]


def _must_be(account: Account, standing: Standing) -> None:
    if account.standing is not standing:
        raise AccountNotOpen(field="account", account=account.account_id, standing=account.standing)
