"""Accounts: standing, holdings, withdrawals, and who may look at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from clearing import models, store
from clearing.domain import entries
from clearing.domain.account import Account, Standing
from clearing.domain.errors import NotFound
from clearing.domain.scope import Scope, may_see
from clearing.domain.substitution import OPEN
from clearing.domain.withdrawal import PENDING
from clearing.store import Recorded

WithdrawalRow = models.Withdrawal  # for whoever is handed one and may not see the tables


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    account_id: str
    member_id: str
    kind: str
    title: str
    standing: str
    version: int
    sequence: int
    opened_at: datetime


def account_row(account_id: str) -> AccountRow:
    """Raises NotFound."""
    row = models.AccountState.objects.filter(account=account_id).first()
    if row is None:
        raise NotFound(field="account", account=account_id)
    return _account_row(row)


def latest_of(accounts: Iterable[str]) -> dict[str, int]:
    """Account -> sequence of its latest fact, of those that were opened."""
    rows = models.AccountState.objects.filter(account__in=list(accounts))
    return dict(rows.values_list("account", "sequence"))


def closed_among(accounts: Iterable[str]) -> set[str]:
    rows = models.AccountState.objects.filter(account__in=list(accounts), standing=Standing.CLOSED)
    return set(rows.values_list("account", flat=True))


def account_rows(*, member_id: str | None = None) -> list[AccountRow]:
    rows = models.AccountState.objects.order_by("account")
    if member_id is not None:
        rows = rows.filter(member=member_id)
    return [_account_row(row) for row in rows]


def _account_row(row: models.AccountState) -> AccountRow:
    return AccountRow(
        account_id=row.account,
        member_id=row.member,
        kind=row.kind,
        title=row.title,
        standing=row.standing,
        version=row.version,
        sequence=row.sequence,
        opened_at=row.opened_at,
    )


def account(account_id: str) -> Account:
    """The aggregate from its snapshot: rows written in the transaction of its last fact.

    Read it after claiming the account's stream, and it is the state at the stream's head.
    """
    found = accounts_by_id([account_id]).get(account_id, Account(account_id=account_id))
    if account_id in entries.HOUSE_ACCOUNTS:
        return replace(found, holdings=holdings(account_id))
    return found


def accounts_by_id(account_ids: Sequence[str]) -> dict[str, Account]:
    """Many aggregates from their snapshots, in one round trip; those that were opened."""
    (rows,) = store.ask([accounts_question(account_ids)])
    return accounts_of(rows)


def accounts_question(account_ids: Sequence[str]) -> store.Question:
    named = store.texts(account_ids)
    return store.Question(
        _ACCOUNTS, [named, named, named, store.texts(PENDING), named, store.texts(OPEN)]
    )


def accounts_of(rows: store.Rows) -> dict[str, Account]:
    """The accounts an `accounts_question` was answered with."""
    opened: dict[str, tuple[str, Standing]] = {}
    held: dict[str, dict[str, int]] = {}
    waiting: dict[str, dict[str, tuple[str, int]]] = {}
    promised: dict[str, dict[str, tuple[str, int]]] = {}
    for what, account_id, one, other, amount in rows:
        match what:
            case "stands":
                opened[account_id] = one, Standing(other)
            case "holds":
                held.setdefault(account_id, {})[one] = amount
            case "waits":
                waiting.setdefault(account_id, {})[one] = other, amount
            case _:
                promised.setdefault(account_id, {})[one] = other, amount
    return {
        account_id: Account(
            account_id=account_id,
            kind=kind,
            standing=standing,
            holdings=held.get(account_id, {}),
            waiting=waiting.get(account_id, {}),
            promised=promised.get(account_id, {}),
        )
        for account_id, (kind, standing) in opened.items()
    }


def holdings(account_id: str) -> dict[str, int]:
    """asset -> amount, as entries name assets. For the house's own accounts, summed from entries."""
    if account_id in entries.HOUSE_ACCOUNTS:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT asset, sum(amount) FROM clearing_entry WHERE account = %s"
                " GROUP BY asset HAVING sum(amount) <> 0 ORDER BY asset",
                [account_id],
            )
            # a sum over all members may be more than one member's column holds
            return {asset: int(amount) for asset, amount in cursor.fetchall()}
    rows = models.Holding.objects.filter(account=account_id).order_by("asset")
    return dict(rows.values_list("asset", "amount"))


def holders(symbol: str) -> list[str]:
    """Accounts that hold lots of the instrument or still carry a cost of it."""
    rows = models.Holding.objects.filter(asset__in=[entries.lots(symbol), entries.cost(symbol)])
    return sorted(set(rows.values_list("account", flat=True)))


def withdrawal(withdrawal_id: str) -> models.Withdrawal:
    """Raises NotFound."""
    row = models.Withdrawal.objects.filter(withdrawal_id=withdrawal_id).first()
    if row is None:
        raise NotFound(field="withdrawal_id", withdrawal=withdrawal_id)
    return row


def withdrawals(account_id: str) -> QuerySet[models.Withdrawal]:
    return models.Withdrawal.objects.filter(account=account_id).order_by("-sequence")


def withdrawal_of(account_id: str, withdrawal_id: str) -> models.Withdrawal:
    """Raises NotFound, also for another account's."""
    found = withdrawals(account_id).filter(withdrawal_id=withdrawal_id).first()
    if found is None:
        raise NotFound(field="withdrawal_id", withdrawal=withdrawal_id)
    return found


def owns(account_id: str, *, scope: Scope) -> bool:
    """Whether the account is the caller's to look at."""
    row = models.AccountState.objects.filter(account=account_id).first()
    return row is not None and may_see(scope, member_id=row.member)


def visible(account_id: str, *, scope: Scope) -> AccountRow:
    """The account, if it is the caller's. Raises NotFound alike for others' and for none."""
    row = models.AccountState.objects.filter(account=account_id).first()
    if row is None or not may_see(scope, member_id=row.member):
        raise NotFound(field="account", account=account_id)
    return _account_row(row)


def creditable(account_id: str, *, scope: Scope) -> AccountRow:
    """The account, if the caller may know that money could come to it.

    A custodian may of every member's; anybody else only of what is `visible`. Raises NotFound alike
    for the house's own, for others' and for none.
    """
    if scope.custodian is None:
        return visible(account_id, scope=scope)
    row = models.AccountState.objects.filter(account=account_id).first()
    if row is None or row.kind == "clearinghouse":
        raise NotFound(field="account", account=account_id)
    return _account_row(row)


def visible_accounts(
    scope: Scope, *, after: str = "", limit: int | None = None
) -> list[AccountRow]:
    """The caller's accounts past a name, in the order of their names."""
    rows = models.AccountState.objects.filter(account__gt=after).order_by("account")
    if not scope.sees_everything:
        rows = rows.filter(member=scope.member_id) if scope.member_id else rows.none()
    return [_account_row(row) for row in rows[:limit]]


def owned(facts: Iterable[Recorded], *, scope: Scope) -> list[Recorded]:
    """Of some facts, those about the caller's own accounts."""
    if scope.sees_everything:
        return list(facts)
    mine = {row.account_id for row in visible_accounts(scope)}
    return [it for it in facts if getattr(it.fact, "account_id", None) in mine]


_ACCOUNTS = """
    SELECT 'stands'::text, account, kind, standing, 0::bigint
    FROM clearing_accountstate WHERE account = ANY (%b::text[])
    UNION ALL
    SELECT 'holds', account, asset, '', amount FROM clearing_holding WHERE account = ANY (%b::text[])
    UNION ALL
    SELECT 'waits', account, withdrawal_id, asset, amount
    FROM clearing_withdrawal WHERE account = ANY (%b::text[]) AND status = ANY (%b::text[])
    UNION ALL
    SELECT 'promises', account, substitution_id, asset, amount
    FROM clearing_substitution WHERE account = ANY (%b::text[]) AND state = ANY (%b::text[])
"""
