"""Porting: everything an account has open goes to another account, in one decision, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from clearing import selectors, store
from clearing.domain import account, entries, parts
from clearing.domain.account import AccountNotOpen, Standing
from clearing.domain.cause import Cause
from clearing.domain.entries import cash
from clearing.domain.errors import Refusal
from clearing.domain.events import AccountPorted, CollateralPorted
from clearing.services import allocations, claimed
from clearing.services.claimed import Claimed, Request


class PortNotWhole(Refusal):
    code = "port-not-whole"
    says = "Not everything can move, so nothing does."


def port(
    account_id: str, to_account: str, *, key: str, reason: str, at: datetime, cause: Cause
) -> int:
    """Every position, at what is carried for it; no cash moves.

    Busts of trades that the positions came from find them with the new account. Raises NotFound,
    PortNotWhole, AccountNotOpen.
    """
    return _port(
        account_id, to_account, succession=False, key=key, reason=reason, at=at, cause=cause
    )


def succeed(
    account_id: str, to_account: str, *, key: str, reason: str, at: datetime, cause: Cause
) -> int:
    """Positions and collateral, debts too: the new account answers for all the old one's trades.

    Raises as `port`.
    """
    return _port(
        account_id, to_account, succession=True, key=key, reason=reason, at=at, cause=cause
    )


@store.decision
def _port(
    account_id: str,
    to_account: str,
    *,
    succession: bool,
    key: str,
    reason: str,
    at: datetime,
    cause: Cause,
) -> int:
    asked = Request.of(cause, key, "port", account_id, to_account, succession)
    if (answer := asked.answer()) is not None:
        return answer
    held = selectors.holdings(account_id)
    terms = selectors.shared_instruments(_symbols(held))
    books = claimed.claim([account_id, to_account])
    if (answer := asked.answer()) is not None:
        return answer
    _check(books, account_id, to_account)
    gives = books.account(account_id)
    symbols = _symbols(gives.holdings)
    if not set(symbols) <= set(terms):
        raise PortNotWhole(account=account_id, why="it traded something new at that moment")
    assets = sorted(it for it in gives.holdings if it.startswith(cash(""))) if succession else []
    move_id = allocations.new_id(account_id, "port", key)
    books.decide(
        AccountPorted(
            account_id=account_id,
            to_account=to_account,
            move_id=move_id,
            positions=len(symbols),
            balances=len(assets),
            succession=succession,
            reason=reason,
        )
    )
    why = "succession" if succession else "port"
    for symbol in symbols:
        it, lots, value = terms[symbol], gives.lots(symbol), gives.cost(symbol)
        for each, other, sign in ((account_id, to_account, -1), (to_account, account_id, 1)):
            books.decide(
                parts.position_moved(
                    books.account(each),
                    it,
                    lots=sign * lots,
                    value=sign * value,
                    counterpart=other,
                    gives=sign < 0,
                    why=why,
                    move_id=move_id,
                )
            )
    for asset in assets:
        _pass_on(books, account_id, to_account, asset, gives.holdings[asset], move_id)
    return asked.answered(books.record(at=at, cause=cause))


def _symbols(held: Iterable[str]) -> list[str]:
    prefix = entries.lots("")
    return sorted(it.removeprefix(prefix) for it in held if it.startswith(prefix))


def _check(books: Claimed, account_id: str, to_account: str) -> None:
    """Raises PortNotWhole, AccountNotOpen."""
    gives, takes = books.account(account_id), books.account(to_account)
    if gives.standing is Standing.CLOSED or account_id == to_account:
        raise AccountNotOpen(field="account", account=account_id, standing=gives.standing)
    if takes.standing is not Standing.OPEN or takes.kind == account.BACKSTOP:
        raise AccountNotOpen(field="to_account", account=to_account, standing=takes.standing)
    if gives.waiting:
        raise PortNotWhole(field="account", account=account_id, withdrawals=len(gives.waiting))
    if not gives.holdings:
        raise PortNotWhole(field="account", account=account_id, why="it has nothing")


def _pass_on(
    books: Claimed, account_id: str, to_account: str, asset: str, amount: int, move_id: str
) -> None:
    named = asset.removeprefix(cash(""))
    for each, other, sign in ((account_id, to_account, -1), (to_account, account_id, 1)):
        books.decide(
            CollateralPorted(
                account_id=each,
                counterpart=other,
                move_id=move_id,
                asset=named,
                amount=sign * amount,
            )
        )
