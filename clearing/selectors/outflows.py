"""What has left the house within the hour, and what waits to."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import QuerySet, Sum

from clearing import models
from clearing.domain import entries, outflows, substitution, withdrawal
from clearing.domain.outflows import Outflow, Side
from clearing.domain.schedule import Terms
from clearing.selectors.reference import scales


def outflow_sides(
    asset: str, *, account_id: str, before: int, terms: Terms, at: datetime
) -> list[Side]:
    """The house's limit on an asset and the member's, with what counts against each.

    `before` is the sequence of what is to leave: what waits ahead of it goes first. Ask while the
    asset's stream is claimed: then nobody else is deciding on the same room.
    """
    state = models.AccountState.objects.get(account=account_id)
    whose = {"house": None, f"member {state.member}": state.member}
    shares = (
        (terms.outflow_house_amount, terms.outflow_house_share),
        (terms.outflow_member_amount, terms.outflow_member_share),
    )
    sides = []
    for (name, member), (amount, share) in zip(whose.items(), shares, strict=True):
        if amount is None and share is None:
            continue
        gone = _gone(asset, member=member, since=at - outflows.WINDOW)
        held = _held(asset, member=member) if share is not None else 0
        limit = outflows.limit_of(
            amount=amount,
            share=share,
            scale=scales()[asset],
            held=held,
            gone=sum(it.amount for it in gone),
        )
        ahead = _ahead(asset, member=member, before=before)
        sides.append(Side(name=name, limit=limit, gone=gone, ahead=ahead))
    return sides


def _of_member(
    rows: QuerySet[models.Withdrawal], member: str | None
) -> QuerySet[models.Withdrawal]:
    if member is None:
        return rows
    accounts = models.AccountState.objects.filter(member=member).values("account")
    return rows.filter(account__in=accounts)


def _gone(asset: str, *, member: str | None, since: datetime) -> list[Outflow]:
    return [
        Outflow(at=left_at, amount=amount)  # type: ignore[arg-type]  # one that left has a time
        for table in (models.Withdrawal, models.Substitution)
        for left_at, amount in _of_member(
            table.objects.filter(asset=asset, left_at__gt=since),  # type: ignore[arg-type]
            member,
        ).values_list("left_at", "amount")
    ]


def _ahead(asset: str, *, member: str | None, before: int) -> int:
    total = 0
    waiting = (
        models.Withdrawal.objects.filter(status=withdrawal.State.WAITING),
        models.Substitution.objects.filter(state=substitution.State.WAITING),
    )
    for rows in waiting:
        mine = _of_member(rows.filter(asset=asset, sequence__lt=before), member)  # type: ignore[arg-type]
        total += mine.aggregate(total=Sum("amount"))["total"] or 0
    return total


def _held(asset: str, *, member: str | None) -> int:
    """In balances and on its way out."""
    with connection.cursor() as cursor:
        cursor.execute(
            _HELD,
            {
                "holding": entries.cash(asset),
                "asset": asset,
                "member": member,
                "pending": list(withdrawal.PENDING),
            },
        )
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


_HELD = """
    SELECT coalesce(sum(amount), 0) FROM (
        SELECT held.amount FROM clearing_holding AS held JOIN clearing_accountstate USING (account)
        WHERE held.asset = %(holding)s AND held.amount > 0
          AND (%(member)s::text IS NULL OR member = %(member)s)
        UNION ALL
        SELECT leaving.amount FROM clearing_withdrawal AS leaving
        JOIN clearing_accountstate USING (account)
        WHERE leaving.asset = %(asset)s AND leaving.status = ANY (%(pending)s)
          AND (%(member)s::text IS NULL OR member = %(member)s)
    ) AS it
"""
