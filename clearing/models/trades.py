"""Trades, where the lots of each leg are now, and what is asked for between members."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Trade(models.Model):
    """One matched trade; written by its two legs, ended by a bust or a correction."""

    name = models.CharField(primary_key=True, max_length=220)  # <venue>:<trade id>
    venue = models.CharField(max_length=20)
    trade_id = models.CharField(max_length=200)
    symbol = models.CharField(max_length=40)
    settlement = models.CharField(max_length=20)
    lots = models.BigIntegerField()
    price_ticks = models.BigIntegerField()
    value = models.BigIntegerField()  # of the bought leg; the sold leg's is minus that
    buyer = models.CharField(max_length=40, default="")
    seller = models.CharField(max_length=40, default="")
    buyer_sequence = models.BigIntegerField(default=0)
    seller_sequence = models.BigIntegerField(default=0)
    sequence = models.BigIntegerField()  # of its last leg
    executed_at = models.DateTimeField()
    status = models.CharField(max_length=10, default="active")  # active | busted | corrected
    replaces = models.CharField(max_length=200, default="")  # trade id at the same venue
    replaced_by = models.CharField(max_length=200, default="")
    ended_sequence = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=200, default="")

    class Meta:
        indexes = [
            models.Index(fields=["sequence"], name="trade_in_order"),
            models.Index(fields=["venue", "sequence"], name="trade_of_venue"),
        ]

    def __str__(self) -> str:
        return self.name


class TradePart(models.Model):
    """All that one account has of one leg; nothing, where it had some and gave it away.

    Lots and value are signed as the account has them; over a leg they sum to the leg.
    """

    id = models.BigAutoField(primary_key=True)
    trade = models.CharField(max_length=220)  # its name
    side = models.CharField(max_length=6)  # bought | sold
    account = models.CharField(max_length=40)
    symbol = models.CharField(max_length=40)
    lots = models.BigIntegerField()
    value = models.BigIntegerField()

    class Meta:
        verbose_name = "part of a trade"
        verbose_name_plural = "parts of trades"
        constraints = [
            models.UniqueConstraint(fields=["trade", "side", "account"], name="trade_part_once")
        ]
        indexes = [models.Index(fields=["account", "symbol"], name="trade_part_of_account")]


class LegMove(models.Model):
    """One side of one step of one leg from account to account, or of its end."""

    sequence = models.BigIntegerField(primary_key=True)
    trade = models.CharField(max_length=220, db_index=True)
    side = models.CharField(max_length=6)
    account = models.CharField(max_length=40)
    counterpart = models.CharField(max_length=40)  # "" where the leg was unwound
    takes = models.BooleanField()  # whether the account has more of the leg now
    why = models.CharField(max_length=20)  # as LegMoved says it | unwound
    move_id = models.CharField(max_length=100, db_index=True)
    lots = models.BigIntegerField()  # signed as the account has them more
    value = models.BigIntegerField()
    moved_at = models.DateTimeField()


class Allocation(models.Model):
    allocation_id = models.CharField(primary_key=True, max_length=100)
    trade = models.CharField(max_length=220, db_index=True)
    side = models.CharField(max_length=6)
    account = models.CharField(max_length=40, db_index=True)  # who allocated
    lots = models.BigIntegerField()
    shares = models.IntegerField()
    status = models.CharField(max_length=10)  # active | cancelled
    made_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    sequence = models.BigIntegerField()


class Handover(models.Model):
    """A give-up or a transfer of a position: asked for, and what became of it."""

    handover_id = models.CharField(primary_key=True, max_length=100)
    kind = models.CharField(max_length=10)  # give-up | transfer
    trade = models.CharField(max_length=220, default="", db_index=True)
    side = models.CharField(max_length=6, default="")
    symbol = models.CharField(max_length=40)
    lots = models.BigIntegerField()  # signed as the giver has them
    price_ticks = models.BigIntegerField(null=True)  # of a transfer at a price; else as carried
    from_account = models.CharField(max_length=40, db_index=True)
    from_member = models.CharField(max_length=40)
    to_member = models.CharField(max_length=40)
    to_account = models.CharField(max_length=40, default="")
    status = models.CharField(max_length=10)
    reason = models.CharField(max_length=200, default="")
    executed_at = models.DateTimeField(null=True)
    requested_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    sequence = models.BigIntegerField()  # of the request
    latest = models.BigIntegerField()  # of what happened to it last

    class Meta:
        indexes = [
            models.Index(
                fields=["deadline_at"], condition=Q(status="requested"), name="handover_waiting"
            ),
            models.Index(fields=["to_member", "sequence"], name="handover_to_member"),
            models.Index(fields=["from_member", "sequence"], name="handover_from_member"),
        ]


class PriceGroup(models.Model):
    """Executions allocated at their average, which is value / lots."""

    group_id = models.CharField(primary_key=True, max_length=100)
    account = models.CharField(max_length=40, db_index=True)
    symbol = models.CharField(max_length=40)
    settlement = models.CharField(max_length=20)
    side = models.CharField(max_length=6)
    trades = models.IntegerField()
    shares = models.IntegerField()
    lots = models.BigIntegerField()
    value = models.BigIntegerField()
    made_at = models.DateTimeField()
    sequence = models.BigIntegerField()

    class Meta:
        verbose_name = "average price group"
