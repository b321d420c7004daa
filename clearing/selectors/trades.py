"""Trades: the register, where each leg is now, the way it went, and what waits for an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Abs

from clearing import models
from clearing.domain import events
from clearing.domain.account import Account
from clearing.domain.errors import NotFound
from clearing.domain.parts import Part
from clearing.domain.scope import Scope
from clearing.selectors.accounts import accounts_by_id
from clearing.selectors.log import as_recorded
from clearing.store import Recorded


def trade(venue: str, trade_id: str) -> models.Trade:
    """Raises NotFound."""
    row = models.Trade.objects.filter(name=f"{venue}:{trade_id}").first()
    if row is None:
        raise NotFound(field="trade_id", trade=trade_id)
    return row


def visible_trade(venue: str, trade_id: str, *, scope: Scope) -> models.Trade:
    """The trade, if the caller has or had a part of it. Raises NotFound alike for others'."""
    row = visible_trades(scope).filter(name=f"{venue}:{trade_id}").first()
    if row is None:
        raise NotFound(field="trade_id", trade=trade_id)
    return row


def visible_trades(scope: Scope) -> QuerySet[models.Trade]:
    """Newest first: all for officers, its own for a venue, for a member those it has a part of."""
    rows = models.Trade.objects.order_by("-sequence")
    if scope.sees_everything:
        return rows
    if scope.venue is not None:
        return rows.filter(venue=scope.venue)
    mine = models.TradePart.objects.filter(account__in=_accounts_of(scope)).values("trade")
    return rows.filter(name__in=mine)


def _accounts_of(scope: Scope) -> QuerySet[models.AccountState, str]:
    rows = models.AccountState.objects.values_list("account", flat=True)
    return rows.none() if scope.member_id is None else rows.filter(member=scope.member_id)


def own_accounts(scope: Scope) -> set[str] | None:
    """Whose parts of a trade the caller is shown; None for everybody's."""
    return None if scope.sees_everything else set(_accounts_of(scope))


def own_history(found: Iterable[Recorded], *, scope: Scope) -> list[Recorded]:
    """Of a trade's facts, those the caller may see: its accounts' own, what it asked of others and
    they of it, and the end of the trade; for the venue, what it reported and how that ended."""
    mine = own_accounts(scope)
    return [it for it in found if mine is None or _may_see(it.fact, mine, scope)]


def _may_see(fact: Any, mine: set[str], scope: Scope) -> bool:
    match fact:
        case events.TradeBusted() | events.TradeCorrected():
            return True
        case events.TradeNovated() if scope.venue is not None:
            return True
        case events.GiveUpRequested():
            return fact.from_account in mine or fact.to_member == scope.member_id
        case events.GiveUpEnded():
            return handovers("give-up", scope=scope).filter(handover_id=fact.handover_id).exists()
        case events.LegAllocated() | events.AllocationCancelled():
            return fact.allocation_id.partition(":")[0] in mine  # as it is named
        case _:
            return getattr(fact, "account_id", None) in mine


def trade_parts(names: Iterable[str]) -> dict[str, list[Part]]:
    """Trade -> its parts, the emptied ones too, bought before sold and then by account."""
    found: dict[str, list[Part]] = {}
    rows = models.TradePart.objects.filter(trade__in=list(names))
    for row in rows.order_by("trade", "side", "account"):
        part = Part(account_id=row.account, side=row.side, lots=row.lots, value=row.value)
        found.setdefault(row.trade, []).append(part)
    return found


def part_of(name: str, account_id: str, *, side: str = "") -> Part:
    """What an account has of a trade; of one side where it has both. Raises NotFound."""
    found = [
        part
        for part in trade_parts([name]).get(name, [])
        if part.account_id == account_id and part.lots and side in ("", part.side)
    ]
    if len(found) != 1:
        raise NotFound(field="side" if found else "account", account=account_id)
    return found[0]


def promised_lots(name: str, account_id: str, *, side: str) -> int:
    """Lots of a leg that wait to be claimed by others, without a sign."""
    rows = models.Handover.objects.filter(
        kind="give-up", trade=name, from_account=account_id, side=side, status="requested"
    )
    return int(rows.aggregate(total=Sum(Abs("lots")))["total"] or 0)


def leg_moves(name: str) -> list[models.LegMove]:
    """The way a trade's lots went, oldest step first, as those who took them have it."""
    return list(models.LegMove.objects.filter(trade=name, takes=True).order_by("sequence"))


def moves_of(move_id: str) -> list[models.LegMove]:
    """What an allocation, give-up or group moved, as those who took it have it."""
    rows = models.LegMove.objects.filter(move_id=move_id, takes=True)
    return list(rows.order_by("sequence"))


def trade_history(row: models.Trade) -> list[Recorded]:
    """Every fact about a trade: its legs, what was decided about it, and each move, in order."""
    moves = models.LegMove.objects.filter(trade=row.name).values("sequence")
    rows = models.Event.objects.filter(
        Q(stream=f"trade-{row.name}")
        | Q(sequence__in=[row.buyer_sequence, row.seller_sequence])
        | Q(sequence__in=moves)
    )
    return [as_recorded(each) for each in rows.order_by("sequence")]


def allocations(name: str) -> QuerySet[models.Allocation]:
    return models.Allocation.objects.filter(trade=name).order_by("-sequence")


def visible_allocations(name: str, *, scope: Scope) -> QuerySet[models.Allocation]:
    rows = allocations(name)
    return rows if scope.sees_everything else rows.filter(account__in=_accounts_of(scope))


def visible_allocation(name: str, allocation_id: str, *, scope: Scope) -> models.Allocation:
    """Raises NotFound alike for others' and for none."""
    row = visible_allocations(name, scope=scope).filter(allocation_id=allocation_id).first()
    if row is None:
        raise NotFound(field="allocation_id", allocation=allocation_id)
    return row


def allocation(name: str, allocation_id: str) -> models.Allocation:
    """Raises NotFound, also for another trade's."""
    row = allocations(name).filter(allocation_id=allocation_id).first()
    if row is None:
        raise NotFound(field="allocation_id", allocation=allocation_id)
    return row


def handovers(kind: str, *, scope: Scope) -> QuerySet[models.Handover]:
    """What the caller asked of others, and what others ask of it; newest first."""
    rows = models.Handover.objects.filter(kind=kind).order_by("-sequence")
    if scope.sees_everything:
        return rows
    if scope.member_id is None:
        return rows.none()
    return rows.filter(Q(from_member=scope.member_id) | Q(to_member=scope.member_id))


def handover(handover_id: str, *, kind: str) -> models.Handover:
    """Raises NotFound."""
    row = models.Handover.objects.filter(handover_id=handover_id, kind=kind).first()
    if row is None:
        raise NotFound(field="handover_id", handover=handover_id)
    return row


def visible_handover(handover_id: str, *, kind: str, scope: Scope) -> models.Handover:
    """Raises NotFound alike for others' and for none."""
    row = handovers(kind, scope=scope).filter(handover_id=handover_id).first()
    if row is None:
        raise NotFound(field="handover_id", handover=handover_id)
    return row


def waiting_handovers(name: str) -> list[models.Handover]:
    """Give-ups of a trade that nobody has answered."""
    rows = models.Handover.objects.filter(trade=name, status="requested")
    return list(rows.order_by("sequence"))


def handovers_in(symbols: Iterable[str]) -> list[models.Handover]:
    """Give-ups and transfers of lots of any of the contracts that nobody has answered."""
    rows = models.Handover.objects.filter(symbol__in=list(symbols), status="requested")
    return list(rows.order_by("sequence"))


def overdue_handovers(*, at: datetime) -> list[models.Handover]:
    rows = models.Handover.objects.filter(status="requested", deadline_at__lte=at)
    return list(rows.order_by("deadline_at", "handover_id"))


def price_groups(scope: Scope) -> QuerySet[models.PriceGroup]:
    rows = models.PriceGroup.objects.order_by("-sequence")
    return rows if scope.sees_everything else rows.filter(account__in=_accounts_of(scope))


def has_member(member_id: str) -> bool:
    """Whether anybody of that member could take something: it has an account with us."""
    return models.AccountState.objects.filter(member=member_id).exists()


def taken_id(move_id: str) -> bool:
    """Whether an allocation, a handover or a group of that id stands in the record."""
    return (
        models.Allocation.objects.filter(allocation_id=move_id).exists()
        or models.Handover.objects.filter(handover_id=move_id).exists()
        or models.PriceGroup.objects.filter(group_id=move_id).exists()
    )


def members_of(accounts: Sequence[str]) -> dict[str, str]:
    """account -> member, of those that exist."""
    rows = models.AccountState.objects.filter(account__in=list(accounts))
    return dict(rows.values_list("account", "member"))


def accounts_held(accounts: Sequence[str]) -> dict[str, Account]:
    """Many accounts from their snapshots, unopened ones too; claim their streams first."""
    found = accounts_by_id(accounts)
    return {name: found.get(name, Account(account_id=name)) for name in accounts}
