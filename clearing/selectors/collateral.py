"""The schedule, lots and what they count for, substitutions and what waits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache

from django.db import connection
from django.db.models import QuerySet

from clearing import models
from clearing.domain import collateral, entries, lots, schedule, substitution, withdrawal
from clearing.domain.asset import AssetKind
from clearing.domain.collateral import Leverage, Setting, Valued
from clearing.domain.errors import NotFound
from clearing.domain.events.schedule import FACTS
from clearing.domain.instrument import Instrument, Kind, Payoff
from clearing.domain.lots import Against, Lot
from clearing.domain.prices import PriceMissing
from clearing.domain.schedule import Announced, Schedule
from clearing.selectors.books import BookColumns, live_book
from clearing.selectors.market import SealedPrices, latest_prices
from clearing.selectors.reference import instruments, scales

SubstitutionRow = models.Substitution  # for whoever is handed one and may not see the tables
CASH = entries.cash("")
LOTS = entries.lots("")

# --- the schedule -------------------------------------------------------------------------------


def announced() -> list[Announced]:
    """All that was ever announced, in order."""
    return [
        Announced(
            sequence=row.sequence,
            announced_at=row.announced_at,
            effective_from=row.effective_from,
            fact=_facts()[row.fact](**json.loads(row.body)),
        )
        for row in models.CollateralTerm.objects.order_by("sequence")
    ]


@cache
def _facts() -> dict[str, type]:
    return {fact.NAME: fact for fact in FACTS}  # type: ignore[attr-defined]


def collateral_schedule(*, at: datetime) -> Schedule:
    """The terms in force at a time of business, now or then."""
    return schedule.in_force(announced(), at=at)


def assets_held() -> set[str]:
    """Assets that any member has a balance of or is waiting to be paid."""
    rows = models.Holding.objects.filter(asset__startswith=CASH)
    held = {asset.removeprefix(CASH) for asset in rows.values_list("asset", flat=True).distinct()}
    pending = models.Withdrawal.objects.filter(status__in=withdrawal.PENDING)
    return held | set(pending.values_list("asset", flat=True))


# --- what collateral counts for -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Accounts:
    """What the accounts of a book hold, each asset of theirs once, by the account's row."""

    cash: Mapping[int, dict[str, int]]
    exposure: Mapping[int, dict[str, int]] = field(default_factory=dict)
    member: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, dict[str, int]] = field(default_factory=dict)  # account -> asset


def valued(
    columns: BookColumns,
    sealed: SealedPrices,
    terms: Schedule,
    *,
    book: str | None = None,
    prices: Mapping[str, Decimal] | None = None,
) -> dict[int, list[Valued]]:
    """row -> each asset of that account, valued on the sealed indices.

    `book` names the frozen book the accounts are of; then what their member has elsewhere is of that
    book too. `prices` may stand in for the sealed indices: what if they were others.
    """
    if not terms.opened:
        return {}
    found = _accounts(columns, sealed, terms, book=book)
    digits, tokens = scales(), leveraged()
    indices = {asset: Decimal(price) for asset, price in sealed.prices.indices.items()}
    return {
        row: collateral.value(
            cash,
            on=Setting(
                schedule=terms,
                prices=prices or indices,
                scales=digits,
                member_id=found.member.get(columns.accounts[row], ""),
                elsewhere=found.elsewhere.get(columns.accounts[row], {}),
                exposure=found.exposure.get(row, {}),
                leveraged=tokens,
            ),
        )
        for row, cash in found.cash.items()
    }


def leveraged() -> dict[str, Leverage]:
    """Asset -> what it follows, of every asset described as a leveraged token."""
    rows = models.AssetProfile.objects.filter(kind=AssetKind.LEVERAGED_TOKEN)
    return {
        row.asset: Leverage(underlying=row.underlying, times=Decimal(row.leverage)) for row in rows
    }


def _accounts(
    columns: BookColumns, sealed: SealedPrices, terms: Schedule, *, book: str | None
) -> _Accounts:
    cash: dict[int, dict[str, int]] = {}
    for row, asset, amount in zip(columns.row, columns.asset, columns.amount, strict=True):
        if asset.startswith(CASH) and amount > 0:
            cash.setdefault(row, {})[asset.removeprefix(CASH)] = amount
    each = terms.terms.values()
    of_members = any(
        it.issuer or it.member_limit is not None or it.member_share is not None for it in each
    )
    watched = {it.underlying for it in each if it.underlying and it.wrong_way_cut}
    member = _members(columns.accounts) if of_members else {}
    return _Accounts(
        cash=cash,
        exposure=_exposures(columns, sealed, watched, terms.reporting) if watched else {},
        member=member,
        elsewhere=_elsewhere(member, book=book),
    )


def _members(accounts: Sequence[str]) -> dict[str, str]:
    rows = models.AccountState.objects.filter(account__in=accounts)
    return dict(rows.values_list("account", "member"))


def _elsewhere(member: Mapping[str, str], *, book: str | None) -> dict[str, dict[str, int]]:
    """account -> what the other accounts of its member hold of each asset."""
    if not member:
        return {}
    with connection.cursor() as cursor:
        members = sorted(set(member.values()))
        cursor.execute(_OF_FROZEN if book else _OF_MEMBERS, {"members": members, "book": book})
        rows = cursor.fetchall()
    found: dict[str, dict[str, int]] = {account: {} for account in member}
    of: dict[str, list[tuple[str, str, int]]] = {}
    for name, account, asset, amount in rows:
        of.setdefault(name, []).append((account, asset.removeprefix(CASH), amount))
    for account, name in member.items():
        for other, asset, amount in of.get(name, []):
            if other != account:
                found[account][asset] = found[account].get(asset, 0) + amount
    return found


def _exposures(
    columns: BookColumns, sealed: SealedPrices, watched: set[str], reporting: str
) -> dict[int, dict[str, int]]:
    """What each account would lose if the underlying went to nothing, near enough: its value at the
    mark, an option's at the index and by its direction. Negative is a gain."""
    symbols = {it.removeprefix(LOTS) for it in columns.asset if it.startswith(LOTS)}
    terms = {s: it for s, it in instruments(symbols).items() if it.underlying in watched}
    scale = scales()[reporting]
    worth = {symbol: _exposed(it, sealed) for symbol, it in terms.items()}
    found: dict[int, dict[str, int]] = {}
    for row, asset, amount in zip(columns.row, columns.asset, columns.amount, strict=True):
        symbol = asset.removeprefix(LOTS)
        if asset.startswith(LOTS) and symbol in terms:
            mine = found.setdefault(row, {})
            money = int((worth[symbol] * amount).scaleb(scale))
            underlying = terms[symbol].underlying
            mine[underlying] = mine.get(underlying, 0) + money
    return found


def _exposed(it: Instrument, sealed: SealedPrices) -> Decimal:
    """Money one long lot is long of its underlying."""
    quote, index = sealed.prices.quotes.get(it.symbol), sealed.prices.indices.get(it.underlying)
    if it.kind is Kind.OPTION:
        sign = 1 if it.is_call else -1
        return sign * it.lot_size * Decimal(index or 0)
    if it.payoff is Payoff.INVERSE:
        return it.lot_size
    return it.lot_size * Decimal(quote.mark if quote else index or 0)


# --- lots ---------------------------------------------------------------------------------------


def lots_of(account_id: str) -> dict[str, list[Lot]]:
    """asset -> the account's lots, oldest first."""
    found: dict[str, list[Lot]] = {}
    rows = models.CollateralLot.objects.filter(account=account_id)
    for row in rows.order_by("asset", "deposited_at", "sequence", "lot_id"):
        found.setdefault(row.asset, []).append(
            Lot(
                lot_id=row.lot_id,
                asset=row.asset,
                units=row.units,
                custodian=row.custodian,
                deposited_at=row.deposited_at,
                sequence=row.sequence,
                encumbered_by=row.encumbered_by,
            )
        )
    return found


def lots_leaving(account_id: str, withdrawal_id: str) -> list[Lot]:
    """What is promised to a withdrawal; what has no lot is settled cash."""
    by = lots.encumbrance(lots.WITHDRAWAL, withdrawal_id)
    return [lot for each in lots_of(account_id).values() for lot in each if lot.encumbered_by == by]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLots:
    """An asset of an account: its lots against the balance, and what the balance counts for."""

    asset: str
    balance: int
    against: Against
    leaving: list[Lot]  # promised to a withdrawal: out of the balance, not out of the house
    valued: Valued | None  # None without a schedule, prices or a balance


def collateral_of(
    account_id: str, *, held: Mapping[str, int], found: Iterable[Valued]
) -> list[AssetLots]:
    balances = {
        asset.removeprefix(CASH): amount
        for asset, amount in held.items()
        if asset.startswith(CASH) and amount
    }
    mine, worth = lots_of(account_id), {it.asset: it for it in found}
    return [
        AssetLots(
            asset=asset,
            balance=balances.get(asset, 0),
            against=lots.against(mine.get(asset, []), balances.get(asset, 0)),
            leaving=[
                lot
                for lot in mine.get(asset, [])
                if lot.encumbered_by.startswith(f"{lots.WITHDRAWAL}:")
            ],
            valued=worth.get(asset),
        )
        for asset in sorted(balances.keys() | mine.keys())
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCollateral:
    """An account's collateral at a time of business, on the latest sealed set."""

    account_id: str
    at: datetime
    schedule: Schedule
    price_sequence: int | None
    assets: list[AssetLots]


def account_collateral(account_id: str, *, at: datetime) -> AccountCollateral:
    columns, terms = live_book([account_id]), collateral_schedule(at=at)
    try:
        sealed = latest_prices()
    except PriceMissing:
        sealed = None
    found = valued(columns, sealed, terms).get(0, []) if sealed else []
    held = dict(zip(columns.asset, columns.amount, strict=True))
    return AccountCollateral(
        account_id=account_id,
        at=at,
        schedule=terms,
        price_sequence=sealed.sequence if sealed else None,
        assets=collateral_of(account_id, held=held, found=found),
    )


# --- substitutions and what waits ---------------------------------------------------------------


def substitutions(account_id: str) -> QuerySet[models.Substitution]:
    return models.Substitution.objects.filter(account=account_id).order_by("-sequence")


def substitution_of(account_id: str, substitution_id: str) -> models.Substitution:
    """Raises NotFound, also for another account's."""
    found = substitutions(account_id).filter(substitution_id=substitution_id).first()
    if found is None:
        raise NotFound(field="substitution_id", substitution=substitution_id)
    return found


def substitutions_due(*, at: datetime) -> list[models.Substitution]:
    """Open ones whose deadline has come."""
    rows = models.Substitution.objects.filter(state__in=substitution.OPEN, expires_at__lte=at)
    return list(rows.order_by("sequence"))


def substitutions_waiting(*, at: datetime) -> list[models.Substitution]:
    """Those whose time for another look has come."""
    rows = models.Substitution.objects.filter(state=substitution.State.WAITING, goes_at__lte=at)
    return list(rows.order_by("sequence"))


def withdrawals_waiting(*, at: datetime) -> list[models.Withdrawal]:
    rows = models.Withdrawal.objects.filter(status=withdrawal.State.WAITING, goes_at__lte=at)
    return list(rows.order_by("sequence"))


_OF_MEMBERS = """
    SELECT state.member, state.account, held.asset, held.amount
    FROM clearing_accountstate AS state JOIN clearing_holding AS held USING (account)
    WHERE state.member = ANY (%(members)s) AND held.asset LIKE 'cash:%%' AND held.amount > 0
"""
_OF_FROZEN = """
    SELECT state.member, state.account, held.asset, held.amount
    FROM clearing_accountstate AS state
    JOIN clearing_frozenaccount AS it ON it.account = state.account AND it.book = %(book)s
    JOIN clearing_frozenholding AS held ON held.book = it.book AND held.ordinal = it.ordinal
    WHERE state.member = ANY (%(members)s) AND held.asset LIKE 'cash:%%' AND held.amount > 0
"""
