"""What may be held and traded, business time and policy."""

from __future__ import annotations

from django.db import models


class Asset(models.Model):
    asset = models.CharField(primary_key=True, max_length=20)
    scale = models.SmallIntegerField()
    title = models.CharField(max_length=100)


class Instrument(models.Model):
    symbol = models.CharField(primary_key=True, max_length=40)
    kind = models.CharField(max_length=10)
    payoff = models.CharField(max_length=10)
    underlying = models.CharField(max_length=20)
    quote = models.CharField(max_length=20)
    settlement = models.CharField(max_length=20)
    lot_size = models.CharField(max_length=30)
    tick_size = models.CharField(max_length=30)
    expiry_at = models.DateTimeField(null=True)
    strike = models.CharField(max_length=30)
    option_type = models.CharField(max_length=4)
    status = models.CharField(max_length=10)
    index = models.CharField(max_length=40, default="")  # final, once expired
    price_step = models.CharField(max_length=40, default="")  # what bounds new trades; "" is none
    lowest_price = models.CharField(max_length=40, default="")
    highest_price = models.CharField(max_length=40, default="")
    successor = models.CharField(max_length=40, default="")  # what it was adjusted into
    sequence = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["status", "expiry_at"], name="instrument_expiring")]

    def __str__(self) -> str:
        return self.symbol


class Clock(models.Model):
    """One row: business time."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    mode = models.CharField(max_length=10)
    now = models.DateTimeField()
    sequence = models.BigIntegerField()


class HousePolicy(models.Model):
    """One row: the policy in force."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    price_max_age_seconds = models.IntegerField()
    penalty_rate = models.CharField(max_length=20)
    price_band = models.CharField(max_length=20)
    margin_period_seconds = models.IntegerField()
    sequence = models.BigIntegerField()
