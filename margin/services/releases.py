"""Whether an account may let go of what it asks for: the test every release has to pass.

The account is margined without what leaves. It must keep its initial level at the sealed prices and
at stressed ones, and without what its positions have gained and nobody has paid yet: a gain becomes
money when it is settled, and until then it lets nothing out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from clearing import selectors as record
from clearing.domain import amounts, outflows, prices
from clearing.domain.outflows import OutflowTooLarge, Wait
from clearing.domain.prices import PriceStale
from clearing.selectors import BookColumns, PositionRow
from margin.domain.exposure import exposed_rows
from margin.services import results, stress
from margin.services.results import Pins


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What the account was margined at without what leaves; `reason` is why it could not be."""

    asset: str
    equity: int
    initial: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`free` and `stressed_free` are what would be left above the initial level; no code is a yes."""

    asset: str
    free: int = 0
    stressed_free: int = 0
    code: str = ""
    reason: str = ""


def judge(columns: BookColumns, pins: Pins, levels: Levels, *, at: datetime) -> Verdict:
    limit = record.policy().price_max_age_seconds
    try:
        prices.check_fresh(sealed_at=pins.sealed.at, at=at, max_age_seconds=limit)
    except PriceStale as stale:
        return Verdict(asset=levels.asset, code=stale.code, reason=stale.sentence)
    if levels.reason:
        return Verdict(asset=levels.asset, code="requirement-unknown", reason=levels.reason)
    free = levels.equity - levels.initial
    if free < 0:
        return _short(levels.asset, "margin-short", free, "below its initial level")
    gains = unsettled_gains(columns, pins)
    if free < gains:
        says = "below its initial level without gains that are not settled"
        return _short(levels.asset, "gains-unsettled", free - gains, says)
    exposed = exposed_rows(columns.row, columns.asset, columns.amount)
    stressed = stress.free(columns, pins) if exposed else None  # no price makes it owe anything
    stressed_free = free if stressed is None else min(free, stressed)
    if stressed_free < gains:
        says = "below its initial level if prices move against it"
        return _short(levels.asset, "stressed-short", stressed_free - gains, says)
    return Verdict(asset=levels.asset, free=free - gains, stressed_free=stressed_free - gains)


def of_the_same_member(account_id: str, pins: Pins) -> Verdict | None:
    """A member stands for all its accounts: nothing leaves one while another is below its maintenance
    level, or risk could be moved into an empty account and the money out of the other. None where
    no account stands in the way."""
    member = record.account_row(account_id).member_id
    named = [it.account_id for it in record.account_rows(member_id=member)]
    others = [it for it in named if it != account_id]
    for row in results.of(record.live_book(others), pins) if others else ():
        if row["reason"] or row["equity"] < row["maintenance"]:
            says = row["reason"] or "below its maintenance level"
            reason = f"another account of the member, {row['account']}, stands in the way: {says}"
            return Verdict(asset=pins.rules.reporting, code="member-short", reason=reason)
    return None


def _short(asset: str, code: str, free: int, says: str) -> Verdict:
    reason = f"the account would be {record.shown(asset, -free)} {asset} {says}"
    return Verdict(asset=asset, free=free, code=code, reason=reason)


def unsettled_gains(columns: BookColumns, pins: Pins) -> int:
    """Minor units of the reporting asset that the one account's futures and perpetuals have gained
    and not been paid, losses set against them; rounded up, and never negative."""
    held = dict(zip(columns.asset, columns.amount, strict=True))
    return _gains(record.positions(held, pins.sealed), pins)


def _gains(rows: Iterable[PositionRow], pins: Pins) -> int:
    digits, reporting = record.scales(), pins.rules.reporting
    total = Decimal(0)
    for row in rows:
        if not row.terms.carried_at_cost or row.value is None:
            continue
        asset = row.terms.settlement
        price = Decimal(1) if asset == reporting else pins.sealed.prices.index(asset)
        total += amounts.shown(row.value, scale=digits[asset]) * price
    return max(0, amounts.owed(total, scale=digits[reporting]))


def room(
    asset: str, amount: int, *, account_id: str, sequence: int, at: datetime
) -> Wait | OutflowTooLarge | None:
    """Whether the hour has room for it. Ask while the asset's stream is claimed, so that of two at
    once the second sees the first."""
    terms = record.collateral_schedule(at=at).of(asset)
    sides = record.outflow_sides(asset, account_id=account_id, before=sequence, terms=terms, at=at)
    try:
        return outflows.check(amount, sides=sides, now=at)
    except OutflowTooLarge as never:
        return never
