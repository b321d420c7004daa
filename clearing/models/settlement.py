"""Settlement: when and for how much, cycles, and what each account paid and received in one."""

from __future__ import annotations

from django.db import models


class SettlementSchedule(models.Model):
    """One row: when the book is settled."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    times = models.CharField(max_length=200)
    interval_minutes = models.IntegerField()
    since = models.DateTimeField()
    sequence = models.BigIntegerField()


class FeeInForce(models.Model):
    """What trading an instrument of a kind costs."""

    kind = models.CharField(primary_key=True, max_length=10)
    per_lot = models.CharField(max_length=30)
    rate = models.CharField(max_length=30)
    sequence = models.BigIntegerField()


class FundingFixing(models.Model):
    """The rate of one interval of one perpetual."""

    sequence = models.BigIntegerField(primary_key=True)
    symbol = models.CharField(max_length=40)
    source = models.CharField(max_length=100)
    interval_end = models.DateTimeField()
    hours = models.IntegerField()
    rate = models.CharField(max_length=40)
    price = models.CharField(max_length=40)
    price_sequence = models.BigIntegerField()  # 0 where the source gave the price

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["symbol", "interval_end"], name="funding_fixed_once")
        ]
        indexes = [models.Index(fields=["price_sequence"], name="funding_of_prices")]


class Cycle(models.Model):
    """What a cycle is pinned to, and how far it is."""

    cycle_id = models.CharField(primary_key=True, max_length=90)
    kind = models.CharField(max_length=10)
    slot = models.CharField(max_length=90)
    state = models.CharField(max_length=10)
    price_set = models.CharField(max_length=64)
    price_sequence = models.BigIntegerField()
    accounts = models.IntegerField()
    watermark = models.BigIntegerField()
    corrects = models.CharField(max_length=90)
    at = models.DateTimeField()  # business time it is effective at
    opened = models.BigIntegerField(db_index=True)  # sequence
    closed = models.BigIntegerField(null=True)
    lines = models.IntegerField(default=0)
    totals = models.TextField(default="{}")  # JSON: asset -> paid, received, residue
    content_hash = models.CharField(max_length=64, default="")
    reason = models.CharField(max_length=300, default="")  # of being held
    correlation_id = models.CharField(max_length=100)

    class Meta:
        verbose_name = "settlement cycle"
        indexes = [
            models.Index(fields=["state", "opened"], name="cycle_in_state"),
            models.Index(fields=["price_sequence"], name="cycle_of_prices"),
        ]

    def __str__(self) -> str:
        return self.cycle_id


class CycleLine(models.Model):
    """One thing one account pays (negative) or receives in a cycle."""

    id = models.BigAutoField(primary_key=True)
    cycle = models.CharField(max_length=90)
    account = models.CharField(max_length=40)
    ordinal = models.IntegerField()  # in its fact
    kind = models.CharField(max_length=10)
    symbol = models.CharField(max_length=40)
    asset = models.CharField(max_length=20)
    count = models.BigIntegerField()  # lots, or trades
    price = models.CharField(max_length=40)
    value = models.BigIntegerField()
    cash = models.BigIntegerField()
    cost = models.BigIntegerField()
    corrects = models.CharField(max_length=90)  # the cycle this is the difference to
    sequence = models.BigIntegerField()

    class Meta:
        constraints = [
            # nothing is paid twice, whoever runs a cycle again
            models.UniqueConstraint(
                fields=["cycle", "account", "kind", "symbol", "corrects"], name="cycle_line_once"
            )
        ]
        indexes = [
            models.Index(fields=["account", "-sequence"], name="line_of_account"),
            models.Index(fields=["symbol", "kind", "cycle"], name="line_of_symbol"),
        ]


class LatePayout(models.Model):
    """What came back to an account of an expired contract, and what it was paid for that."""

    sequence = models.BigIntegerField(primary_key=True)
    account = models.CharField(max_length=40)
    symbol = models.CharField(max_length=40)
    lots = models.BigIntegerField()
    value = models.BigIntegerField()  # before cost
    price_set = models.CharField(max_length=64)

    class Meta:
        indexes = [
            models.Index(fields=["symbol", "account"], name="late_payout_of_symbol"),
            models.Index(fields=["price_set"], name="late_payout_of_prices"),
        ]


class SettledAccount(models.Model):
    """Up to which version an account's trades are settled: its fees are charged once."""

    account = models.CharField(primary_key=True, max_length=40)
    version = models.IntegerField()
    sequence = models.BigIntegerField()


class ExerciseInstruction(models.Model):
    """How many lots a holder will not have exercised."""

    id = models.BigAutoField(primary_key=True)
    account = models.CharField(max_length=40)
    symbol = models.CharField(max_length=40)
    abandon = models.BigIntegerField()
    sequence = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["symbol", "account"], name="exercise_instruction_once")
        ]
