"""What others call our contracts and assets."""

from __future__ import annotations

from django.db import models


class InstrumentCodes(models.Model):
    """Latest codes of an instrument; empty where it has none."""

    symbol = models.CharField(primary_key=True, max_length=40)
    isin = models.CharField(max_length=12)
    cfi = models.CharField(max_length=6)
    mic = models.CharField(max_length=4)
    dti = models.CharField(max_length=9)
    upi = models.CharField(max_length=12)
    venue_code = models.CharField(max_length=40)
    contract_size = models.CharField(max_length=40)
    sequence = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "instrument codes"
        indexes = [
            models.Index(fields=["isin"], name="codes_by_isin"),
            models.Index(fields=["mic", "venue_code"], name="codes_by_venue"),
        ]

    def __str__(self) -> str:
        return self.symbol


class AssetProfile(models.Model):
    """What kind of asset it is, and its codes."""

    asset = models.CharField(primary_key=True, max_length=20)
    kind = models.CharField(max_length=20)
    iso4217 = models.CharField(max_length=3)
    dti = models.CharField(max_length=9)
    isin = models.CharField(max_length=12)
    underlying = models.CharField(max_length=20)
    leverage = models.CharField(max_length=40)
    source = models.CharField(max_length=300)
    sequence = models.BigIntegerField()

    def __str__(self) -> str:
        return self.asset
