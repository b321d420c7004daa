"""Questions: positions, balances, prices, one stream, the trail of one request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from clearing import codec, models
from clearing.domain import amounts, entries, prices
from clearing.domain.account import Account, Standing
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound
from clearing.domain.instrument import Instrument, InstrumentUnknown, Kind, Payoff, Status
from clearing.domain.policy import Policy
from clearing.domain.prices import PriceMissing, PriceSet
from clearing.domain.scope import Scope, may_see
from clearing.store import Recorded


class AssetUnknown(InstrumentUnknown):
    code = "asset-unknown"
    says = "The house does not hold this asset."
    remedy = "Admit it first, or check its code."


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPrices:
    """The price set in force and its place in the log."""

    sequence: int
    name: str
    at: datetime
    settled: bool
    prices: PriceSet


# --- accounts ---------------------------------------------------------------------------------


def account_row(account_id: str) -> AccountRow:
    """Raises NotFound."""
    row = models.AccountState.objects.filter(account=account_id).first()
    if row is None:
        raise NotFound(field="account", account=account_id)
    return _account_row(row)


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
    row = models.AccountState.objects.filter(account=account_id).first()
    if row is None:
        return Account(account_id=account_id)
    waiting = models.Withdrawal.objects.filter(account=account_id, status="requested")
    return Account(
        account_id=account_id,
        standing=Standing(row.standing),
        holdings=holdings(account_id),
        waiting={it.withdrawal_id: (it.asset, it.amount) for it in waiting},
    )


def holdings(account_id: str) -> dict[str, int]:
    """asset -> amount, as entries name assets. For the house's own accounts, summed from entries."""
    if account_id in entries.HOUSE_ACCOUNTS:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT asset, sum(amount)::bigint FROM clearing_entry WHERE account = %s"
                " GROUP BY asset HAVING sum(amount) <> 0 ORDER BY asset",
                [account_id],
            )
            return dict(cursor.fetchall())
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


# --- reference --------------------------------------------------------------------------------


def scales() -> dict[str, int]:
    return dict(models.Asset.objects.values_list("asset", "scale"))


def scale(asset: str) -> int:
    """Raises AssetUnknown."""
    found = models.Asset.objects.filter(asset=asset).values_list("scale", flat=True).first()
    if found is None:
        raise AssetUnknown(field="asset", asset=asset)
    return found


def instrument(symbol: str) -> Instrument:
    """Raises InstrumentUnknown."""
    found = instruments([symbol])
    if symbol not in found:
        raise InstrumentUnknown(field="symbol", symbol=symbol)
    return found[symbol]


def instruments(symbols: Iterable[str] | None = None) -> dict[str, Instrument]:
    """Resolved terms by symbol; all of them without an argument."""
    rows = models.Instrument.objects.order_by("symbol")
    if symbols is not None:
        rows = rows.filter(symbol__in=list(symbols))
    digits = scales()
    return {row.symbol: _resolved(row, digits) for row in rows}


def shared_instruments(symbols: Iterable[str]) -> dict[str, Instrument]:
    """The same, held as they are until the transaction ends; any number may share them.

    Taken before account streams are claimed, as `locked_instrument` is.
    """
    named = list(symbols)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM clearing_instrument WHERE symbol = ANY (%s) ORDER BY symbol FOR KEY SHARE",
            [named],
        )
    return instruments(named)


def locked_instrument(symbol: str) -> Instrument:
    """Held alone, after whoever shares it. Raises InstrumentUnknown."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM clearing_instrument WHERE symbol = %s FOR UPDATE", [symbol])
    return instrument(symbol)


def expiring(*, at: datetime) -> list[str]:
    """Listed or halted instruments whose expiry has passed, in order of expiry."""
    rows = models.Instrument.objects.filter(expiry_at__lte=at).exclude(status="expired")
    return list(rows.order_by("expiry_at", "symbol").values_list("symbol", flat=True))


def _resolved(row: models.Instrument, digits: Mapping[str, int]) -> Instrument:
    return Instrument(
        symbol=row.symbol,
        kind=Kind(row.kind),
        payoff=Payoff(row.payoff),
        underlying=row.underlying,
        quote=row.quote,
        settlement=row.settlement,
        scale=digits[row.settlement],
        underlying_scale=digits[row.underlying],
        lot_size=Decimal(row.lot_size),
        tick_size=Decimal(row.tick_size),
        expiry_at=row.expiry_at,
        strike=Decimal(row.strike) if row.strike else None,
        is_call=row.option_type == "call" if row.option_type else None,
        status=Status(row.status),
    )


def policy() -> Policy:
    row = models.HousePolicy.objects.filter(id=1).first()
    if row is None:
        return Policy()
    return Policy(
        price_max_age_seconds=row.price_max_age_seconds,
        penalty_rate=Decimal(row.penalty_rate),
        margin_period_seconds=row.margin_period_seconds,
    )


# --- time and prices --------------------------------------------------------------------------


def business_clock() -> models.Clock | None:
    return models.Clock.objects.filter(id=1).first()


def latest_prices() -> SealedPrices:
    """Raises PriceMissing before the first set."""
    row = models.PriceSet.objects.order_by("-sequence").first()
    if row is None:
        raise PriceMissing(field="price_set", set="none sealed yet")
    return _sealed(row)


def prices_at(sequence: int) -> SealedPrices:
    """The set sealed at this sequence. Raises NotFound."""
    row = models.PriceSet.objects.filter(sequence=sequence).first()
    if row is None:
        raise NotFound(field="price_set", sequence=sequence)
    return _sealed(row)


def price_sets() -> QuerySet[models.PriceSet]:
    return models.PriceSet.objects.order_by("-sequence")


def _sealed(row: models.PriceSet) -> SealedPrices:
    return SealedPrices(
        sequence=row.sequence,
        name=row.name,
        at=row.at,
        settled=row.settled,
        prices=_body(row.name),
    )


@lru_cache(maxsize=8)
def _body(name: str) -> PriceSet:
    """Named by its content, so it may be kept."""
    return prices.read(models.PriceBody.objects.values_list("body", flat=True).get(name=name))


# --- the log ----------------------------------------------------------------------------------


def recorded(sequence: int) -> Recorded:
    """Raises NotFound."""
    row = models.Event.objects.filter(sequence=sequence).first()
    if row is None:
        raise NotFound(field="sequence", sequence=sequence)
    return as_recorded(row)


def as_recorded(row: models.Event) -> Recorded:
    return Recorded(
        sequence=row.sequence,
        stream=row.stream,
        version=row.version,
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        cause=Cause(actor=row.actor, correlation_id=row.correlation_id, sequence=row.cause),
        fact=codec.decode(row.name, row.payload),
    )


def stream(name: str) -> Iterator[Recorded]:
    for row in models.Event.objects.filter(stream=name).order_by("version").iterator():
        yield as_recorded(row)


def sealed_up_to() -> int:
    return models.SealState.objects.values_list("last", flat=True).get(id=1)


def facts_after(sequence: int, *, streams: Iterable[str] | None, limit: int) -> list[Recorded]:
    """The next sealed facts past a sequence, so that a reader never has to look back."""
    rows = models.Event.objects.filter(sequence__gt=sequence, sequence__lte=sealed_up_to())
    if streams is not None:
        rows = rows.filter(stream__in=list(streams))
    return [as_recorded(row) for row in rows.order_by("sequence")[:limit]]


def trail(correlation_id: str) -> list[Recorded]:
    """Everything one request or case led to, in order: every fact copied its cause's id."""
    rows = models.Event.objects.filter(correlation_id=correlation_id).order_by("sequence")
    return [as_recorded(row) for row in rows]


def trial_balance() -> list[tuple[str, int, int]]:
    """(asset, what members hold, what the house holds): the two sum to zero in every row."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT asset,
                   coalesce(sum(amount) FILTER (WHERE account <> ALL (%s)), 0)::bigint,
                   coalesce(sum(amount) FILTER (WHERE account = ANY (%s)), 0)::bigint
            FROM clearing_entry GROUP BY asset ORDER BY asset
            """,
            [list(entries.HOUSE_ACCOUNTS), list(entries.HOUSE_ACCOUNTS)],
        )
        rows: list[tuple[str, int, int]] = cursor.fetchall()
        return rows


# --- jobs -------------------------------------------------------------------------------------


def open_jobs() -> int:
    return models.Job.objects.filter(state__in=["due", "leased"]).count()


def jobs() -> QuerySet[models.Job]:
    return models.Job.objects.order_by("-id")


def oldest_due() -> datetime | None:
    rows = models.Job.objects.filter(state__in=["due", "leased"]).order_by("not_before")
    return rows.values_list("not_before", flat=True).first()


def dead_jobs() -> QuerySet[models.Job]:
    return models.Job.objects.filter(state="dead").order_by("id")


def shown(asset: str, minor: int, digits: Mapping[str, int] | None = None) -> str:
    """Minor units as the decimal string doors use."""
    return format(amounts.shown(minor, scale=(digits or scales())[asset]), "f")


def json_facts(found: Iterable[Recorded]) -> list[dict[str, Any]]:
    """Facts as doors show them: place, times, cause and content."""
    return [
        {
            "sequence": it.sequence,
            "stream": it.stream,
            "version": it.version,
            "name": it.fact.NAME,
            "effective_at": it.effective_at,
            "recorded_at": it.recorded_at,
            "actor": it.cause.actor,
            "correlation_id": it.cause.correlation_id,
            "cause": it.cause.sequence,
            "fact": {name: getattr(it.fact, name) for name in it.fact.__dataclass_fields__},
        }
        for it in found
    ]


# --- books ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BookColumns:
    """Accounts and what they hold, as columns; `row` is the place of its account in `accounts`."""

    accounts: list[str]
    versions: list[int]
    sequences: list[int]
    row: list[int]
    asset: list[str]
    amount: list[int]


def live_book(accounts: Iterable[str]) -> BookColumns:
    """The accounts as they are now, in one snapshot, in the order of their names."""
    with connection.cursor() as cursor:
        cursor.execute(_LIVE_BOOK, [list(accounts)])
        return _columns(cursor.fetchall())


def frozen_book(book: str, *, first: int, last: int) -> BookColumns:
    """Accounts `first` up to but not including `last` of a frozen book."""
    with connection.cursor() as cursor:
        cursor.execute(_FROZEN_BOOK, [book, first, last])
        return _columns(cursor.fetchall())


def _columns(rows: list[tuple[str, int, int, str | None, int | None]]) -> BookColumns:
    """Rows are ordered by account; one that holds nothing has one row without an asset."""
    book = BookColumns(accounts=[], versions=[], sequences=[], row=[], asset=[], amount=[])
    for account_id, version, sequence, asset, amount in rows:
        if not book.accounts or book.accounts[-1] != account_id:
            book.accounts.append(account_id)
            book.versions.append(version)
            book.sequences.append(sequence)
        if asset is not None and amount is not None:
            book.row.append(len(book.accounts) - 1)
            book.asset.append(asset)
            book.amount.append(amount)
    return book


_LIVE_BOOK = """
    SELECT state.account, state.version, state.sequence, held.asset, held.amount
    FROM clearing_accountstate AS state LEFT JOIN clearing_holding AS held USING (account)
    WHERE state.account = ANY (%s) AND state.kind <> 'clearinghouse'
    ORDER BY state.account, held.asset
"""
_FROZEN_BOOK = """
    SELECT it.account, it.version, it.sequence, held.asset, held.amount
    FROM clearing_frozenaccount AS it LEFT JOIN clearing_frozenholding AS held
        ON held.book = it.book AND held.ordinal = it.ordinal
    WHERE it.book = %s AND it.ordinal >= %s AND it.ordinal < %s
    ORDER BY it.ordinal, held.asset
"""


def settled_accounts(expiry: int) -> int:
    """How many accounts were paid out because of an instrument's expiry fact."""
    return models.Event.objects.filter(
        cause=expiry, name="clearing.contract-settled.v1", sequence__gt=expiry
    ).count()


# --- what a caller may see --------------------------------------------------------------------


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


def symbols(*, after: str = "", limit: int | None = None) -> list[str]:
    rows = models.Instrument.objects.filter(symbol__gt=after).order_by("symbol")
    return list(rows.values_list("symbol", flat=True)[:limit])


def assets_named(streams: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    """Stream -> (version, asset) of each fact that names one: what its later amounts are in."""
    rows = models.Event.objects.filter(stream__in=list(streams), payload__contains='"asset":')
    found: dict[str, list[tuple[int, str]]] = {}
    for row in rows.order_by("stream", "version"):
        found.setdefault(row.stream, []).append((row.version, as_recorded(row).fact.asset))
    return found


def book(account_id: str) -> tuple[int, dict[str, int]]:
    """An account's holdings and the sequence of its latest fact in them, from one snapshot."""
    columns = live_book([account_id])
    if not columns.accounts:  # the house's own: summed from entries, which may be moving
        return account_row(account_id).sequence, holdings(account_id)
    return columns.sequences[0], dict(zip(columns.asset, columns.amount, strict=True))


def withdrawal_of(account_id: str, withdrawal_id: str) -> models.Withdrawal:
    """Raises NotFound, also for another account's."""
    found = withdrawals(account_id).filter(withdrawal_id=withdrawal_id).first()
    if found is None:
        raise NotFound(field="withdrawal_id", withdrawal=withdrawal_id)
    return found
