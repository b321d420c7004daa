"""Settlement: what is in force, cycles and their lines, and what members owe and are owed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import QuerySet

from clearing import codec, models
from clearing.domain import cycles as moves
from clearing.domain import entries, prices
from clearing.domain.cycles import Schedule
from clearing.domain.errors import NotFound
from clearing.domain.events import LegUnwound, TradeNovated
from clearing.domain.events.cycles import PAID_AT_THE_TRADE
from clearing.domain.instrument import Kind
from clearing.domain.prices import PriceSet
from clearing.domain.scope import Scope
from clearing.domain.settlement import Fee, Moved

UNDER_WAY = (moves.State.OPENED, moves.State.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleSums:
    """What one instrument moved in a cycle, and how that is called."""

    kind: str
    moved: Moved


@dataclass(frozen=True, slots=True)
class Unsettled:
    """account -> its trades, and names of the trades that were undone where it had a part of them."""

    trades: dict[str, list[TradeNovated]] = field(default_factory=dict)
    unwound: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """What a member's accounts pay (negative) or receive in one cycle, in one asset, by its kind."""

    cycle_id: str
    member_id: str
    asset: str
    by_kind: Mapping[str, int]

    @property
    def net(self) -> int:
        """What changes hands now: what trades paid is shown, and was paid before."""
        return sum(cash for kind, cash in self.by_kind.items() if kind not in PAID_AT_THE_TRADE)


# --- in force ---------------------------------------------------------------------------------


def schedule() -> Schedule:
    row = models.SettlementSchedule.objects.filter(id=1).first()
    if row is None:
        return Schedule()
    return Schedule(
        times=moves.times_of(row.times), interval_minutes=row.interval_minutes, since=row.since
    )


def fees() -> dict[Kind, Fee]:
    rows = models.FeeInForce.objects.all()
    return {
        Kind(row.kind): Fee(per_lot=Decimal(row.per_lot), rate=Decimal(row.rate)) for row in rows
    }


def fixing(symbol: str, interval_end: datetime) -> models.FundingFixing | None:
    return models.FundingFixing.objects.filter(symbol=symbol, interval_end=interval_end).first()


def fixings_on(price_sequence: int) -> list[models.FundingFixing]:
    """What was valued at prices of that set."""
    return list(
        models.FundingFixing.objects.filter(price_sequence=price_sequence).order_by("sequence")
    )


def exercise_instructions(symbol: str) -> dict[str, int]:
    """account -> lots it will not have exercised."""
    rows = models.ExerciseInstruction.objects.filter(symbol=symbol)
    return dict(rows.values_list("account", "abandon"))


def prices_named(name: str) -> PriceSet:
    """The content of a set, by its hash. Raises NotFound."""
    body = models.PriceBody.objects.filter(name=name).values_list("body", flat=True).first()
    if body is None:
        raise NotFound(field="price_set", price_set=name)
    return prices.read(body)


# --- cycles -----------------------------------------------------------------------------------


def cycle(cycle_id: str) -> models.Cycle:
    """Raises NotFound."""
    row = models.Cycle.objects.filter(cycle_id=cycle_id).first()
    if row is None:
        raise NotFound(field="cycle_id", cycle=cycle_id)
    return row


def cycles() -> QuerySet[models.Cycle]:
    """Newest first."""
    return models.Cycle.objects.order_by("-opened")


def open_cycles() -> list[models.Cycle]:
    """Those that are not closed, oldest first: under way, or held for people."""
    return list(models.Cycle.objects.filter(state__in=UNDER_WAY).order_by("opened"))


def cycle_lines(cycle_id: str, *, scope: Scope) -> QuerySet[models.CycleLine]:
    """The caller's own lines of a cycle, in the order they were recorded."""
    rows = models.CycleLine.objects.filter(cycle=cycle_id).order_by("id")
    return rows if scope.sees_everything else rows.filter(account__in=_accounts_of(scope))


def _accounts_of(scope: Scope) -> list[str]:
    if scope.member_id is None:
        return []
    rows = models.AccountState.objects.filter(member=scope.member_id)
    return list(rows.values_list("account", flat=True))


def settled_lines(cycle_id: str) -> list[tuple[str, ...]]:
    """Every line of a cycle as text, in an order of its own: what its content hash is over."""
    columns = ("account", "kind", "symbol", "corrects", "asset", "count", "price")
    rows = models.CycleLine.objects.filter(cycle=cycle_id)
    ordered = rows.order_by("account", "kind", "symbol", "corrects")
    return [
        tuple(str(value) for value in row)
        for row in ordered.values_list(*columns, "value", "cash", "cost")
    ]


def sums_of(cycle_id: str) -> list[CycleSums]:
    """What each instrument moved through the settlement account, by kind."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [cycle_id])
        rows = cursor.fetchall()
    return [
        CycleSums(
            kind=kind,
            moved=Moved(
                symbol=symbol,
                settlement=asset,
                accounts=accounts,
                lots=int(lots),
                value=int(value),
                cash=int(cash),
                cost=int(cost),
            ),
        )
        for kind, symbol, asset, accounts, lots, value, cash, cost in rows
    ]


def moved_by_settlement(cycle_id: str) -> dict[str, int]:
    """asset -> what the settlement account paid out, by the entries of the cycle's account facts."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, [cycle_id, entries.SETTLEMENT])
        return {asset: int(amount) for asset, amount in cursor.fetchall()}


def unsettled_between(accounts: Sequence[str], up_to: Sequence[int]) -> Unsettled:
    """What happened to accounts past the version each was last settled at, up to the one given."""
    names = [TradeNovated.NAME, LegUnwound.NAME]
    found = Unsettled()
    with connection.cursor() as cursor:
        cursor.execute(_HAPPENED, [list(accounts), list(up_to), names])
        for account, name, payload in cursor.fetchall():
            fact = codec.decode(name, payload)
            if isinstance(fact, TradeNovated):
                found.trades.setdefault(account, []).append(fact)
            else:
                found.unwound.setdefault(account, set()).add(f"{fact.venue}:{fact.trade_id}")
    return found


def late_in_funded(accounts: Sequence[str], up_to: Sequence[int]) -> list[int]:
    """Of trades as unsettled, those that took effect in an interval whose funding rate was fixed before
    they were recorded: sequences of the rates."""
    with connection.cursor() as cursor:
        cursor.execute(_LATE, [list(accounts), list(up_to), [TradeNovated.NAME]])
        return [sequence for (sequence,) in cursor.fetchall()]


def positions_by_account(symbol: str) -> dict[str, tuple[int, int]]:
    """account -> (lots, cost) of every holder, also of those that only carry a cost."""
    lots, cost = entries.lots(symbol), entries.cost(symbol)
    found: dict[str, tuple[int, int]] = {}
    rows = models.Holding.objects.filter(asset__in=[lots, cost]).order_by("account")
    for account, asset, amount in rows.values_list("account", "asset", "amount"):
        before = found.get(account, (0, 0))
        found[account] = (amount, before[1]) if asset == lots else (before[0], amount)
    return found


def lots_at(symbol: str, at: datetime) -> dict[str, int]:
    """account -> lots held at a business time, as known now: what is held, less what came later.

    A fact that took effect later was recorded after business time had passed `at`; so only the log
    past the last step of the clock up to `at` is looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LOTS_AT,
            {"asset": entries.lots(symbol), "at": at, "house": list(entries.HOUSE_ACCOUNTS)},
        )
        return {account: int(lots) for account, lots in cursor.fetchall()}


def funded_so_far(symbol: str, interval_end: str) -> dict[str, int]:
    """account -> funding of that interval so far."""
    with connection.cursor() as cursor:
        cursor.execute(_FUNDED, [f"funding {symbol} {interval_end}", symbol])
        return {account: int(cash) for account, cash in cursor.fetchall()}


# --- obligations ------------------------------------------------------------------------------


def obligations(
    *, scope: Scope, before: int | None = None, cycle_id: str | None = None, limit: int = 100
) -> list[tuple[models.Cycle, list[MemberLine]]]:
    """Closed and open cycles, newest first, each with what the caller's member owes and is owed.

    An officer sees every member's.
    """
    rows = cycles()
    if cycle_id is not None:
        rows = rows.filter(cycle_id=cycle_id)
    if not scope.sees_everything:
        mine = models.CycleLine.objects.filter(account__in=_accounts_of(scope)).values("cycle")
        rows = rows.filter(cycle_id__in=mine)
    if before is not None:
        rows = rows.filter(opened__lt=before)
    found = list(rows[:limit])
    member = None if scope.sees_everything else scope.member_id or ""
    by_cycle = _member_lines([row.cycle_id for row in found], member=member)
    return [(row, by_cycle.get(row.cycle_id, [])) for row in found]


def member_lines(cycle_id: str) -> list[MemberLine]:
    """What every member owes and is owed in one cycle."""
    return _member_lines([cycle_id], member=None).get(cycle_id, [])


def _member_lines(names: Iterable[str], *, member: str | None) -> dict[str, list[MemberLine]]:
    with connection.cursor() as cursor:
        cursor.execute(_OBLIGATIONS, {"cycles": list(names), "member": member})
        rows = cursor.fetchall()
    sums: dict[tuple[str, str, str], dict[str, int]] = {}
    for name, owner, asset, kind, cash in rows:
        sums.setdefault((name, owner, asset), {})[kind] = int(cash)
    found: dict[str, list[MemberLine]] = {}
    for (name, owner, asset), by_kind in sums.items():
        line = MemberLine(cycle_id=name, member_id=owner, asset=asset, by_kind=by_kind)
        found.setdefault(name, []).append(line)
    return found


_SUMS = """
    SELECT kind, symbol, asset, count(DISTINCT account), sum(count), sum(value), sum(cash), sum(cost)
    FROM clearing_cycleline
    WHERE cycle = %s AND kind IN ('vm', 'funding', 'payout')
    GROUP BY kind, symbol, asset ORDER BY symbol, kind
"""
_MOVED = """
    SELECT entry.asset, -sum(entry.amount)
    FROM (SELECT DISTINCT sequence FROM clearing_cycleline WHERE cycle = %s) AS line
    JOIN clearing_entry AS entry USING (sequence)
    WHERE entry.account = %s GROUP BY entry.asset HAVING sum(entry.amount) <> 0
"""
# OFFSET 0 keeps the planner to a walk along each stream from where it was settled: it thinks a range
# of versions to be a ninth of the log, and would read all of it every time.
_UNSETTLED = """
    FROM unnest(%s::text[], %s::int[]) AS it (account, up_to)
    LEFT JOIN clearing_settledaccount AS settled ON settled.account = it.account
    CROSS JOIN LATERAL (
        SELECT sequence, version, name, payload, effective_at FROM clearing_event
        WHERE stream = 'account-' || it.account
          AND version > coalesce(settled.version, 0) AND version <= it.up_to AND name = ANY (%s)
        OFFSET 0
    ) AS event
"""
_HAPPENED = f"""
    SELECT it.account, event.name, event.payload {_UNSETTLED} ORDER BY it.account, event.version
"""
_LATE = f"""
    SELECT DISTINCT fixing.sequence {_UNSETTLED}
    JOIN clearing_fundingfixing AS fixing ON fixing.interval_end >= event.effective_at
     AND fixing.sequence < event.sequence AND fixing.symbol = event.payload::jsonb ->> 'symbol'
    ORDER BY fixing.sequence
"""
_LOTS_AT = """
    WITH since AS (
        SELECT coalesce(max(sequence), 0) AS sequence FROM (
            SELECT sequence FROM clearing_event
            WHERE name = 'clearing.clock-advanced.v1' AND effective_at <= %(at)s
            ORDER BY sequence DESC LIMIT 1
        ) AS step
    ), moved AS (
        SELECT account, amount FROM clearing_holding WHERE asset = %(asset)s
        UNION ALL
        SELECT entry.account, -entry.amount
        FROM since, clearing_entry AS entry JOIN clearing_event AS event USING (sequence)
        WHERE entry.sequence > since.sequence AND entry.asset = %(asset)s
          AND event.effective_at > %(at)s AND entry.account <> ALL (%(house)s)
    )
    SELECT account, sum(amount) FROM moved GROUP BY account HAVING sum(amount) <> 0
    ORDER BY account
"""
_FUNDED = """
    SELECT line.account, sum(line.cash)
    FROM clearing_cycleline AS line
    JOIN clearing_cycle AS cycle ON cycle.cycle_id = line.cycle
    WHERE cycle.slot = %s AND line.symbol = %s AND line.kind = 'funding'
    GROUP BY line.account
"""
_OBLIGATIONS = """
    SELECT line.cycle, owner.member, line.asset, line.kind, sum(line.cash)
    FROM clearing_cycleline AS line JOIN clearing_accountstate AS owner USING (account)
    WHERE line.cycle = ANY (%(cycles)s)
      AND (%(member)s::text IS NULL OR owner.member = %(member)s)
    GROUP BY line.cycle, owner.member, line.asset, line.kind
    ORDER BY line.cycle, owner.member, line.asset, line.kind
"""
